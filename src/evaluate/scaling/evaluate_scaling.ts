import { HeartcutError } from "../../errors.ts";
import type { StageContext } from "../../progress.ts";
import type { MetricsLine } from "../../train/record.ts";
import type { StudentCurves } from "../compute_saved.ts";
import { compareByCurves, compareByFits, merged, type ScalingPair } from "./comparisons.ts";
import { type FittedScalingLaw, fitScalingLaw, type ScalingQuery } from "./fit.ts";
import { pointCurves } from "./point_curves.ts";
import { computeOf, scalingPoints } from "./points.ts";
import type { ScalingEvaluation, ScalingLawName, ScalingPoint } from "./record.ts";

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
  /** Points that were measured elsewhere. */
  tables?: readonly ScalingSeries[] | undefined;
  /** Students that read the same tokens, each pair on a set that both were measured on: those of evaluation.json's computeSaved. */
  pairs: readonly ScalingPair[];
}

const DEFAULT_BEYOND = 10;

/**
 * Fits every student's curves on every set, extrapolates, and works out the compute saved of the pairs: by their curves and, at
 * each extrapolated compute, by their fits; what cannot be fitted or compared is listed with the reason. Deterministic for a
 * seed; publish the result as evaluate/scaling.json.
 * @throws HeartcutError HC3553 for points without what the law needs; Interrupted
 */
export async function evaluateScaling(input: EvaluateScalingInput, context: StageContext): Promise<ScalingEvaluation> {
  const { students, tables = [], pairs } = input;
  const names = [...new Set(students.map(({ name }) => name))];
  const measured = input.sets.flatMap((set) =>
    names.map((student): ScalingSeries => {
      const seeds = students.filter(({ name }) => name === student);
      const points = seeds.flatMap(({ metrics, seed, parameters }) =>
        scalingPoints(metrics, set, `seed ${seed}`, parameters),
      );
      return { student, set, points };
    }),
  );
  const { fits, skipped, lawOf } = await fitSeries([...measured, ...tables], input, context);
  const curvesOf = (student: string, set: string): StudentCurves | string => {
    const table = tables.find((one) => one.student === student && one.set === set);
    if (table !== undefined) return pointCurves(student, set, table.points);
    return { name: student, curves: students.filter(({ name }) => name === student).map(({ metrics }) => metrics) };
  };
  const compared = merged([
    ...pairs.map((pair) => compareByCurves(pair, curvesOf, input)),
    ...pairs.map((pair) =>
      compareByFits(pair, [lawOf(pair.first, pair.set), lawOf(pair.second, pair.set)], (one, two) =>
        sharedComputes(one, two, input),
      ),
    ),
  ]);
  return { fits, skipped, ...compared };
}

interface FittedSeries extends Pick<ScalingEvaluation, "fits" | "skipped"> {
  lawOf(student: string, set: string): FittedScalingLaw | undefined;
}

/** Fits series one by one; one that cannot be fitted is listed with the reason. */
async function fitSeries(
  series: readonly ScalingSeries[],
  settings: ScalingSettings,
  context: StageContext,
): Promise<FittedSeries> {
  const result: Pick<ScalingEvaluation, "fits" | "skipped"> = { fits: [], skipped: [] };
  const laws = new Map<string, FittedScalingLaw>();
  for (const [i, { student, set, points }] of series.entries()) {
    const within = partOf(context, i, series.length, `${student} on ${set}`);
    const law = await unlessShort(fitScalingLaw(points, { ...settings, ...placesOf(set, series, settings) }, within));
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
  return { ...result, lawOf: (student, set) => laws.get(JSON.stringify([student, set])) };
}

/** A context whose progress counts on over all fits, and says which one is under way. */
function partOf(context: StageContext, part: number, parts: number, name: string): StageContext {
  return {
    stage: context.stage,
    signal: context.signal,
    report: (event) =>
      context.report(
        event.type === "progress"
          ? {
              ...event,
              done: part * event.total + event.done,
              total: parts * event.total,
              unit: `${event.unit}, now ${name}`,
            }
          : event,
      ),
  };
}

/** The bands of a set reach as far as its furthest extrapolation; fits of one set are paired by seed. */
function placesOf(
  set: string,
  series: readonly ScalingSeries[],
  { at = [] }: ScalingSettings,
): { stream: string; bandTo: number } {
  const ends = series.filter((one) => one.set === set && one.points.length > 0).map(({ points }) => lastOf(points));
  return { stream: set, bandTo: Math.max(...ends.map((end) => DEFAULT_BEYOND * end), ...at.map(computeOf), 0) };
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
