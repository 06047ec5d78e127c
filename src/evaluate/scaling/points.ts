import { HeartcutError } from "../../errors.ts";
import type { MetricsLine } from "../../train/record.ts";
import { LAWS, sizeOf } from "./law.ts";
import type { ScalingLawName, ScalingPoint } from "./record.ts";

/**
 * Share of a curve's last compute from which its points are fitted, where nothing else is said. The law describes a training
 * behind its warm-up: that is 2 % of the steps in MiniPLM's recipe and in heartcut's. Twice as much and some is left out, and
 * twentyfold compute remains, which the bend towards E needs.
 */
export const FROM_SHARE = 0.05;

/** Points with the same law, after the warm-up has been left out. */
export interface ChosenPoints {
  points: ScalingPoint[];
  leftOut: number;
  from: number;
}

/** Points of a training's held-out curve on one set, in order. The one before the first step has cost nothing and is not among them.
 * @param group - name of the curve, such as its seed   @param parameters - of the model, for the law of size and data */
export function scalingPoints(
  lines: Iterable<MetricsLine>,
  set: string,
  group: string,
  parameters?: number,
): ScalingPoint[] {
  const points: ScalingPoint[] = [];
  for (const line of lines)
    if (line.type === "eval" && line.set === set && line.flops > 0 && line.tokens > 0) {
      const { flops, tokens, loss } = line;
      points.push({ flops, ...(parameters !== undefined && { parameters }), tokens, loss, group });
    }
  return points;
}

/** Compute of a point in FLOPs: as it was counted, else 6 N D (forward and backward of every parameter, once a token). */
export function computeOf({ flops, parameters, tokens }: Omit<ScalingPoint, "loss" | "group">): number {
  return flops ?? 6 * (parameters ?? Number.NaN) * (tokens ?? Number.NaN);
}

/**
 * Leaves the warm-up out.
 * @param from - below 1: share of each curve's last compute (of the largest of all, for points without curves); from 1 on: FLOPs.
 *   Default FROM_SHARE for curves, and 0 for points without: those are ends of trainings
 * @throws HeartcutError HC3553 for points without what the law needs, or with and without a curve; HC3554 if too few are left to fit it
 */
export function choosePoints(
  all: readonly ScalingPoint[],
  law: ScalingLawName,
  from: number | undefined,
): ChosenPoints {
  requireInputs(all, law);
  const curves = all.some(({ group }) => group !== undefined);
  const share = from ?? (curves ? FROM_SHARE : 0);
  const last = new Map<string | undefined, number>();
  for (const point of all) last.set(point.group, Math.max(last.get(point.group) ?? 0, computeOf(point)));
  // Compute is summed step by step: a point that is meant to lie at the limit may miss it in the last digits.
  const points = all.filter(
    (point) => computeOf(point) >= (share < 1 ? share * last.get(point.group)! : share) * (1 - 1e-9),
  );
  requireEnough(points, law, all.length);
  return { points, leftOut: all.length - points.length, from: share };
}

function requireInputs(points: readonly ScalingPoint[], law: ScalingLawName): void {
  const { formula, terms } = LAWS[law];
  for (const [i, point] of points.entries()) {
    for (const input of [...terms.map((term) => term.input), "loss"] as const) {
      const value = point[input];
      if (value !== undefined && Number.isFinite(value) && value > 0) continue;
      throw new HeartcutError("HC3553", {
        what: `a point lacks what ${formula} is fitted to`,
        where: `point ${i + 1}${point.group === undefined ? "" : ` of ${point.group}`}`,
        found: value === undefined ? `no ${input}` : `${input} ${value}`,
        expected: `${terms.map((term) => term.input).join(" and ")} and loss, each above 0`,
        fix:
          input === "flops"
            ? "give training FLOPs (6 · parameters · tokens is the usual estimate), or fit the law of size and data"
            : `give ${input} for every point`,
      });
    }
  }
  const curves = new Set(points.map(({ group }) => group !== undefined));
  if (curves.size > 1)
    throw new HeartcutError("HC3553", {
      what: "some points name their curve and some do not",
      why: "points of one curve are resampled together, single trainings one by one",
      fix: "name the group of every point, or of none",
    });
}

function requireEnough(points: readonly ScalingPoint[], law: ScalingLawName, given: number): void {
  const { formula, terms } = LAWS[law];
  const constants = sizeOf(terms.length);
  const kinds = terms.map(({ input }) => ({ input, values: new Set(points.map((point) => point[input])).size }));
  // E and one term are told apart by three values of its input.
  const wanted = law === "compute" ? constants + 1 : 3;
  const short = kinds.find(({ values }) => values < wanted);
  if (points.length > constants && short === undefined) return;
  throw new HeartcutError("HC3554", {
    what: `too few points for ${formula}`,
    found:
      `${points.length} points${given > points.length ? ` (${given - points.length} of the warm-up left out)` : ""}` +
      (short === undefined ? "" : ` with ${short.values} different ${short.input}`),
    expected: `at least ${constants + 1} points with at least ${wanted} different ${kinds.map(({ input }) => input).join(" and ")}`,
    why: `${constants} constants are fitted`,
    fix: given > points.length ? "evaluate more often, or leave less out (from)" : "measure more points",
  });
}
