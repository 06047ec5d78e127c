import type { TopLogProbs } from "../distill/record.ts";

/** "instance": mean over instances of per-instance means (MiniPLM); "token": mean over all scored tokens of the batch. */
export type LossNormalization = "instance" | "token";

/** An instance as a training sees it. */
export interface TrainingInstance {
  /** Its number in the folder of instances. */
  readonly index: number;
  readonly tokens: Int32Array;
}

/** One row of a batch: n tokens, and what their n-1 label positions weigh in each mean, 0 where they have no part. */
export interface BatchRow {
  readonly tokens: Int32Array;
  /** In the likelihood of the text. */
  readonly lm: Float32Array;
  /** In the distance to the teacher. */
  readonly kd: Float32Array;
  /** Written by the student in this step. */
  readonly sampled?: boolean;
  /** Rewards that weigh the likelihood of sampled text beyond that. */
  readonly rewards?: Float32Array | undefined;
  /** The teacher's stored outputs. */
  readonly stored?: TopLogProbs | undefined;
}

/**
 * Weight of each label position in the mean of a whole batch, whatever micro-batches it is computed in.
 * @param masks - per row, 1 where a position counts
 * @returns one array per row; all of them sum up to 1, or to 0 where nothing counts
 */
export function meanWeights(masks: readonly Uint8Array[], normalization: LossNormalization): Float32Array[] {
  const counts = masks.map((mask) => mask.reduce((n, x) => n + x, 0));
  const scored = counts.reduce((a, b) => a + b, 0);
  const rows = counts.filter((n) => n > 0).length;
  return masks.map((mask, i) => {
    const weight = normalization === "token" ? 1 / scored : 1 / (rows * counts[i]!);
    return Float32Array.from(mask, (x) => (x === 0 ? 0 : weight));
  });
}

/** Σ weight · value over the positions of a row. @param values - [rows·T] */
export function weighted(weights: Float32Array, values: Float32Array, row: number, T: number): number {
  let sum = 0;
  for (let t = 0; t < weights.length; t++) if (weights[t] !== 0) sum += weights[t]! * values[row * T + t]!;
  return sum;
}
