import { HeartcutError } from "../../errors.ts";
import type { StageContext } from "../../progress.ts";
import type { MetricsLine } from "../../train/record.ts";
import { computeSavedByFits, computeSavedInterval } from "./compute_saved_interval.ts";
import { type FittedScalingLaw, fitScalingLaw, type ScalingQuery } from "./fit.ts";
import { computeOf, scalingPoints } from "./points.ts";
import type { ComputeSavedInterval, ScalingEvaluation, ScalingLawName, ScalingPoint } from "./record.ts";

/** Points of one student on one set, as they are fitted. */
export interface ScalingSeries {
  student: string;
  set: string;
  points: readonly ScalingPoint[];
}

/** How series are fitted and read off. */
export interface ScalingSettings {
  law?: ScalingLawName | undefined;
  /** Where losses are extrapolated to; default: ten times each series' largest compute, for the law of compute. */
  at?: readonly ScalingQuery[] | undefined;
  from?: number | undefined;
  resamples?: number | undefined;
  seed: number;
}

/** Two students to compare on a set. */
export interface ScalingPair {
  set: string;
  first: string;
  second: string;
}

/** One trained student with one seed. */
export interface ScalingStudent {
  /** Students of one name differ by seed only. */
  name: string;
  seed: number;
  metrics: readonly MetricsLine[];
  /** Of the model, for the law of size and data. */
  parameters?: number | undefined;
}

/** Input of the scaling evaluation of a run. */
export interface EvaluateScalingInput extends ScalingSettings {
  students: readonly ScalingStudent[];
  sets: readonly string[];
  /** Students that read the same tokens, each pair on a set that both were measured on: those of evaluation.json's computeSaved. */
  pairs: readonly ScalingPair[];
}

const DEFAULT_BEYOND = 10;

/**
 * Fits every student's curves on every set, extrapolates, and works out the compute saved of the pairs: by their curves and, at
 * each extrapolated compute, by their fits. Deterministic for a seed; publish the result as evaluate/scaling.json.
 * @throws HeartcutError HC3203, HC3204 for pairs whose curves cannot be averaged; Interrupted
 */
export async function evaluateScaling(input: EvaluateScalingInput, context: StageContext): Promise<ScalingEvaluation> {
  const names = [...new Set(input.students.map(({ name }) => name))];
  const series = input.sets.flatMap((set) =>
    names.map((student): ScalingSeries => {
      const seeds = input.students.filter(({ name }) => name === student);
      const points = seeds.flatMap(({ metrics, seed, parameters }) =>
        scalingPoints(metrics, set, `seed ${seed}`, parameters),
      );
      return { student, set, points };
    }),
  );
  const { fits, skipped, byFits } = await fitSeries(series, input.pairs, input, context);
  const curvesOf = (student: string) => ({
    name: student,
    curves: input.students.filter(({ name }) => name === student).map(({ metrics }) => metrics),
  });
  const byCurves = input.pairs.map(({ set, first, second }) =>
    computeSavedInterval(curvesOf(first), curvesOf(second), set, input),
  );
  return { fits, skipped, computeSaved: [...byCurves, ...byFits] };
}

/** Fits series one by one and compares pairs of the fits; a series that cannot be fitted is listed with the reason. */
export async function fitSeries(
  series: readonly ScalingSeries[],
  pairs: readonly ScalingPair[],
  settings: ScalingSettings,
  context: StageContext,
): Promise<Pick<ScalingEvaluation, "fits" | "skipped"> & { byFits: ComputeSavedInterval[] }> {
  const result: Pick<ScalingEvaluation, "fits" | "skipped"> = { fits: [], skipped: [] };
  const laws = new Map<string, FittedScalingLaw>();
  for (const { student, set, points } of series) {
    const law = await unlessShort(fitScalingLaw(points, { ...settings, ...placesOf(set, settings) }, context));
    if (typeof law === "string") {
      result.skipped.push({ student, set, why: law });
      continue;
    }
    laws.set(JSON.stringify([student, set]), law);
    result.fits.push({
      student,
      set,
      fit: law.fit,
      points: law.points,
      extrapolations: queriesOf(law, settings).map(law.extrapolate),
    });
  }
  const byFits = pairs.flatMap(({ set, first, second }) => {
    const [one, two] = [first, second].map((name) => laws.get(JSON.stringify([name, set])));
    if (one === undefined || two === undefined || one.fit.law !== "compute") return [];
    return sharedComputes(one, two, settings).flatMap(
      (flops) => computeSavedByFits({ name: first, law: one }, { name: second, law: two }, set, flops) ?? [],
    );
  });
  return { ...result, byFits };
}

/** The band reaches to the furthest extrapolation; fits of one set are paired by seed. */
function placesOf(set: string, { at = [] }: ScalingSettings): { stream: string; bandTo: number } {
  return { stream: set, bandTo: Math.max(0, ...at.map(({ flops }) => flops ?? 0)) };
}

function queriesOf({ fit, points }: FittedScalingLaw, { at }: ScalingSettings): readonly ScalingQuery[] {
  if (at !== undefined) return at;
  return fit.law === "compute" ? [{ flops: DEFAULT_BEYOND * lastOf(points) }] : [];
}

/** Where two fits are compared: at the computes that were asked for, else at the end of the shorter one and at ten times that. */
function sharedComputes(one: FittedScalingLaw, two: FittedScalingLaw, { at }: ScalingSettings): number[] {
  if (at !== undefined) return at.map(computeOf);
  const end = Math.min(lastOf(one.points), lastOf(two.points));
  return [end, DEFAULT_BEYOND * end];
}

function lastOf(points: readonly ScalingPoint[]): number {
  return points.map(computeOf).reduce((a, b) => Math.max(a, b));
}

/** What a fit gives, or in a sentence why its points do not suffice. */
async function unlessShort(fit: Promise<FittedScalingLaw>): Promise<FittedScalingLaw | string> {
  try {
    return await fit;
  } catch (error) {
    if (!(error instanceof HeartcutError && error.code === "HC3554")) throw error;
    const { what, found, expected } = error.fault;
    return `${what}: ${found}; wanted ${expected}`;
  }
}
