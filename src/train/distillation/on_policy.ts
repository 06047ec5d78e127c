import type { CausalLM } from "../../models/causal_lm.ts";
import { generateBatch } from "../../models/generate.ts";
import { Random } from "../../random.ts";
import type { TrainingInstance } from "../rows.ts";
import type { OnPolicySettings } from "./settings.ts";

/** The student's own text for some instances of a step. */
export interface Sampled {
  /** Prompt and continuation, as long as the instance. */
  readonly tokens: Int32Array;
  /** First label position that the student wrote. */
  readonly from: number;
}

/** Which instances of a step give way to the student's own text. A function of seed and step. */
export function chosenForSampling(
  instances: readonly TrainingInstance[],
  settings: OnPolicySettings,
  seed: number,
  step: number,
): boolean[] {
  const random = new Random(seed, `train/on-policy/${step}`);
  // Drawn for all, so that what a row is does not depend on the others.
  return instances.map(({ tokens }) => random.uniform() < settings.share && tokens.length > settings.promptTokens);
}

/** Lets the student continue the beginnings of instances up to their lengths; behind EOS it begins another document. */
export async function sampleTexts(
  student: CausalLM,
  instances: readonly TrainingInstance[],
  { promptTokens, temperature }: OnPolicySettings,
  seed: number,
  step: number,
): Promise<Sampled[]> {
  if (instances.length === 0) return [];
  const longest = Math.max(...instances.map(({ tokens }) => tokens.length)) - promptTokens;
  const made = await generateBatch(
    student,
    instances.map(({ tokens }) => tokens.subarray(0, promptTokens)),
    {
      maxNewTokens: longest,
      temperature,
      seed,
      streams: instances.map(({ index }, row) => `on-policy/${step}/${row}/${index}`),
      // One group: rows end together, and each other size would be compiled anew.
      places: Number.MAX_SAFE_INTEGER,
    },
  );
  return instances.map(({ tokens }, i) => {
    const text = tokens.slice();
    text.set(made[i]!.subarray(0, tokens.length - promptTokens), promptTokens);
    return { tokens: text, from: promptTokens - 1 };
  });
}

/**
 * Length-normalised reward behind each sampled token: the mean of log p/q over the tokens after it, 0 behind the last.
 * Source: MiniLLM, arXiv:2306.08543, eq. 8 (log p/q as reward, divided by the number of tokens left).
 * @param teacherNll, studentNll - of every label position, nats   @param scored - 1 where a position counts
 */
export function rewardsToGo(teacherNll: Float32Array, studentNll: Float32Array, scored: Uint8Array): Float32Array {
  const rewards = new Float32Array(scored.length);
  let sum = 0;
  let count = 0;
  for (let t = scored.length - 1; t >= 0; t--) {
    if (scored[t] === 0) continue;
    rewards[t] = count === 0 ? 0 : sum / count;
    sum += studentNll[t]! - teacherNll[t]!;
    count++;
  }
  return rewards;
}
