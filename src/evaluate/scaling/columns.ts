import { InternalError } from "../../errors.ts";
import { LAWS, type LawVector, sizeOf } from "./law.ts";
import type { ScalingLawName, ScalingPoint } from "./record.ts";
import type { FitProblem } from "./robust_fit.ts";

/** The exponents that a fit may find: above is no training any more, below none is told from a constant. */
export const EXPONENTS = { low: 1e-3, high: 5 } as const;
/** E may fall to this share of the least loss, where it stands for 0. */
export const LEAST_E = 1e-6;
/** A term's share of the loss at the centre of the points may fall to this. */
const LEAST_TERM = 1e-9;

/** Points of a law as columns, with the way back from fitted to printed constants. */
export interface Columns {
  problem: FitProblem;
  /** Per term of the law: mean of the log inputs. */
  centres: readonly number[];
}

/** Turns points into the problem that is fitted, each counting once.
 * @param delta - where the Huber loss turns from squares to absolute values, in log loss */
export function columnsOf(points: readonly ScalingPoint[], law: ScalingLawName, delta: number): Columns {
  const { terms } = LAWS[law];
  const logs = terms.map(({ input }) => Float64Array.from(points, (point) => Math.log(given(point[input]))));
  const centres = logs.map((column) => column.reduce((sum, x) => sum + x, 0) / column.length);
  const target = Float64Array.from(points, ({ loss }) => Math.log(loss));
  const least = target.reduce((low, x) => Math.min(low, x));
  const most = target.reduce((high, x) => Math.max(high, x));
  const low = new Float64Array(sizeOf(terms.length)).fill(least + Math.log(LEAST_TERM));
  const high = new Float64Array(sizeOf(terms.length)).fill(most);
  low[0] = least + Math.log(LEAST_E);
  for (let k = 0; k < terms.length; k++) [low[2 + 2 * k], high[2 + 2 * k]] = [EXPONENTS.low, EXPONENTS.high];
  return {
    problem: {
      inputs: logs.map((column, k) => column.map((x) => x - centres[k]!)),
      target,
      weight: new Float64Array(points.length).fill(1),
      delta,
      low,
      high,
    },
    centres,
  };
}

/** Logs of the constants as they are printed, by name: E, then coefficient and exponent of each term. */
export function printedConstants(
  law: LawVector,
  name: ScalingLawName,
  centres: readonly number[],
): Map<string, number> {
  const constants = new Map([["E", law[0]!]]);
  for (const [k, { coefficient, exponent }] of LAWS[name].terms.entries()) {
    constants.set(coefficient, law[1 + 2 * k]! + law[2 + 2 * k]! * centres[k]!);
    constants.set(exponent, Math.log(law[2 + 2 * k]!));
  }
  return constants;
}

function given(value: number | undefined): number {
  if (value === undefined) throw new InternalError("a point without what its law needs");
  return value;
}
