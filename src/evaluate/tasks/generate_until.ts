import { HeartcutError } from "../../errors.ts";
import type { CausalLM } from "../../models/causal_lm.ts";
import { generateBatch } from "../../models/generate.ts";
import { maskIdsOf } from "../../models/loss_mask.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { meanOf } from "./metrics.ts";
import type { GenerationItem, PreparedGeneration } from "./prepared.ts";
import { strip } from "./python_text.ts";
import type { TaskOutcome } from "./record.ts";

/** Texts that are begun in one call: enough to fill batches, few enough to be heard of soon. */
export const TEXTS_PER_CALL = 64;

/** What a model wrote for one item. */
export interface GeneratedAnswer {
  readonly docId: number;
  /** Up to the first stop string. */
  readonly text: string;
  /** 1 where the text is the target but for white space around either, else 0. */
  readonly exactMatch: number;
}

export interface GenerateAnswersOptions {
  readonly tokenizer: Tokenizer;
  readonly signal?: AbortSignal | undefined;
  /** Told while a model writes how many of the texts are finished. */
  readonly onProgress?: ((texts: number) => void) | undefined;
}

/**
 * Has a model write on from each context: the likeliest token each time, up to a stop string, the end of text or the task's limit.
 * A context that leaves no room for the limit loses ids on the left.
 * @returns the answers in order of prepared.items
 * @throws HeartcutError HC3536 if the model's context is no longer than the limit; as generateBatch; Interrupted on the signal
 *   Source: lm-evaluation-harness 0.4.13, generate_until
 */
export async function generateAnswers(
  prepared: PreparedGeneration,
  model: CausalLM,
  { tokenizer, signal, onProgress }: GenerateAnswersOptions,
): Promise<GeneratedAnswer[]> {
  const ends = endIds(model, tokenizer);
  const stops = new Map<string, readonly number[]>();
  const answers: GeneratedAnswer[] = [];
  let finished = 0;
  for (const group of groupsOfOneKind(prepared.items)) {
    const { until, maxNewTokens } = group[0]!;
    const room = roomFor(model, prepared.task, maxNewTokens);
    const contexts = group.map(({ ids }) => ids.slice(Math.max(0, ids.length - room)));
    const key = JSON.stringify(until);
    const stopIds = stops.get(key) ?? [...new Set([...ends, ...idsThatHold(until, tokenizer, model.vocabSize)])];
    stops.set(key, stopIds);
    const tokens = contexts.map(() => 0);
    const onToken = (id: number, input: number) => {
      if (++tokens[input]! === maxNewTokens || stopIds.includes(id)) onProgress?.(++finished);
    };
    const made = await generateBatch(model, contexts, { maxNewTokens, stopIds, signal, onToken });
    for (const [i, { docId, target }] of group.entries()) {
      const written = tokenizer.decode(made[i]!, { skipSpecialTokens: true });
      const text = until.reduce((kept, stop) => (stop === "" ? kept : kept.split(stop, 1)[0]!), written);
      const exactMatch = Number(strip(text) === strip(target));
      answers.push({ docId, text, exactMatch });
    }
  }
  return answers;
}

/** The figures of a generation task from its answers. @throws HeartcutError HC3536 as generateAnswers */
export function generationOutcome(
  prepared: PreparedGeneration,
  model: CausalLM,
  answers: readonly Pick<GeneratedAnswer, "docId" | "exactMatch">[],
): TaskOutcome {
  const { task, version, fewshot, of, published, main, chance } = prepared;
  const perItem = answers.map(({ exactMatch }) => exactMatch);
  return {
    ...{ task, version, fewshot, items: answers.length, of, published, main, chance, perItem },
    cut: prepared.items.filter((item) => item.ids.length > roomFor(model, task, item.maxNewTokens)).length,
    metrics: [{ name: "exact_match", ...meanOf(perItem), higherIsBetter: true }],
    docIds: answers.map(({ docId }) => docId),
  };
}

/** Stretches of items that end alike, each of at most TEXTS_PER_CALL. */
function groupsOfOneKind(items: readonly GenerationItem[]): GenerationItem[][] {
  const groups: GenerationItem[][] = [];
  const kind = ({ until, maxNewTokens }: GenerationItem) => JSON.stringify([until, maxNewTokens]);
  for (const item of items) {
    const last = groups.at(-1);
    if (last !== undefined && last.length < TEXTS_PER_CALL && kind(last[0]!) === kind(item)) last.push(item);
    else groups.push([item]);
  }
  return groups;
}

function roomFor(model: CausalLM, task: string, maxNewTokens: number): number {
  const { maxPositions } = model.description.config;
  if (maxPositions > maxNewTokens) return maxPositions - maxNewTokens;
  throw new HeartcutError("HC3536", {
    what: "the task has the model write more than its context holds",
    where: `task ${task}`,
    found: `up to ${maxNewTokens} new tokens, and ${maxPositions} positions`,
    expected: "room for at least one token of the question",
    fix: "lower the task's limit on new tokens, or take a model with a longer context",
  });
}

function endIds(model: CausalLM, tokenizer: Tokenizer): number[] {
  const { eosId } = maskIdsOf(model.description.json);
  return [tokenizer.specials.eos ?? [], eosId ?? []].flat().filter((id) => id < model.vocabSize);
}

/**
 * Ids whose own text holds a stop string: behind one of them nothing that is written counts. A stop string that is spread over
 * several tokens is found in the text afterwards; the tokens behind it are made in vain.
 */
function idsThatHold(until: readonly string[], tokenizer: Tokenizer, vocabSize: number): number[] {
  const stops = until.filter((stop) => stop !== "");
  const holds: number[] = [];
  for (let id = 0; stops.length > 0 && id < Math.min(vocabSize, tokenizer.vocabSize); id++) {
    const text = tokenizer.decode([id]);
    if (stops.some((stop) => text.includes(stop))) holds.push(id);
  }
  return holds;
}
