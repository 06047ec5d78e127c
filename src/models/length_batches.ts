import { lengthBucket } from "./batch.ts";

/** Groups sequences of similar length so that no batch exceeds so many label positions, padded as the engine pads them; one longer
 * sequence goes alone.
 * Longest first: the largest batch, which decides whether memory suffices, comes at the start. Order depends on the lengths only.
 * @param lengths - tokens of each sequence
 * @param classOf - label positions that a sequence of so many is padded to
 * @returns batches of indices into lengths */
export function lengthBatches(
  lengths: readonly number[],
  batchTokens: number,
  classOf: (positions: number) => number = lengthBucket,
): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const batches: number[][] = [];
  let current: number[] = [];
  for (const i of order) {
    const longest = Math.max(0, lengths[current[0] ?? i]! - 1);
    if (current.length > 0 && classOf(longest) * (current.length + 1) > batchTokens) {
      batches.push(current);
      current = [];
    }
    current.push(i);
  }
  if (current.length > 0) batches.push(current);
  return batches;
}
