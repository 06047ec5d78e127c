import { type LawVector, sizeOf, spaced } from "./law.ts";
import { descend, type FitProblem, huberObjective, type Solution } from "./robust_fit.ts";

/** Exponents of the grid for laws of one and of two terms: the literature's lie between 0.03 and 0.6. */
const GRID: Readonly<Record<number, readonly number[]>> = { 1: spaced(0.01, 2.5, 24), 2: spaced(0.02, 2, 10) };
/** Descents begin at so many of the best grid points. */
const POLISHED: Readonly<Record<number, number>> = { 1: 6, 2: 12 };

/**
 * The best minimum of the Huber objective that is found from a grid of exponents. With exponents given the loss is linear in the
 * other constants, so these are not part of the grid: they come from least squares of the relative residuals, none negative
 * (variable projection). Descents begin at the best of the grid.
 * @param first - further starts   @param polished - how many of the grid's points; default 6 of 24, or 12 of 10 x 10
 * Source: Golub and Pereyra 1973; a grid of starts as in Hoffmann et al. 2022
 */
export function bestFit(problem: FitProblem, first: readonly LawVector[] = [], polished?: number): Solution {
  const terms = problem.inputs.length;
  const starts = combinations(GRID[terms]!, terms)
    .map((exponents) => withLinearPart(problem, exponents))
    .map((law) => ({ law, objective: huberObjective(problem, law) }))
    .sort((a, b) => a.objective - b.objective)
    .slice(0, polished ?? POLISHED[terms]!)
    .map(({ law }) => law);
  let best: Solution | undefined;
  for (const start of [...first, ...starts]) {
    const found = descend(problem, start);
    if (best === undefined || found.objective < best.objective) best = found;
  }
  return best!;
}

/** E and the coefficients that fit best, in relative squares and none negative, with these exponents. */
function withLinearPart(problem: FitProblem, exponents: readonly number[]): LawVector {
  const { inputs, target, weight, low } = problem;
  const columns = exponents.length + 1;
  const products = Array.from({ length: columns }, () => new Float64Array(columns));
  const right = new Float64Array(columns);
  const row = new Float64Array(columns);
  for (let i = 0; i < target.length; i++) {
    const w = weight[i]!;
    row[0] = Math.exp(-target[i]!);
    for (const [k, exponent] of exponents.entries()) row[k + 1] = Math.exp(-exponent * inputs[k]![i]! - target[i]!);
    for (let r = 0; r < columns; r++) {
      right[r]! += w * row[r]!;
      for (let c = 0; c < columns; c++) products[r]![c]! += w * row[r]! * row[c]!;
    }
  }
  const found = nonNegative(products, right);
  const law = new Float64Array(sizeOf(exponents.length));
  law[0] = Math.max(low[0]!, Math.log(found[0]!));
  for (const [k, exponent] of exponents.entries()) {
    law[1 + 2 * k] = Math.max(low[1 + 2 * k]!, Math.log(found[k + 1]!));
    law[2 + 2 * k] = exponent;
  }
  return law;
}

/** Least squares with no negative unknown, from normal equations of at most three: the best of all choices of those that are not 0. */
function nonNegative(products: readonly Float64Array[], right: Float64Array): Float64Array {
  const n = right.length;
  let best = new Float64Array(n);
  let least = 0;
  for (let chosen = 1; chosen < 1 << n; chosen++) {
    const used = Array.from({ length: n }, (_, j) => j).filter((j) => (chosen >> j) & 1);
    const part = eliminated(used.map((r) => [...used.map((c) => products[r]![c]!), right[r]!]));
    if (part === undefined || part.some((value) => !(value >= 0))) continue;
    // At a minimum x of |Mx - y|^2 it is |y|^2 - x · Mᵀy.
    const value = -part.reduce((sum, x, j) => sum + x * right[used[j]!]!, 0);
    if (value >= least) continue;
    least = value;
    best = new Float64Array(n);
    for (const [j, x] of part.entries()) best[used[j]!] = x;
  }
  return best;
}

/** Solves a small system given as rows with the right side behind them; undefined where it has no single solution. */
function eliminated(rows: number[][]): number[] | undefined {
  const n = rows.length;
  const scale = rows.map((row, r) => row[r]!);
  for (let p = 0; p < n; p++) {
    let pivot = p;
    for (let r = p + 1; r < n; r++) if (Math.abs(rows[r]![p]!) > Math.abs(rows[pivot]![p]!)) pivot = r;
    [rows[p], rows[pivot]] = [rows[pivot]!, rows[p]!];
    if (Math.abs(rows[p]![p]!) <= 1e-14 * scale[p]!) return undefined;
    for (let r = 0; r < n; r++) {
      if (r === p) continue;
      const ratio = rows[r]![p]! / rows[p]![p]!;
      for (let c = p; c <= n; c++) rows[r]![c]! -= ratio * rows[p]![c]!;
    }
  }
  return rows.map((row, r) => row[n]! / row[r]!);
}

function combinations(values: readonly number[], count: number): number[][] {
  return count === 0
    ? [[]]
    : combinations(values, count - 1).flatMap((head) => values.map((value) => [...head, value]));
}
