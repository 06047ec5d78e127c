import { HeartcutError } from "../errors.ts";
import type { MetricsLine } from "../train/record.ts";

/** One measured point of a held-out loss curve. */
export type LossPoint = Extract<MetricsLine, { type: "eval" }>;

/** Where student a first reaches the loss student b ended with, and what that saves. */
export interface ComputeSaved {
  set: string;
  a: string;
  b: string;
  /** Student b's last loss, in nats per token. */
  targetLoss: number;
  /** What b spent to get there. */
  spentByB: { flops: number; tokens: number };
  /** What a had spent when it got there; absent if it never did. */
  reachedByA?: { flops: number; tokens: number };
  /** 1 - a's FLOPs / b's FLOPs; absent if a never got there, negative if it took more. */
  savedFlops?: number;
  savedTokens?: number;
  /** Seeds whose curves were averaged. */
  seeds: { a: number; b: number };
  /** The result in a sentence. */
  statement: string;
}

/** Loss curves of one student, one per seed. */
export interface StudentCurves {
  name: string;
  curves: readonly (readonly MetricsLine[])[];
}

/** FLOPs and tokens at which student a reaches student b's final loss on one held-out set. Curves are averaged over seeds
 * first; between two points the logarithm of the compute is linear in the loss.
 * @throws HeartcutError HC3203 without points of the set, HC3204 if the seeds were measured at different steps */
export function computeSaved(a: StudentCurves, b: StudentCurves, set: string): ComputeSaved {
  const curveA = averageCurve(a, set);
  const end = averageCurve(b, set).at(-1)!;
  const flops = reach(curveA, end.loss, (p) => p.flops);
  const tokens = reach(curveA, end.loss, (p) => p.tokens);
  const result = {
    set,
    a: a.name,
    b: b.name,
    targetLoss: end.loss,
    spentByB: { flops: end.flops, tokens: end.tokens },
    seeds: { a: a.curves.length, b: b.curves.length },
  };
  if (flops === undefined || tokens === undefined) {
    return {
      ...result,
      statement: `${a.name} did not reach ${b.name}'s final loss of ${end.loss.toFixed(3)} on ${set}`,
    };
  }
  const savedFlops = 1 - flops / end.flops;
  return {
    ...result,
    reachedByA: { flops, tokens },
    savedFlops,
    savedTokens: 1 - tokens / end.tokens,
    statement:
      `${a.name} reached ${b.name}'s final loss of ${end.loss.toFixed(3)} on ${set} with ` +
      `${(100 * Math.abs(savedFlops)).toFixed(1)} % ${savedFlops < 0 ? "more" : "less"} training compute`,
  };
}

/** Mean over seeds at each measured step, in order of the steps. */
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
  for (const curve of curves) {
    if (curve.length === first.length && curve.every((p, i) => p.step === first[i]!.step)) continue;
    throw new HeartcutError("HC3204", {
      what: "the seeds of a student were measured at different steps",
      where: `student ${student.name}, set ${set}`,
      found: `steps ${stepsOf(curve)}`,
      expected: `steps ${stepsOf(first)} as the first seed has`,
      why: "their curves are averaged step by step",
      fix: "train all seeds with one evaluation interval and the same number of steps",
    });
  }
  return first.map((point, i) => ({
    ...point,
    flops: meanOf(curves.map((curve) => curve[i]!.flops)),
    tokens: meanOf(curves.map((curve) => curve[i]!.tokens)),
    loss: meanOf(curves.map((curve) => curve[i]!.loss)),
  }));
}

/** Compute at which a curve first comes down to a loss; where nothing lies before that point (or it cost nothing), the point itself stands. */
function reach(curve: readonly LossPoint[], loss: number, spent: (p: LossPoint) => number): number | undefined {
  const at = curve.findIndex((p) => p.loss <= loss);
  if (at < 0) return undefined;
  const after = curve[at]!;
  const before = curve[at - 1];
  if (before === undefined || spent(before) <= 0) return spent(after);
  const share = (before.loss - loss) / (before.loss - after.loss);
  return Math.exp(Math.log(spent(before)) + share * (Math.log(spent(after)) - Math.log(spent(before))));
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
