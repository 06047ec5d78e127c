import { checkpointSignal, type StageContext } from "../../progress.ts";
import { Random } from "../../random.ts";
import { type Columns, columnsOf, EXPONENTS, LEAST_E, printedConstants } from "./columns.ts";
import { LAWS, type LawVector, logLoss, sizeOf, spaced } from "./law.ts";
import { choosePoints, computeOf } from "./points.ts";
import type { Extrapolation, FittedConstant, ScalingFit, ScalingLawName, ScalingPoint } from "./record.ts";
import { type Resampling, resamplingOf, widenedInterval } from "./resampling.ts";
import type { Solution } from "./robust_fit.ts";
import { bestFit } from "./starts.ts";
import { weaknesses } from "./weaknesses.ts";

/** Residuals of log loss beyond this count linearly, as in Hoffmann et al. 2022. */
export const HUBER_DELTA = 1e-3;
/** Bootstrap resamples where nothing else is said. */
export const RESAMPLES = 1000;
/** The band is drawn to this multiple of the largest measured compute. */
const BAND_BEYOND = 10;
const BAND_POINTS = { measured: 33, beyond: 16 } as const;
/** Between two looks at the stop signal. */
const RESAMPLES_AT_ONCE = 20;

/** Settings of a fit. */
export interface ScalingFitOptions {
  /** Default "compute". */
  law?: ScalingLawName | undefined;
  /** Compute from which points are used, see choosePoints. */
  from?: number | undefined;
  /** Default 1000; 0 gives no intervals. */
  resamples?: number | undefined;
  seed: number;
  /** What is fitted: fits of one stream draw equal resamples, so that students with equally many curves stay paired by seed. */
  stream?: string;
  /** Default 1e-3. */
  huberDelta?: number;
  /** The band reaches to this compute, in FLOPs, where that is further than ten times the largest measured. */
  bandTo?: number | undefined;
}

/** Where a law is to be read off. */
export type ScalingQuery = Pick<ScalingPoint, "flops" | "parameters" | "tokens">;

/** A fitted law that can be asked. */
export interface FittedScalingLaw {
  fit: ScalingFit;
  /** The points that were fitted. */
  points: ScalingPoint[];
  extrapolate(at: ScalingQuery): Extrapolation;
  /** Loss and its inverse by the fit, and by each resample. */
  estimate: ComputeLaw;
  resamples: ComputeLaw[];
  /** Factor on the distances of quantiles from the estimate, see widenedInterval. */
  widening: number;
  /** Those of the fit's warnings that are about its constants, not about how well their intervals are known. */
  weak: string[];
}

/** One set of constants as functions. */
export interface ComputeLaw {
  lossAt(at: ScalingQuery): number;
  /** Compute at which a loss is reached, in FLOPs; Infinity for one that never is. Of the law of compute alone. */
  computeAt(loss: number): number;
}

/**
 * Fits a scaling law to measured losses: the sum over points of the Huber loss of log residuals is made small over E and the
 * coefficients and exponents, all positive, from a grid of starts (see bestFit). Every point counts the same. Intervals are
 * percentile bootstrap intervals over curves, points or blocks of residuals (see resamplingOf), widened for few of them.
 * @param points - losses in nats per token (any positive unit, E then has it too)
 * @throws HeartcutError HC3553, HC3554 as choosePoints; Interrupted
 * Source: Hoffmann et al. 2022, arXiv:2203.15556 (approach 3); the law of compute: Gu et al. 2024, arXiv:2410.17215
 */
export async function fitScalingLaw(
  points: readonly ScalingPoint[],
  options: ScalingFitOptions,
  context: StageContext,
): Promise<FittedScalingLaw> {
  const { law = "compute", huberDelta = HUBER_DELTA, seed, stream = "" } = options;
  const chosen = choosePoints(points, law, options.from);
  const columns = columnsOf(chosen.points, law, huberDelta);
  const { problem } = columns;
  const best = bestFit(problem);
  const fitted = problem.target.map((_, i) => logLossAt(best.law, columns, i));
  const groups = chosen.points.map(({ group }) => group);
  const resampling = resamplingOf(problem, groups, fitted, best.law.length);
  const wanted = options.resamples ?? RESAMPLES;
  const random = new Random(seed, `scaling/${law}/${stream}/${resampling.resampled}`);
  const laws = await resampled(wanted, best, columns, resampling, random, context);
  const asFunctions = (vector: LawVector) => computeLaw(vector, law, columns.centres);
  const [estimate, resamples] = [asFunctions(best.law), laws.map(asFunctions)];
  const largest = Math.max(...chosen.points.map(computeOf));
  const { widening } = resampling;
  const extrapolate = (at: ScalingQuery): Extrapolation => {
    const { loss, interval } = lossWithInterval(estimate, resamples, widening, at);
    return { ...at, loss, interval, beyond: computeOf(at) / largest };
  };
  const fit: ScalingFit = {
    law,
    constants: constantsOf(
      best.law,
      laws,
      law,
      columns.centres,
      widening,
      Math.min(...chosen.points.map(({ loss }) => loss)),
    ),
    points: chosen.points.length,
    curves: groups[0] === undefined ? null : new Set(groups).size,
    leftOut: chosen.leftOut,
    from: chosen.from,
    logRmse: Math.sqrt(fitted.reduce((sum, x, i) => sum + (x - problem.target[i]!) ** 2, 0) / fitted.length),
    huberDelta,
    objective: best.objective,
    resamples: laws.length,
    resampled: resampling.resampled,
    band: law === "compute" ? bandOf(chosen.points, options.bandTo, extrapolate) : [],
    warnings: [],
  };
  const weak = weaknesses(fit, chosen.points, wanted);
  fit.warnings = [...weak.constants, ...weak.intervals];
  return { fit, points: chosen.points, extrapolate, estimate, resamples, widening, weak: weak.constants };
}

