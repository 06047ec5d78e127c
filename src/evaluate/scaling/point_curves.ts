import type { MetricsLine } from "../../train/record.ts";
import type { StudentCurves } from "../compute_saved.ts";
import { computeOf } from "./points.ts";
import type { ScalingPoint } from "./record.ts";

/** Computes nearer than this share are one: they are summed and printed, not counted. */
const SAME = 1e-9;

/** A student's points as loss curves, one per group, its points in order of compute; or in a sentence why they are none. */
export function pointCurves(name: string, set: string, points: readonly ScalingPoint[]): StudentCurves | string {
  if (points.some(({ group }) => group === undefined))
    return `the points of ${name} are trainings of their own, not a curve (a column group names the curve)`;
  const groups = [...new Set(points.map(({ group }) => group))];
  const curves = groups.map((own) =>
    points.filter(({ group }) => group === own).sort((one, other) => computeOf(one) - computeOf(other)),
  );
  const first = curves[0]!.map(computeOf);
  if (first.some((flops, i) => i > 0 && flops <= first[i - 1]! * (1 + SAME)))
    return `a group of ${name} has two points at one compute`;
  const aligned = (curve: readonly ScalingPoint[]) =>
    curve.length === first.length && curve.every((point, i) => Math.abs(computeOf(point) / first[i]! - 1) <= SAME);
  if (!curves.every(aligned))
    return `the groups of ${name} were measured at different computes, and curves are averaged point by point`;
  const asLine = (point: ScalingPoint, i: number): MetricsLine => ({
    type: "eval",
    step: i + 1,
    tokens: point.tokens ?? 0,
    flops: computeOf(point),
    set,
    loss: point.loss,
  });
  return { name, curves: curves.map((curve) => curve.map(asLine)) };
}
