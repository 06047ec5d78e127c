import { deviation, mean } from "d3-array";
import { InternalError } from "../errors.ts";
import { type BootstrapOptions, bootstrapMean, studentCentralProbability } from "./intervals.ts";

/** 97.5 % point of the standard normal distribution. */
export const Z_95 = 1.959963984540054;

/** Natural logarithm of the binomial coefficient n over k; -Infinity where k is not in 0 … n. */
export function logBinomial(n: number, k: number): number {
  if (k < 0 || k > n) return Number.NEGATIVE_INFINITY;
  const few = Math.min(k, n - k);
  let sum = 0;
  for (let j = 1; j <= few; j++) sum += Math.log((n - few + j) / j);
  return sum;
}

/**
 * McNemar's exact test, two-sided: the probability, if both are equally good, of a split of the discordant answers at
 * least as uneven as this one. Summed from the largest term down, so that thousands of pairs neither overflow nor vanish.
 * @param onlyA, onlyB - items only one of the two answers correctly   Source: McNemar 1947; binomial form, not mid-p
 */
export function mcnemarExact(onlyA: number, onlyB: number): number {
  const n = onlyA + onlyB;
  const fewer = Math.min(onlyA, onlyB);
  let term = 1;
  let sum = 1;
  for (let i = fewer; i > 0 && term > 0; i--) {
    term *= i / (n - i + 1);
    sum += term;
  }
  return Math.min(1, 2 * sum * Math.exp(logBinomial(n, fewer) - n * Math.LN2));
}

/** 95 % Wilson interval of a share. @param n - at least one   Source: Wilson 1927, without continuity correction */
export function wilsonInterval(successes: number, n: number): [number, number] {
  if (n < 1) throw new InternalError("a share of nothing has no interval");
  const share = successes / n;
  const scale = 1 / (1 + Z_95 ** 2 / n);
  const centre = scale * (share + Z_95 ** 2 / (2 * n));
  const half = scale * Z_95 * Math.sqrt((share * (1 - share)) / n + Z_95 ** 2 / (4 * n * n));
  // At 0 and n one bound is exactly 0 or 1; the two terms leave a rounding error there.
  return [successes === 0 ? 0 : centre - half, successes === n ? 1 : centre + half];
}

/** Whether values differ by more than rounding, as equal differences such as 0.7 - 0.6 and 0.8 - 0.7 do. */
export function vary(values: readonly number[]): boolean {
  return (deviation(values) ?? 0) > 1e-12;
}

/**
 * Two-sided p of the paired t test that the mean difference is 0.
 * @returns undefined where the test says nothing: fewer than two differences, or differences that do not vary
 */
export function pairedTTest(differences: readonly number[]): number | undefined {
  if (!vary(differences)) return undefined;
  const n = differences.length;
  const t = Math.abs(mean(differences)!) / (deviation(differences)! / Math.sqrt(n));
  return Math.max(0, 1 - studentCentralProbability(t, n - 1));
}

/** p values adjusted for their number, in their order: holds the family-wise error at the level they are compared with.
 * Source: Holm 1979 */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).sort((a, b) => p[a]! - p[b]! || a - b);
  const adjusted = new Array<number>(p.length);
  let highest = 0;
  for (const [rank, i] of order.entries()) {
    highest = Math.max(highest, Math.min(1, (p.length - rank) * p[i]!));
    adjusted[i] = highest;
  }
  return adjusted;
}

/** The same within each family of comparisons; those without a p do not count and stay without one.
 * @param families - by comparison, the family it belongs to */
export function holmWithin(p: readonly (number | undefined)[], families: readonly unknown[]): (number | undefined)[] {
  const adjusted: (number | undefined)[] = p.map(() => undefined);
  for (const family of new Set(families)) {
    const members = [...p.keys()].filter((i) => families[i] === family && p[i] !== undefined);
    for (const [at, one] of holm(members.map((i) => p[i]!)).entries()) adjusted[members[at]!] = one;
  }
  return adjusted;
}

/**
 * Difference of two accuracies on the same items, b - a, with a paired bootstrap interval over items.
 * @param a, b - per item: 1 for a correct answer, 0 for another one, or the share of runs that were correct
 */
export function pairedAccuracyDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  options: BootstrapOptions,
): { difference: number; interval: [number, number] } {
  if (a.length !== b.length) throw new InternalError(`paired accuracies of ${a.length} and ${b.length} items`);
  const differences = Float64Array.from(a, (x, i) => b[i]! - x);
  const difference = differences.reduce((sum, d) => sum + d, 0) / differences.length;
  return { difference, interval: bootstrapMean(differences, options) };
}

/**
 * Probability that k of n units drawn without replacement hold at least one of each of the disjoint groups: exact, a
 * multivariate hypergeometric distribution taken group by group. With one group: 1 - C(n - size, k) / C(n, k).
 */
export function coverProbability(n: number, groups: readonly number[], k: number): number {
  // left[r]: probability that the groups so far are covered and r draws remain for what is not in them.
  let left = new Float64Array(k + 1);
  left[k] = 1;
  let rest = n;
  for (const size of groups) {
    const next = new Float64Array(k + 1);
    for (let r = 1; r <= k; r++) {
      if (left[r] === 0) continue;
      const all = logBinomial(rest, r);
      for (let j = 1; j <= Math.min(size, r); j++)
        next[r - j]! += left[r]! * Math.exp(logBinomial(size, j) + logBinomial(rest - size, r - j) - all);
    }
    left = next;
    rest -= size;
  }
  return Math.min(
    1,
    left.reduce((sum, x) => sum + x, 0),
  );
}
