import { EXPONENTS, LEAST_E } from "./columns.ts";
import { LAWS, type LawInput, sizeOf } from "./law.ts";
import { computeOf } from "./points.ts";
import type { ScalingFit, ScalingPoint } from "./record.ts";

/** So many points a constant are wanted. */
const POINTS_PER_CONSTANT = 4;
/** Inputs that range over less than this do not tell a law's bend from a straight line. */
const RANGE = 10;
/** Fewer curves than this say little about how curves differ. */
const CURVES = 5;
/** An exponent's interval that is wider than this ratio leaves the exponent open. */
const EXPONENT_RATIO = 2;
/** A mean residual above this is more than the noise of held-out losses: the points do not follow the law. */
const MISFIT = 0.02;
/** Share of the resamples that may fail. */
const FAILED = 0.05;

const NAMES: Readonly<Record<LawInput, string>> = { flops: "compute", parameters: "model size", tokens: "tokens" };

/** What weakens a fit, in words. */
export interface Weaknesses {
  /** What leaves the constants open. */
  constants: string[];
  /** What makes the intervals rough. */
  intervals: string[];
}

/** What makes the constants of a fit and their intervals weak. @param wanted - resamples that were asked for */
export function weaknesses(fit: ScalingFit, points: readonly ScalingPoint[], wanted: number): Weaknesses {
  return { constants: weakConstants(fit, points), intervals: weakIntervals(fit, wanted) };
}

/** Warnings of several fits, each once, with the names of those it is said of where not of all. */
export function jointWarnings(fits: readonly { name: string; warnings: readonly string[] }[]): string[] {
  const said = [...new Set(fits.flatMap(({ warnings }) => warnings))];
  return said.map((warning) => {
    const names = fits.filter(({ warnings }) => warnings.includes(warning)).map(({ name }) => name);
    return names.length === fits.length ? warning : `${names.join(" and ")}: ${warning}`;
  });
}

function weakConstants(fit: ScalingFit, points: readonly ScalingPoint[]): string[] {
  const { terms } = LAWS[fit.law];
  const value = (name: string) => fit.constants.find((constant) => constant.name === name)!;
  const enough = POINTS_PER_CONSTANT * sizeOf(terms.length);
  const found: string[] = [];
  if (points.length < enough)
    found.push(`${points.length} points for ${sizeOf(terms.length)} constants; ${enough} are wanted`);
  for (const { input } of terms) {
    const values = points.map((point) => point[input]!);
    const range = values.reduce((a, b) => Math.max(a, b)) / values.reduce((a, b) => Math.min(a, b));
    if (range < RANGE * (1 - 1e-9))
      found.push(
        `the points range over ${range.toFixed(1)} times the ${NAMES[input]}; below ${RANGE} times, E and exponent stand in for each other`,
      );
  }
  if (covariance(points) >= 0) found.push("the loss does not fall with compute");
  if (value("E").value <= 10 * LEAST_E * Math.min(...points.map(({ loss }) => loss)))
    found.push("E came out as 0: the points show no floor yet, and the law is a plain power law");
  for (const { exponent } of terms) {
    const { value: fitted, interval } = value(exponent);
    if (fitted >= EXPONENTS.high || fitted <= EXPONENTS.low)
      found.push(`the exponent ${exponent} came out at its bound ${fitted}: the points do not follow the law`);
    else if (interval !== null && interval[1] > EXPONENT_RATIO * interval[0])
      found.push(
        `the exponent ${exponent} is not pinned down: ${interval[0].toFixed(2)} to ${interval[1].toFixed(2)} in the bootstrap`,
      );
  }
  if (fit.logRmse > MISFIT)
    found.push(
      `the points lie ${(100 * fit.logRmse).toFixed(1)} % from the curve on average (RMS): they follow another law`,
    );
  return found;
}

function weakIntervals(fit: ScalingFit, wanted: number): string[] {
  const found: string[] = [];
  if (fit.curves === 1) found.push("one curve: the intervals cover the noise along it, not another seed");
  else if (fit.curves !== null && fit.curves < CURVES)
    found.push(`${fit.curves} curves: the intervals are widened for so few, and rough`);
  if (fit.resamples < (1 - FAILED) * wanted)
    found.push(`${wanted - fit.resamples} of ${wanted} resamples held too few different points to be fitted`);
  return found;
}

/** Covariance, but for a factor, of log loss and log compute: its sign is the slope's. */
function covariance(points: readonly ScalingPoint[]): number {
  const logs = points.map((point) => Math.log(computeOf(point)));
  const centre = logs.reduce((sum, x) => sum + x, 0) / logs.length;
  return points.reduce((sum, { loss }, i) => sum + (logs[i]! - centre) * Math.log(loss), 0);
}
