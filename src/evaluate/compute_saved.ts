import { HeartcutError } from "../errors.ts";
import type { MetricsLine } from "../train/record.ts";
import type { ComputeSaved } from "./record.ts";

/** One measured point of a held-out loss curve. */
export type LossPoint = Extract<MetricsLine, { type: "eval" }>;

/** Loss curves of one student, one per seed. */
export interface StudentCurves {
  name: string;
  curves: readonly (readonly MetricsLine[])[];
}

/** FLOPs and tokens at which the student that ends lower reaches the other's final loss on one held-out set. Curves are averaged
 * over seeds first; between two points the logarithm of the compute is linear in the loss. With equal final losses the first
 * student counts as the better one.
 * @throws HeartcutError HC3203 without points of the set, HC3204 if the seeds were measured at different steps */
export function computeSaved(first: StudentCurves, second: StudentCurves, set: string): ComputeSaved {
  const curves = [first, second].map((student) => ({ student, points: averageCurve(student, set) }));
  const [better, other] = curves.sort((x, y) => lastOf(x.points).loss - lastOf(y.points).loss) as [Averaged, Averaged];
  const { loss, flops, tokens } = lastOf(other.points);
  const [inFlops, inTokens] = [reach(better.points, loss, (p) => p.flops), reach(better.points, loss, (p) => p.tokens)];
  const spent = { better: { flops: inFlops.spent, tokens: inTokens.spent }, other: { flops, tokens } };
  const savedFlops = saved(spent.better.flops, flops);
  const bound = inFlops.bound || inTokens.bound;
  const atLeast = !bound ? "" : savedFlops < 0 ? "at most " : "at least ";
  return {
    set,
    better: better.student.name,
    other: other.student.name,
    targetLoss: loss,
    spent,
    savedFlops,
    savedTokens: saved(spent.better.tokens, tokens),
    seeds: { better: better.student.curves.length, other: other.student.curves.length },
    ...(bound && { bound }),
    statement:
      `${better.student.name} reached ${other.student.name}'s final loss of ${loss.toFixed(3)} on ${set} with ` +
      `${atLeast}${(100 * Math.abs(savedFlops)).toFixed(1)} % ${savedFlops < 0 ? "more" : "less"} training compute`,
  };
}

interface Averaged {
  student: StudentCurves;
  points: LossPoint[];
}

function lastOf(points: readonly LossPoint[]): LossPoint {
  return points.at(-1)!;
}

/** Where nothing was spent there is nothing to save. */
function saved(spent: number, of: number): number {
  return of > 0 ? 1 - spent / of : 0;
}

/** Mean over seeds at each measured step, in order of the steps, and at the end. */
export function averageCurve(student: StudentCurves, set: string): LossPoint[] {
  const curves = student.curves.map((lines) =>
    lines.filter((line): line is LossPoint => line.type === "eval" && line.set === set).sort((x, y) => x.step - y.step),
  );
  const first = curves[0];
  if (first === undefined || curves.some((curve) => curve.length === 0)) {
    throw new HeartcutError("HC3203", {
      what: "a loss curve has no held-out points",
      where: `student ${student.name}, set ${set}`,
      fix: "train with this held-out set and an evaluation interval",
    });
  }
  // Trainings of equal FLOPs end some steps apart: their ends are one point, whatever their step.
  const shared = Math.min(...curves.map((curve) => curve.length)) - 1;
  for (const curve of curves) {
    if (curve.length - shared <= 2 && curve.slice(0, shared).every((p, i) => p.step === first[i]!.step)) continue;
    throw new HeartcutError("HC3204", {
      what: "the seeds of a student were measured at different steps",
      where: `student ${student.name}, set ${set}`,
      found: `steps ${stepsOf(curve)}`,
      expected: `steps ${stepsOf(first)} as the first seed has`,
      why: "their curves are averaged step by step",
      fix: "train all seeds with one evaluation interval and the same number of steps",
    });
  }
  const aligned = curves.map((curve) => [...curve.slice(0, shared), curve.at(-1)!]);
  return aligned[0]!.map((point, i) => ({
    ...point,
    flops: meanOf(aligned.map((curve) => curve[i]!.flops)),
    tokens: meanOf(aligned.map((curve) => curve[i]!.tokens)),
    loss: meanOf(aligned.map((curve) => curve[i]!.loss)),
  }));
}

/** Compute at which a curve with a point at or below a loss first comes down to it; where nothing was measured before that point
 * (or it cost nothing), the point itself stands, a bound if it is already below the loss. */
export function reach(curve: readonly LossPoint[], loss: number, spent: (p: LossPoint) => number): Reached {
  const at = curve.findIndex((p) => p.loss <= loss);
  const after = curve[at]!;
  const before = curve[at - 1];
  if (before === undefined || spent(before) <= 0)
    return { spent: spent(after), bound: after.loss < loss && spent(after) > 0 };
  const share = (before.loss - loss) / (before.loss - after.loss);
  const log = Math.log(spent(before)) + share * (Math.log(spent(after)) - Math.log(spent(before)));
  return { spent: Math.exp(log), bound: false };
}

/** Compute at which a loss is reached. */
export interface Reached {
  spent: number;
  /** Whether it may have been reached sooner, before anything was measured. */
  bound: boolean;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}

function stepsOf(curve: readonly LossPoint[]): string {
  const steps = curve.map((p) => p.step);
  return steps.length > 6
    ? `${steps.slice(0, 3).join(", ")} … ${steps.at(-1)} (${steps.length} points)`
    : steps.join(", ");
}
