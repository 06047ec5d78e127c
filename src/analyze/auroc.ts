import { quantileSorted } from "d3-array";
import { InternalError } from "../errors.ts";
import { Random } from "../random.ts";

/** Area under the ROC curve: the probability that a good unit scores above a bad one, ties as half (Mann-Whitney U / (G B)).
 * @param good - 1 for a good unit, 0 for a bad one; at least one of each   Source: Hanley and McNeil 1982 */
export function auroc(scores: ArrayLike<number>, good: Uint8Array): number {
  return weightedAuroc(tieGroups(scores), good, new Float64Array(good.length).fill(1));
}

/** AUROC of several scores over the same units, with 95 % percentile bootstrap intervals over units, and of the first score's
 * difference from each other one on the same resamples. Good and bad units are drawn apart, so that no resample lacks one kind.
 * @param scores - finite columns by name, at least one   @param good - as in `auroc` */
export function bootstrapAuroc(
  scores: ReadonlyMap<string, ArrayLike<number>>,
  good: Uint8Array,
  { resamples = 2_000, seed }: { resamples?: number | undefined; seed: number },
) {
  const groups = new Map([...scores].map(([name, column]) => [name, tieGroups(column)]));
  const drawn = new Map([...scores.keys()].map((name): [string, Float64Array] => [name, new Float64Array(resamples)]));
  const kinds = [1, 0].map((kind) => Int32Array.from(good.keys()).filter((i) => good[i] === kind));
  const random = new Random(seed, "analyze/auroc");
  const weights = new Float64Array(good.length);
  for (let r = 0; r < resamples; r++) {
    weights.fill(0);
    for (const units of kinds) for (let d = 0; d < units.length; d++) weights[units[random.below(units.length)]!]!++;
    for (const [name, group] of groups) drawn.get(name)![r] = weightedAuroc(group, good, weights);
  }
  const [first, ...others] = [...scores.keys()];
  if (first === undefined) throw new InternalError("an AUROC of no scores");
  const values = new Map([...scores].map(([name, column]) => [name, auroc(column, good)]));
  return {
    resamples,
    scores: [...scores.keys()].map((score) => ({
      score,
      auroc: values.get(score)!,
      interval: interval(drawn.get(score)!),
    })),
    comparisons: others.map((other) => ({
      a: first,
      b: other,
      difference: values.get(first)! - values.get(other)!,
      interval: interval(drawn.get(first)!.map((x, r) => x - drawn.get(other)![r]!)),
    })),
  };
}

/** Units in ascending order of their score, and where each group of equal scores ends. */
interface TieGroups {
  order: Int32Array;
  ends: number[];
}

function tieGroups(scores: ArrayLike<number>): TieGroups {
  const order = Int32Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => scores[a]! - scores[b]! || a - b,
  );
  const ends: number[] = [];
  for (let at = 1; at <= order.length; at++)
    if (at === order.length || scores[order[at]!] !== scores[order[at - 1]!]) ends.push(at);
  return { order, ends };
}

function weightedAuroc({ order, ends }: TieGroups, good: Uint8Array, weights: Float64Array): number {
  let goods = 0;
  let bads = 0;
  let wins = 0;
  let at = 0;
  for (const end of ends) {
    let goodHere = 0;
    let badHere = 0;
    for (; at < end; at++) {
      const unit = order[at]!;
      if (good[unit] === 1) goodHere += weights[unit]!;
      else badHere += weights[unit]!;
    }
    wins += goodHere * (bads + badHere / 2);
    goods += goodHere;
    bads += badHere;
  }
  if (goods === 0 || bads === 0) throw new InternalError("an AUROC needs good and bad units");
  return wins / (goods * bads);
}

function interval(values: Float64Array): [number, number] {
  const sorted = Array.from(values.slice().sort());
  return [quantileSorted(sorted, 0.025)!, quantileSorted(sorted, 0.975)!];
}