/** The law of each resample that can be fitted: one that drew fewer different inputs than there are constants cannot. */
async function resampled(
  wanted: number,
  best: Solution,
  { problem }: Columns,
  resampling: Resampling,
  random: Random,
  context: StageContext,
): Promise<LawVector[]> {
  const laws: LawVector[] = [];
  for (let done = 0; done < wanted; done++) {
    if (done % RESAMPLES_AT_ONCE === 0) {
      await checkpointSignal(context);
      context.report({ type: "progress", stage: context.stage, done, total: wanted, unit: "resamples" });
    }
    const drawn = { ...problem, ...resampling.draw(random) };
    const kinds = problem.inputs.map((input) => new Set(input.filter((_, i) => drawn.weight[i]! > 0)).size);
    if (kinds.some((count) => count < sizeOf(1))) continue;
    laws.push(bestFit(drawn, [best.law], 1).law);
  }
  if (wanted > 0)
    context.report({ type: "progress", stage: context.stage, done: wanted, total: wanted, unit: "resamples" });
  return laws;
}

function computeLaw(law: LawVector, name: ScalingLawName, centres: readonly number[]): ComputeLaw {
  const { terms } = LAWS[name];
  const shares = new Float64Array(law.length);
  return {
    lossAt: (at) =>
      Math.exp(
        logLoss(
          law,
          terms.map(({ input }, k) => Math.log(at[input] ?? Number.NaN) - centres[k]!),
          shares,
        ),
      ),
    computeAt: (loss) => {
      const above = loss - Math.exp(law[0]!);
      return above > 0 ? Math.exp(centres[0]! + (law[1]! - Math.log(above)) / law[2]!) : Number.POSITIVE_INFINITY;
    },
  };
}

function logLossAt(law: LawVector, { problem: { inputs } }: Columns, i: number): number {
  return logLoss(
    law,
    inputs.map((input) => input[i]!),
    new Float64Array(law.length),
  );
}

/** Loss with its interval, formed on log losses: its ends are positive. */
function lossWithInterval(
  estimate: ComputeLaw,
  resamples: readonly ComputeLaw[],
  factor: number,
  at: ScalingQuery,
): Pick<Extrapolation, "loss" | "interval"> {
  const loss = estimate.lossAt(at);
  if (resamples.length === 0) return { loss, interval: null };
  const draws = Float64Array.from(resamples, (law) => Math.log(law.lossAt(at)));
  const [low, high] = widenedInterval(Math.log(loss), draws, factor);
  return { loss, interval: [Math.exp(low), Math.exp(high)] };
}

/** The constants with their intervals, formed on the logs since all are positive; E and exponents stay within the bounds of the fit. */
function constantsOf(
  law: LawVector,
  resamples: readonly LawVector[],
  name: ScalingLawName,
  centres: readonly number[],
  factor: number,
  lowest: number,
): FittedConstant[] {
  const drawn = resamples.map((one) => printedConstants(one, name, centres));
  const exponents = new Set(LAWS[name].terms.map(({ exponent }) => exponent));
  const least = LEAST_E * lowest * (1 + 1e-9);
  return [...printedConstants(law, name, centres)].map(([constant, value]) => {
    // The widening knows no bounds.
    const turned = (log: number) => {
      const x = Math.exp(log);
      if (constant === "E") return x <= least ? 0 : Math.min(lowest, x);
      return exponents.has(constant) ? Math.min(EXPONENTS.high, Math.max(EXPONENTS.low, x)) : x;
    };
    if (drawn.length === 0) return { name: constant, value: turned(value), interval: null };
    const draws = Float64Array.from(drawn, (one) => one.get(constant)!);
    const [low, high] = widenedInterval(value, draws, factor);
    return { name: constant, value: turned(value), interval: [turned(low), turned(high)] };
  });
}

/** The curve with its band: evenly in log compute, over what was measured and beyond. */
function bandOf(
  points: readonly ScalingPoint[],
  to: number | undefined,
  extrapolate: (at: ScalingQuery) => Extrapolation,
): ScalingFit["band"] {
  const computes = points.map(computeOf);
  const [first, last] = [Math.min(...computes), Math.max(...computes)];
  const end = Math.max(last * BAND_BEYOND, to ?? 0);
  const at = (flops: number, measured: boolean) => {
    const { loss, interval } = extrapolate({ flops });
    return { flops, loss, low: interval?.[0] ?? loss, high: interval?.[1] ?? loss, measured };
  };
  const measured = spaced(first, last, BAND_POINTS.measured).map((flops) => at(flops, true));
  const beyond = spaced(last, end, BAND_POINTS.beyond + 1).slice(1);
  return [...measured, ...beyond.map((flops) => at(flops, false))];
}
