import { HeartcutError } from "../errors.ts";
import type { LanguageModel } from "../models/language_model.ts";
import { bucketPairs, targetBucket } from "../models/pairs.ts";
import { checkpointSignal } from "../progress.ts";
import type { AttributedPair } from "./method.ts";
import type { TeacherOutputRow } from "./record.ts";
import type { AttributionEngine } from "./rows.ts";
import { shortest } from "./shortest.ts";

/** Logits that leave the engine at once (float32: 128 MB). */
const LOGITS_BUDGET = 2 ** 25;

/** @throws HeartcutError HC6106 unless 1 <= topK <= vocabulary */
export function checkTopK(model: LanguageModel, topK: number): void {
  if (Number.isInteger(topK) && topK >= 1 && topK <= model.vocabSize) return;
  throw new HeartcutError("HC6106", {
    what: "the teacher's outputs cannot hold this many ids a token",
    found: `topK: ${topK}`,
    expected: `a whole number from 1 to ${model.vocabSize}, the vocabulary`,
    fix: "choose such a number",
  });
}

/**
 * The model's k likeliest ids at each target token and their natural-log probabilities, at temperature 1: a student's
 * loss puts its own temperature on. One row per pair, in order.
 */
export async function teacherOutputs(
  { model, batchPlaces, context }: AttributionEngine,
  pairs: readonly AttributedPair[],
  topK: number,
): Promise<TeacherOutputRow[]> {
  const results = new Array<TeacherOutputRow>(pairs.length);
  for (const group of bucketPairs(pairs, batchPlaces)) {
    const longest = Math.max(...group.map((i) => pairs[i]!.target.length));
    const rows = Math.max(1, Math.floor(LOGITS_BUDGET / (targetBucket(longest) * model.vocabSize)));
    for (let start = 0; start < group.length; start += rows) {
      await checkpointSignal(context);
      const members = group.slice(start, start + rows);
      const logits = await model.targetLogits(members.map((i) => pairs[i]!));
      for (const [row, i] of members.entries()) {
        const { id, target } = pairs[i]!;
        const places = Array.from(target, (_, t) =>
          likeliest(logits[row]!.subarray(t * model.vocabSize, (t + 1) * model.vocabSize), topK),
        );
        results[i] = {
          id,
          target: Array.from(target),
          ids: places.map((place) => place.ids),
          logProbs: places.map((place) => place.logProbs),
        };
      }
    }
  }
  return results;
}

/** The k largest of one token's logits as log-probabilities, largest first; of equal ones the lower id first. */
export function likeliest(logits: Float32Array, k: number): { ids: number[]; logProbs: number[] } {
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    const logit = logits[id]!;
    if (ids.length === k && logit <= logits[ids[k - 1]!]!) continue;
    let at = Math.min(ids.length, k - 1);
    for (; at > 0 && logits[ids[at - 1]!]! < logit; at--) ids[at] = ids[at - 1]!;
    ids[at] = id;
  }
  const top = logits[ids[0]!]!;
  let mass = 0;
  for (const logit of logits) mass += Math.exp(logit - top);
  const normalizer = top + Math.log(mass);
  return { ids, logProbs: ids.map((id) => shortest(logits[id]! - normalizer)) };
}
