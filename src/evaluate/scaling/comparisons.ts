import { HeartcutError } from "../../errors.ts";
import type { StudentCurves } from "../compute_saved.ts";
import { type ComputeSavedOptions, computeSavedByFits, computeSavedInterval } from "./compute_saved_interval.ts";
import type { FittedScalingLaw } from "./fit.ts";
import type { ComputeSavedInterval, NotCompared } from "./record.ts";

/** Two students to compare on a set. */
export interface ScalingPair {
  set: string;
  first: string;
  second: string;
}

/** What comparing gave: what was saved, and why there is nothing where there is nothing. */
export interface Compared {
  computeSaved: ComputeSavedInterval[];
  notCompared: NotCompared[];
}

/** The compute saved by measured curves. @param curvesOf - a student's curves on the pair's set, or why there are none */
export function compareByCurves(
  pair: ScalingPair,
  curvesOf: (student: string, set: string) => StudentCurves | string,
  options: ComputeSavedOptions,
): Compared {
  const [first, second] = [curvesOf(pair.first, pair.set), curvesOf(pair.second, pair.set)];
  const saved =
    typeof first === "string"
      ? first
      : typeof second === "string"
        ? second
        : unlessUnaligned(() => computeSavedInterval(first, second, pair.set, options));
  return comparedOf(saved, { ...pair, by: "curves" });
}

/** The compute saved by fitted laws at a compute, in FLOPs. @param laws - undefined for a student that was not fitted */
export function compareByFits(
  pair: ScalingPair,
  laws: readonly [FittedScalingLaw | undefined, FittedScalingLaw | undefined],
  computes: (first: FittedScalingLaw, second: FittedScalingLaw) => readonly number[],
): Compared {
  const [first, second] = laws;
  const by = "fits" as const;
  if (first === undefined || second === undefined)
    return comparedOf(`${first === undefined ? pair.first : pair.second} is not fitted on ${pair.set}`, {
      ...pair,
      by,
    });
  if (first.fit.law !== "compute")
    return comparedOf("the law of size and data has a loss at many computes", { ...pair, by });
  const named = [
    { name: pair.first, law: first },
    { name: pair.second, law: second },
  ] as const;
  return merged(
    computes(first, second).map((flops) =>
      comparedOf(computeSavedByFits(...named, pair.set, flops), { ...pair, by, flops }),
    ),
  );
}

/** Several in one, in their order. */
export function merged(all: readonly Compared[]): Compared {
  return {
    computeSaved: all.flatMap(({ computeSaved }) => computeSaved),
    notCompared: all.flatMap(({ notCompared }) => notCompared),
  };
}

function comparedOf(saved: ComputeSavedInterval | string, asked: Omit<NotCompared, "why">): Compared {
  return typeof saved === "string"
    ? { computeSaved: [], notCompared: [{ ...asked, why: saved }] }
    : { computeSaved: [saved], notCompared: [] };
}

/** Curves that cannot be averaged are a reason, not the end of the fits. */
function unlessUnaligned(compare: () => ComputeSavedInterval): ComputeSavedInterval | string {
  try {
    return compare();
  } catch (error) {
    if (!(error instanceof HeartcutError && (error.code === "HC3203" || error.code === "HC3204"))) throw error;
    return `${error.fault.what} (${error.fault.where})`;
  }
}
