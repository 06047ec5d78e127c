import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { encodeContexts, prefixId } from "./encode_request.ts";
import type { AskedSequence, Likelihood, LikelihoodModel } from "./likelihood.ts";
import { PYTHON_SPACE } from "./python_text.ts";
import { contextLength } from "./requests.ts";
import type { RolledText } from "./rolling_metrics.ts";

/** log p of a whole text, worked out in windows. */
export interface RollingLikelihood extends RolledText {
  readonly windows: readonly RollingWindow[];
}

/** One window: ids that are read only, ids that are predicted, and the log p of the latter. */
export interface RollingWindow {
  readonly context: number;
  readonly predicted: number;
  readonly logLikelihood: number;
}

export interface RollingOptions {
  readonly tokenizer: Tokenizer;
  /** Whether the tokenizer puts its own BOS in front of the text, where it then is predicted too; default true, as the harness. */
  readonly bos?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told while a model reads how many of the texts it is through with, those half read in part. */
  readonly onProgress?: ((texts: number) => void) | undefined;
}

/** Texts asked in one call of the model: bounds what is held in memory. */
export const TEXTS = 32;

/**
 * log p of each text from its first token to its last: windows of the model's context, each token predicted once. The first window
 * starts from the prefix token (BOS, else EOS), a later one from the token before it; the last one reaches back as far as it can.
 * With a tokenizer that writes BOS itself, that BOS is predicted from the prefix BOS: a quirk of the harness, which `bos: false` takes out.
 * @throws HeartcutError HC35xx as prefixId   Source: lm-evaluation-harness 0.4.13, loglikelihood_rolling
 */
export async function rollingLikelihoods(
  texts: readonly string[],
  model: LikelihoodModel,
  { tokenizer, bos = true, signal, onProgress }: RollingOptions,
): Promise<RollingLikelihood[]> {
  const prefix = prefixId(tokenizer);
  const results: RollingLikelihood[] = [];
  for (let start = 0; start < texts.length; start += TEXTS) {
    const some = texts.slice(start, start + TEXTS);
    const encoded = bos ? await encodeContexts(tokenizer, some) : await tokenizer.encodeBatch(some);
    const windows = encoded.map((ids) => rollingWindows(ids, prefix, contextLength(model.maxPositions)));
    // Windows share nothing but a first token: each is a group of its own.
    const groups = windows.flat().map((window) => [window]);
    const answers = await model.likelihoods(groups, signal, (read) =>
      onProgress?.(start + (some.length * read) / groups.length),
    );
    let next = 0;
    for (const [i, text] of some.entries()) {
      const own = windows[i]!.map((window): [AskedSequence, Likelihood] => [window, answers[next++]![0]!]);
      results.push(rolled(text, own));
    }
  }
  return results;
}

function rolled(text: string, answered: readonly [AskedSequence, Likelihood][]): RollingLikelihood {
  const windows = answered.map(([{ ids, from }, { logLikelihood }]) => ({
    context: from,
    predicted: ids.length - from,
    logLikelihood,
  }));
  return {
    logLikelihood: windows.reduce((sum, window) => sum + window.logLikelihood, 0),
    windows,
    words: countWords(text),
    bytes: Buffer.byteLength(text, "utf8"),
  };
}

/** The sequences by which all ids of a text are predicted once. @param maxPositions - longest input of the model */
export function rollingWindows(ids: Int32Array, prefix: number, maxPositions: number): AskedSequence[] {
  const windows: AskedSequence[] = [];
  for (let done = 0; done < ids.length; ) {
    const end = Math.min(done + maxPositions, ids.length);
    if (done === 0) windows.push({ ids: Int32Array.from([prefix, ...ids.subarray(0, end)]), from: 1 });
    else {
      const first = Math.max(0, end - maxPositions - 1);
      windows.push({ ids: ids.slice(first, end), from: done - first });
    }
    done = end;
  }
  return windows;
}

const SPACES = new RegExp(`${PYTHON_SPACE}+`);

/** Pieces between stretches of what Python calls white space; one at either end of the text leaves an empty piece, which counts. */
export function countWords(text: string): number {
  return text.split(SPACES).length;
}
