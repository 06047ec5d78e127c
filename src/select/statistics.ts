import { quantileSorted } from "d3-array";
import { HeartcutError } from "../errors.ts";
import { moments } from "../statistics.ts";
import type { ScoreStatistics } from "./record.ts";

/** Quantiles reported where none are asked for. */
export const QUANTILES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];

/** Counts in equal-width bins from the smallest to the largest value, the last bin closed, as numpy.histogram puts them.
 * density integrates to 1; cumulative is the share of values in this bin and all before.
 * @param values - finite   @throws HeartcutError HC3106 for no values or one that is not finite */
export function histogram(values: ArrayLike<number>, bins: number): ScoreStatistics["histogram"] {
  const { min, max } = range(values);
  // Values too close for bins of their own (all equal, or equal but for rounding): a half more on both sides, as numpy does for one value.
  const splits = (max - min) / bins > Math.max(1e-300, 4 * Number.EPSILON * Math.max(Math.abs(min), Math.abs(max)));
  const first = splits ? min : min - 0.5;
  const last = splits ? max : max + 0.5;
  const step = (last - first) / bins;
  const edges = Array.from({ length: bins + 1 }, (_, i) => (i === bins ? last : first + i * step));
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    let bin = Math.min(bins - 1, Math.floor(((x - first) / (last - first)) * bins));
    // The division rounds: the edges decide, or two readers of one histogram would count differently.
    if (x < edges[bin]!) bin--;
    else if (bin !== bins - 1 && x >= edges[bin + 1]!) bin++;
    counts[bin]!++;
  }
  let below = 0;
  return {
    edges,
    counts,
    density: counts.map((c, i) => c / (edges[i + 1]! - edges[i]!) / values.length),
    cumulative: counts.map((c) => {
      below += c;
      return below / values.length;
    }),
  };
}

/** Distribution of one score: range, mean, population standard deviation, quantiles by linear interpolation, histogram.
 * @throws HeartcutError HC3106 for no values or one that is not finite */
export function scoreStatistics(
  score: string,
  values: ArrayLike<number>,
  options: { bins?: number; quantiles?: readonly number[] } = {},
): ScoreStatistics {
  const { min, max } = range(values);
  const sorted = Array.from(Float64Array.from(values).sort());
  const { mean, variance } = moments(values);
  return {
    score,
    count: values.length,
    min,
    max,
    mean,
    std: Math.sqrt(variance),
    quantiles: Object.fromEntries((options.quantiles ?? QUANTILES).map((q) => [String(q), quantileSorted(sorted, q)!])),
    histogram: histogram(values, options.bins ?? 50),
  };
}

function range(values: ArrayLike<number>): { min: number; max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const x = values[i]!;
    if (!Number.isFinite(x)) throw statisticsFault(`${x} at position ${i}`);
    if (x < min) min = x;
    if (x > max) max = x;
  }
  if (values.length === 0) throw statisticsFault("no values");
  return { min, max };
}

function statisticsFault(found: string): HeartcutError {
  return new HeartcutError("HC3106", {
    what: "a distribution needs finite scores",
    found,
    expected: "at least one value, each of them a finite number",
    fix: "score the corpus again, or leave the instances without a score out",
  });
}
