import type { MetricsLine } from "../train/record.ts";
import type { Group } from "./cast.ts";

/** Held-out loss at one moment of training; loss in nats per token. */
export interface CurvePoint {
  step: number;
  tokens: number;
  flops: number;
  loss: number;
}

/** What the horizontal axis counts. */
export type Cost = "flops" | "tokens";

/** Held-out curves of one group on one set. */
export interface GroupCurve {
  group: Group;
  seeds: { seed: number; points: CurvePoint[] }[];
  /** Mean over the seeds at the steps that all of them have. */
  mean: CurvePoint[];
}

/** Evaluation points of one model on one set, in order of steps; a later line for a step replaces the earlier one. */
export function evalCurve(metrics: readonly MetricsLine[], set: string): CurvePoint[] {
  const byStep = new Map<number, CurvePoint>();
  for (const line of metrics)
    if (line.type === "eval" && line.set === set)
      byStep.set(line.step, { step: line.step, tokens: line.tokens, flops: line.flops, loss: line.loss });
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}

/** The curves of a group on a set; undefined if none of its students was evaluated there. */
export function groupCurve(group: Group, set: string): GroupCurve | undefined {
  const measured = group.students.flatMap((student) => {
    const points = evalCurve(student.metrics, set);
    return points.length === 0 ? [] : [{ student, points }];
  });
  if (measured.length === 0) return undefined;
  const curves = measured.map(({ points }) => points);
  const finished = measured.every(({ student }) => student.training !== undefined);
  const mean = finished ? meanToTheEnd(curves) : meanCurve(curves);
  return { group, seeds: measured.map(({ student, points }) => ({ seed: student.seed, points })), mean };
}

/** Names of the held-out sets that appear in the students' metrics, in order of appearance. */
export function curveSets(groups: readonly Group[]): string[] {
  const sets = new Set<string>();
  for (const group of groups)
    for (const student of group.students)
      for (const line of student.metrics) if (line.type === "eval") sets.add(line.set);
  return [...sets];
}

/** Mean loss of several curves at the steps they share; costs are the first curve's. */
export function meanCurve(curves: readonly CurvePoint[][]): CurvePoint[] {
  return sharedMeans(curves, (point) => point.loss).map(({ point, mean }) => ({ ...point, loss: mean }));
}

/** The same for finished trainings, whose ends belong together: those of equal FLOPs may be some steps apart. */
function meanToTheEnd(curves: readonly CurvePoint[][]): CurvePoint[] {
  const ends = curves.map((points) => points.at(-1)!);
  if (ends.every(({ step }) => step === ends[0]!.step)) return meanCurve(curves);
  const first = Math.min(...ends.map(({ step }) => step));
  const loss = ends.reduce((sum, end) => sum + end.loss, 0) / ends.length;
  return [...meanCurve(curves).filter(({ step }) => step < first), { ...ends[0]!, loss }];
}

/** Mean of a value over several curves, at the points of the first whose steps all of them have. */
export function sharedMeans<T extends { step: number }>(
  curves: readonly (readonly T[])[],
  value: (point: T) => number,
): { point: T; mean: number }[] {
  const valueAt = curves.map((points) => new Map(points.map((point) => [point.step, value(point)])));
  return curves[0]!
    .filter((point) => valueAt.every((values) => values.has(point.step)))
    .map((point) => ({
      point,
      mean: valueAt.reduce((sum, values) => sum + values.get(point.step)!, 0) / curves.length,
    }));
}

/** FLOPs where the metrics count them, else tokens. */
export function costOf(groups: readonly Group[]): Cost {
  const counted = groups.some((group) =>
    group.students.some((student) => student.metrics.some((line) => line.flops > 0)),
  );
  return counted ? "flops" : "tokens";
}

/** At most `limit` points: means of consecutive runs of points, so that noise is averaged and not picked. */
export function thinned(points: readonly { x: number; y: number }[], limit: number): { x: number; y: number }[] {
  if (points.length <= limit) return [...points];
  return Array.from({ length: limit }, (_, bucket) => {
    const part = points.slice(
      Math.floor((bucket * points.length) / limit),
      Math.floor(((bucket + 1) * points.length) / limit),
    );
    const mean = (key: "x" | "y") => part.reduce((sum, point) => sum + point[key], 0) / part.length;
    return { x: mean("x"), y: mean("y") };
  });
}
