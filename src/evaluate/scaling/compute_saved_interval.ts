import { InternalError } from "../../errors.ts";
import { Random } from "../../random.ts";
import type { MetricsLine } from "../../train/record.ts";
import { averageCurve, type LossPoint, reach, type StudentCurves } from "../compute_saved.ts";
import type { FittedScalingLaw } from "./fit.ts";
import { computeOf } from "./points.ts";
import type { ComputeSavedInterval } from "./record.ts";
import { widenedInterval, widening } from "./resampling.ts";
import { jointWarnings } from "./weaknesses.ts";

/** Settings of the interval by curves. */
export interface ComputeSavedOptions {
  /** Default 1000. */
  resamples?: number | undefined;
  seed: number;
}

/** A student's law on one set. */
export interface NamedLaw {
  name: string;
  law: FittedScalingLaw;
}

const RESAMPLES = 1000;
/** Share of the resamples that may miss the loss before the lower end of the interval is open. */
const MISSED = 0.025;

/**
 * Compute saved at equal loss by the measured curves, with an interval over seeds: pairs of curves, the students' seeds in their
 * order, are drawn with replacement and the saving is worked out anew for the same two roles. The curves are averaged as
 * computeSaved does, over the seeds that have a partner. Formed on the log of the ratio of computes and widened for few seeds.
 * @throws HeartcutError HC3203, HC3204 as averageCurve
 */
export function computeSavedInterval(
  first: StudentCurves,
  second: StudentCurves,
  set: string,
  options: ComputeSavedOptions,
): ComputeSavedInterval {
  const pairs = Math.min(first.curves.length, second.curves.length);
  const students = [first, second].map(({ name, curves }) => ({
    name,
    curves: curves.slice(0, pairs).map(evalsOf(set)),
  }));
  const mean = ({ name, curves }: (typeof students)[number], drawn: readonly number[]) =>
    averageCurve({ name, curves: drawn.map((i) => curves[i]!) }, set);
  const all = Array.from({ length: pairs }, (_, i) => i);
  const ends = students.map((student) => ({ student, points: mean(student, all) }));
  const [better, other] = ends.sort((x, y) => x.points.at(-1)!.loss - y.points.at(-1)!.loss) as [End, End];
  const target = other.points.at(-1)!;
  const at = reach(better.points, target.loss, ({ flops }) => flops);
  const resamples = pairs > 1 ? (options.resamples ?? RESAMPLES) : 0;
  const random = new Random(options.seed, `scaling/saved/${set}`);
  const draws = Float64Array.from({ length: resamples }, () => {
    const drawn = all.map(() => random.below(pairs));
    const there = mean(other.student, drawn).at(-1)!;
    const curve = mean(better.student, drawn);
    if (!curve.some(({ loss }) => loss <= there.loss)) return Number.POSITIVE_INFINITY;
    return Math.log(reach(curve, there.loss, ({ flops }) => flops).spent / there.flops);
  });
  return {
    set,
    better: better.student.name,
    other: other.student.name,
    by: "curves",
    targetLoss: target.loss,
    flops: { better: at.spent, other: target.flops },
    saved: 1 - at.spent / target.flops,
    ...(at.bound && { bound: true }),
    ...intervalOf(Math.log(at.spent / target.flops), draws, pairs > 1 ? widening(pairs, pairs - 1) : 1),
    resampled: resamples > 0 ? "seeds" : null,
  };
}

/**
 * Compute saved at equal loss by two fitted laws of compute, at the loss that the higher one has at a compute that may lie
 * beyond all that was measured: what MiniPLM's "2.2 times" extrapolates. Resamples of the two fits are paired in their order.
 * Weak constants still describe the curve along which they were fitted, but not what lies outside: their resamples agree on a
 * form that the points do not tell from others, so that an interval there would be too sure. Nothing is told there then.
 * @returns why nothing is told, where that is so
 */
export function computeSavedByFits(
  first: NamedLaw,
  second: NamedLaw,
  set: string,
  flops: number,
): ComputeSavedInterval | string {
  for (const { law } of [first, second])
    if (law.fit.law !== "compute") throw new InternalError("compute saved by a law that is not of compute");
  const lossOf = ({ law }: NamedLaw) => law.estimate.lossAt({ flops });
  const [better, other] = lossOf(first) <= lossOf(second) ? [first, second] : [second, first];
  const targetLoss = lossOf(other);
  const spent = better.law.estimate.computeAt(targetLoss);
  if (!Number.isFinite(spent)) return `the law of ${better.name} never has the loss that ${other.name} has there`;
  const weak = jointWarnings([first, second].map(({ name, law }) => ({ name, warnings: law.weak })));
  if (weak.length > 0 && !(wasMeasured(other.law, flops) && wasMeasured(better.law, spent)))
    return `that lies outside the measured computes, and the constants are too weak to go there (${weak.join("; ")})`;
  const resamples = Math.min(better.law.resamples.length, other.law.resamples.length);
  const draws = Float64Array.from({ length: resamples }, (_, r) =>
    Math.log(better.law.resamples[r]!.computeAt(other.law.resamples[r]!.lossAt({ flops })) / flops),
  );
  return {
    set,
    better: better.name,
    other: other.name,
    by: "fits",
    targetLoss,
    flops: { better: spent, other: flops },
    saved: 1 - spent / flops,
    ...intervalOf(Math.log(spent / flops), draws, Math.max(better.law.widening, other.law.widening)),
    resampled: resamples > 0 ? "fits" : null,
  };
}

/** Whether a compute lies within those that were fitted, but for the last digits. */
function wasMeasured({ points }: FittedScalingLaw, flops: number): boolean {
  const computes = points.map(computeOf);
  return flops >= Math.min(...computes) * (1 - 1e-9) && flops <= Math.max(...computes) * (1 + 1e-9);
}

interface End {
  student: { name: string; curves: LossPoint[][] };
  points: LossPoint[];
}

function evalsOf(set: string): (lines: readonly MetricsLine[]) => LossPoint[] {
  return (lines) => lines.filter((line): line is LossPoint => line.type === "eval" && line.set === set);
}

/** The interval of a saving from draws of the log ratio of computes; draws that never reach the loss are infinite. */
function intervalOf(
  estimate: number,
  draws: Float64Array,
  factor: number,
): Pick<ComputeSavedInterval, "interval" | "reached" | "resamples"> {
  const reached = draws.reduce((count, ratio) => count + Number(ratio < Number.POSITIVE_INFINITY), 0);
  const known = { reached, resamples: draws.length };
  if (draws.length === 0 || reached < (1 - MISSED) * draws.length) return { interval: null, ...known };
  const [low, high] = widenedInterval(estimate, draws, factor);
  return { interval: Number.isFinite(high) ? [1 - Math.exp(high), 1 - Math.exp(low)] : null, ...known };
}
