import { type LawVector, logLoss, sizeOf } from "./law.ts";

/** Points of a fit as columns, and how it is judged. */
export interface FitProblem {
  /** Per term of the law: log inputs minus their centre. */
  inputs: readonly Float64Array[];
  /** Log of the measured losses. */
  target: Float64Array;
  /** How often each point counts; all 1 but in a bootstrap. */
  weight: Float64Array;
  /** Residuals of log loss beyond this count linearly. */
  delta: number;
  /** Least and largest value of each constant. */
  low: LawVector;
  high: LawVector;
}

/** A law and what it leaves. */
export interface Solution {
  law: LawVector;
  /** Sum of the Huber losses of the log residuals. */
  objective: number;
}

/** Descents are cut here; they end by themselves far sooner. */
const ITERATIONS = 400;
/** A descent has arrived when so many steps in a row gained less than this share of the objective. */
const SMALL_GAIN = 1e-9;
const SMALL_GAINS = 4;

/** Sum over points of weight times the Huber loss of the log residual. Source: Huber 1964 */
export function huberObjective({ inputs, target, weight, delta }: FitProblem, law: LawVector): number {
  const shares = new Float64Array(inputs.length + 1);
  const at = new Float64Array(inputs.length);
  let sum = 0;
  for (let i = 0; i < target.length; i++) {
    if (weight[i] === 0) continue;
    for (let k = 0; k < at.length; k++) at[k] = inputs[k]![i]!;
    const size = Math.abs(logLoss(law, at, shares) - target[i]!);
    sum += weight[i]! * (size <= delta ? 0.5 * size * size : delta * (size - 0.5 * delta));
  }
  return sum;
}

/**
 * Descends from a start to a minimum of the Huber objective within bounds: Levenberg-Marquardt steps on the squares that touch
 * the objective from above at the present residuals (iteratively reweighted least squares), so that no step may raise it.
 * Constants at a bound that the descent would push through are held there.
 * Source: Marquardt 1963; Holland and Welsch 1977 (reweighting)
 */
export function descend(problem: FitProblem, start: LawVector): Solution {
  const size = sizeOf(problem.inputs.length);
  let law = within(problem, start);
  let objective = huberObjective(problem, law);
  let damping = 1e-3;
  let small = 0;
  for (
    let iteration = 0;
    iteration < ITERATIONS && objective > 0 && small < SMALL_GAINS && damping < 1e12;
    iteration++
  ) {
    const { gradient, curvature } = linearized(problem, law);
    const free = Array.from({ length: size }, (_, j) => j).filter(
      (j) => !((law[j]! <= problem.low[j]! && gradient[j]! > 0) || (law[j]! >= problem.high[j]! && gradient[j]! < 0)),
    );
    const step = solveDamped(curvature, gradient, free, damping);
    const trial = within(
      problem,
      law.map((value, j) => value - step[j]!),
    );
    const next = huberObjective(problem, trial);
    if (next < objective) {
      small = objective - next < SMALL_GAIN * objective ? small + 1 : 0;
      [law, objective] = [trial, next];
      damping = Math.max(1e-12, damping / 8);
    } else damping *= 6;
  }
  return { law, objective };
}

/** Gradient and Gauss-Newton curvature of the reweighted squares. */
function linearized(
  { inputs, target, weight, delta }: FitProblem,
  law: LawVector,
): { gradient: Float64Array; curvature: Float64Array[] } {
  const size = law.length;
  const gradient = new Float64Array(size);
  const curvature = Array.from({ length: size }, () => new Float64Array(size));
  const slope = new Float64Array(size);
  const shares = new Float64Array(inputs.length + 1);
  const at = new Float64Array(inputs.length);
  for (let i = 0; i < target.length; i++) {
    if (weight[i] === 0) continue;
    for (let k = 0; k < at.length; k++) at[k] = inputs[k]![i]!;
    const residual = logLoss(law, at, shares) - target[i]!;
    const w = weight[i]! * Math.min(1, delta / Math.max(Math.abs(residual), Number.MIN_VALUE));
    slope[0] = shares[0]!;
    for (let k = 0; k < at.length; k++) {
      slope[1 + 2 * k] = shares[k + 1]!;
      slope[2 + 2 * k] = -shares[k + 1]! * at[k]!;
    }
    for (let j = 0; j < size; j++) {
      gradient[j]! += w * slope[j]! * residual;
      for (let l = 0; l <= j; l++) curvature[j]![l]! += w * slope[j]! * slope[l]!;
    }
  }
  return { gradient, curvature };
}

function within({ low, high }: FitProblem, law: LawVector): LawVector {
  return law.map((value, j) => Math.min(high[j]!, Math.max(low[j]!, value)));
}

/** Solves (curvature + damping * its diagonal) step = gradient over the free constants by Cholesky's method; 0 for the others. */
function solveDamped(
  curvature: readonly Float64Array[],
  gradient: Float64Array,
  free: readonly number[],
  damping: number,
): Float64Array {
  const n = free.length;
  const factor = Array.from({ length: n }, () => new Float64Array(n));
  const solved = new Float64Array(n);
  for (let r = 0; r < n; r++) {
    for (let c = 0; c <= r; c++) {
      let sum = curvature[free[r]!]![free[c]!]!;
      // A constant that nothing depends on has no curvature: it stays where it is.
      if (r === c) sum += damping * sum + 1e-300;
      for (let k = 0; k < c; k++) sum -= factor[r]![k]! * factor[c]![k]!;
      factor[r]![c] = r === c ? Math.sqrt(Math.max(sum, 1e-150)) : sum / factor[c]![c]!;
    }
    let sum = gradient[free[r]!]!;
    for (let k = 0; k < r; k++) sum -= factor[r]![k]! * solved[k]!;
    solved[r] = sum / factor[r]![r]!;
  }
  const step = new Float64Array(gradient.length);
  for (let r = n - 1; r >= 0; r--) {
    let sum = solved[r]!;
    for (let k = r + 1; k < n; k++) sum -= factor[k]![r]! * step[free[k]!]!;
    step[free[r]!] = sum / factor[r]![r]!;
  }
  return step;
}
