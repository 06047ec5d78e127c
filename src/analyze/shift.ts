import { median } from "d3-array";
import { moments } from "../statistics.ts";
import type { SelectionAnalysis, Shift } from "./record.ts";

/** Instances of a corpus as the shifts look at them, one entry each. */
export interface Measured {
  /** Number of each instance's source in `sources`. */
  sourceOf: Int32Array;
  sources: readonly string[];
  tokens: Int32Array;
}

/** Shares of the tokens by source. @param order - the instances that count; all where left out */
export function tokenShares({ sourceOf, sources, tokens }: Measured, order?: Int32Array): Float64Array {
  const shares = new Float64Array(sources.length);
  const count = order?.length ?? tokens.length;
  let total = 0;
  for (let at = 0; at < count; at++) {
    const i = order?.[at] ?? at;
    shares[sourceOf[i]!]! += tokens[i]!;
    total += tokens[i]!;
  }
  return total === 0 ? shares : shares.map((x) => x / total);
}

/** Jensen-Shannon divergence of two distributions in bits, 0 … 1: mean of their KL divergences from (p + q) / 2.
 * Source: Lin 1991 */
export function jensenShannonBits(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const middle = (p[i]! + q[i]!) / 2;
    if (p[i]! > 0) sum += p[i]! * Math.log2(p[i]! / middle);
    if (q[i]! > 0) sum += q[i]! * Math.log2(q[i]! / middle);
  }
  return Math.max(0, sum / 2);
}

/** Total variation distance of two distributions, 0 … 1: half the sum of absolute differences. */
export function totalVariation(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) sum += Math.abs(p[i]! - q[i]!);
  return sum / 2;
}

/** Two-sample Kolmogorov-Smirnov distance: the largest gap between the distribution functions; null if a sample is empty. */
export function kolmogorovSmirnov(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  if (a.length === 0 || b.length === 0) return null;
  const x = Float64Array.from(a).sort();
  const y = Float64Array.from(b).sort();
  let gap = 0;
  let i = 0;
  let j = 0;
  while (i < x.length && j < y.length) {
    // Ties move both: the gap is taken behind all entries of a value.
    const value = Math.min(x[i]!, y[j]!);
    while (i < x.length && x[i] === value) i++;
    while (j < y.length && y[j] === value) j++;
    gap = Math.max(gap, Math.abs(i / x.length - j / y.length));
  }
  return gap;
}

/** Lengths of all, kept and dropped instances. @param kept - 1 where an instance was kept */
export function lengthShift(tokens: Int32Array, kept: Uint8Array): SelectionAnalysis["lengths"] {
  const parts = {
    all: tokens,
    kept: tokens.filter((_, i) => kept[i] === 1),
    dropped: tokens.filter((_, i) => kept[i] === 0),
  };
  const shift = (figure: (part: Int32Array) => number): Shift => ({
    all: figure(parts.all),
    kept: parts.kept.length === 0 ? null : figure(parts.kept),
    dropped: parts.dropped.length === 0 ? null : figure(parts.dropped),
  });
  return {
    mean: shift((part) => moments(part).mean),
    median: shift((part) => median(part)!),
    ks: kolmogorovSmirnov(parts.kept, parts.dropped),
  };
}
