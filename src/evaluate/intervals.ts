import { quantileSorted } from "d3-array";
import { InternalError } from "../errors.ts";
import { Random } from "../random.ts";

/** Settings of a percentile bootstrap. */
export interface BootstrapOptions {
  /** Default 10,000. */
  resamples?: number;
  seed: number;
  /** What is resampled; equal names draw equal resamples, so that columns of one set stay paired. */
  stream: string;
}

/** 95 % percentile bootstrap interval of a mean: the values are drawn with replacement, the mean's 2.5 and 97.5 % quantiles taken.
 * @param values - at least one   Source: Efron 1979 */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions): [number, number] {
  return bootstrapMeanOfMeans([values], options);
}

/** The same of the plain mean of several groups' means: each group is drawn from by itself, in its own size.
 * @param groups - at least one, each of at least one value */
export function bootstrapMeanOfMeans(
  groups: readonly ArrayLike<number>[],
  options: BootstrapOptions,
): [number, number] {
  if (groups.length === 0 || groups.some(({ length }) => length === 0))
    throw new InternalError("bootstrap of no values");
  const random = new Random(options.seed, options.stream);
  const means = new Float64Array(options.resamples ?? 10_000);
  for (let r = 0; r < means.length; r++) {
    let total = 0;
    for (const values of groups) {
      const n = values.length;
      let sum = 0;
      for (let i = 0; i < n; i++) sum += values[random.below(n)]!;
      total += sum / n;
    }
    means[r] = total / groups.length;
  }
  const sorted = Array.from(means.sort());
  return [quantileSorted(sorted, 0.025)!, quantileSorted(sorted, 0.975)!];
}

/** Probability that |T| <= t for Student's t with a whole number of degrees of freedom.
 * Source: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4 (finite series) */
export function studentCentralProbability(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const cosine = Math.cos(angle);
  const odd = degrees % 2 === 1;
  let term = odd ? cosine : 1;
  let series = degrees > 1 ? term : 0;
  for (let k = odd ? 3 : 2; k < degrees; k += 2) {
    term *= (cosine * cosine * (k - 1)) / k;
    series += term;
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * series) : Math.sin(angle) * series;
}

/** t with P(|T| <= t) = 0.95, by bisection to the last bit that matters. */
export function studentCritical95(degrees: number): number {
  let low = 1.95;
  let high = 13;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (studentCentralProbability(middle, degrees) < 0.95) low = middle;
    else high = middle;
  }
  return high;
}

/** Mean of independent runs and its 95 % t interval.
 * @param values - at least two */
export function meanWithStudentInterval(values: readonly number[]): { mean: number; interval: [number, number] } {
  const n = values.length;
  if (n < 2) throw new InternalError("a t interval needs two values");
  const mean = values.reduce((sum, x) => sum + x, 0) / n;
  const variance = values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (n - 1);
  const half = studentCritical95(n - 1) * Math.sqrt(variance / n);
  return { mean, interval: [mean - half, mean + half] };
}
