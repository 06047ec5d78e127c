import { quantileSorted } from "d3-array";
import { InternalError } from "../../errors.ts";
import type { Random } from "../../random.ts";
import { studentCritical95 } from "../intervals.ts";
import type { ScalingFit } from "./record.ts";
import type { FitProblem } from "./robust_fit.ts";

/** One resample: how often each point counts, and the log losses it is fitted to. */
export type Resample = Pick<FitProblem, "weight" | "target">;

/** How the points of a fit are resampled, and what that leaves out of the spread. */
export interface Resampling {
  resampled: ScalingFit["resampled"];
  /** Factor on the distance of the quantiles from the estimate, see `widenedInterval`. */
  widening: number;
  draw(random: Random): Resample;
}

/** 97.5 % point of the standard normal distribution. */
const Z_95 = 1.959963984540054;

/**
 * Chooses the bootstrap by what the points are. Several curves: whole curves are drawn with replacement, because the points of
 * one training are not independent. One curve: blocks of neighbouring residuals, as long as the square root of their number, are put
 * on the fitted curve. Points without a curve, each a training of its own: points are drawn.
 * @param groups - per point; all undefined where there are no curves   @param fitted - log loss by the fitted law, per point
 * @param constants - how many were fitted
 * Source: Efron 1979; Freedman 1981 (residuals); Künsch 1989 (blocks); Field and Welsh 2007 (clusters)
 */
export function resamplingOf(
  problem: FitProblem,
  groups: readonly (string | undefined)[],
  fitted: Float64Array,
  constants: number,
): Resampling {
  const n = groups.length;
  const names = [...new Set(groups)];
  if (names[0] === undefined) {
    const all = groups.map((_, i) => [i]);
    return { resampled: "points", widening: widening(n, n - constants), draw: (random) => drawn(problem, all, random) };
  }
  if (names.length > 1) {
    const members = names.map((name) => groups.flatMap((group, i) => (group === name ? [i] : [])));
    const spread = widening(names.length, names.length - 1);
    return { resampled: "groups", widening: spread, draw: (random) => drawn(problem, members, random) };
  }
  const residuals = problem.target.map((value, i) => value - fitted[i]!);
  const block = Math.ceil(Math.sqrt(n));
  const draw = (random: Random): Resample => {
    const target = new Float64Array(n);
    for (let start = 0; start < n; start += block) {
      const from = random.below(n);
      for (let i = start; i < Math.min(n, start + block); i++)
        target[i] = fitted[i]! + residuals[(from + i - start) % n]!;
    }
    return { weight: problem.weight, target };
  };
  return { resampled: "residuals", widening: widening(n, n - constants), draw };
}

/**
 * What a percentile interval lacks where little was resampled: a bootstrap spreads by sqrt((n - 1) / n) too little (with c
 * fitted constants (n - c) / n), and its quantiles are those of a normal, not of Student's distribution.
 * @param n - what is drawn   @param degrees - of freedom left   Source: Hesterberg 2015, arXiv:1411.5279, section 4
 */
export function widening(n: number, degrees: number): number {
  return (studentCritical95(degrees) / Z_95) * Math.sqrt(n / degrees);
}

/**
 * 95 % interval of an estimate from its resamples: the 2.5 and 97.5 % quantiles, their distances from the estimate times
 * `factor`. An end is infinite where more than 2.5 % of the draws are. @param draws - at least one; sorted in place
 */
export function widenedInterval(estimate: number, draws: Float64Array, factor: number): [number, number] {
  if (draws.length === 0) throw new InternalError("interval of no resamples");
  const sorted = Array.from(draws.sort());
  const [low, high] = [0.025, 0.975].map((p) => finiteQuantile(sorted, p)) as [number, number];
  return [estimate - factor * Math.max(0, estimate - low), estimate + factor * Math.max(0, high - estimate)];
}

/** Between an infinite and a finite value the infinite one stands: their weighted mean would not be a number, or would be finite. */
function finiteQuantile(sorted: number[], p: number): number {
  const place = p * (sorted.length - 1);
  const ends = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return ends.find((value) => !Number.isFinite(value)) ?? quantileSorted(sorted, p)!;
}

function drawn({ target }: FitProblem, members: readonly (readonly number[])[], random: Random): Resample {
  const weight = new Float64Array(target.length);
  for (let d = 0; d < members.length; d++) for (const i of members[random.below(members.length)]!) weight[i]! += 1;
  return { weight, target };
}
