import { rank } from "d3-array";

/** Pearson correlation of two columns; undefined where one of them does not vary. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number | undefined {
  const x = moments(a);
  const y = moments(b);
  if (!(x.variance > 0 && y.variance > 0)) return undefined;
  let covariance = 0;
  for (let i = 0; i < a.length; i++) covariance += (a[i]! - x.mean) * (b[i]! - y.mean);
  return Math.max(-1, Math.min(1, covariance / a.length / Math.sqrt(x.variance * y.variance)));
}

/** Spearman's rank correlation, ties by their mean rank; undefined where one column does not vary. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number | undefined {
  return pearson(meanRanks(a), meanRanks(b));
}

/** Mean and population variance, in doubles and two passes. */
export function moments(values: ArrayLike<number>): { mean: number; variance: number } {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return { mean, variance: squares / values.length };
}

/** Ranks from 0, equal values sharing the mean of their places (d3's rank gives each the lowest). */
function meanRanks(values: ArrayLike<number>): Float64Array {
  const lowest = rank(Float64Array.from(values));
  const ties = new Float64Array(values.length);
  for (const r of lowest) ties[r]!++;
  return lowest.map((r) => r + (ties[r]! - 1) / 2);
}
