import { HeartcutError, InternalError } from "../errors.ts";

/** How much is kept: a share of the instances, at most so many tokens, or everything that scores at least so much. */
export type Budget = { ratio: number } | { tokens: number } | { threshold: number };

/**
 * What to do with a score that is not a number: refuse the selection, never keep it, or sort it first
 * as the method's reference code does (which therefore keeps it).
 */
export type NanPolicy = "refuse" | "drop" | "first";

/** What a selection ranks: one entry per instance, in corpus order. */
export interface Candidates {
  /** The higher, the better. */
  scores: ArrayLike<number>;
  /** Tokens of each instance: the unit of a token budget. */
  tokens: ArrayLike<number>;
  /** 1 where the instance may be kept; all may if absent. */
  eligible?: Uint8Array;
}

/** Number of instances a ratio keeps of n: floor(ratio n) in doubles, so 0.29 of 100 is 28, as the method's code has it.
 * @throws HeartcutError HC3101 unless 0 <= ratio <= 1 */
export function keepCount(ratio: number, n: number): number {
  if (!(ratio >= 0 && ratio <= 1)) {
    throw new HeartcutError("HC3101", {
      what: "a selection ratio is a share of the instances",
      found: String(ratio),
      expected: "a number from 0 to 1, e.g. 0.5 for half of the corpus",
      fix: "set the ratio of this selection",
    });
  }
  return Math.floor(ratio * n);
}

/** Instances from the best score to the worst, ties by the lower index; those that may not be kept are left out.
 * @throws HeartcutError HC3102 at a NaN under "refuse" */
export function rankDescending(candidates: Candidates, nan: NanPolicy = "refuse"): Int32Array {
  const { scores, eligible } = candidates;
  const order = new Int32Array(scores.length);
  let n = 0;
  for (let i = 0; i < scores.length; i++) {
    if (eligible !== undefined && eligible[i] === 0) continue;
    if (Number.isNaN(scores[i])) {
      if (nan === "refuse") throw nanScore(i);
      if (nan === "drop") continue;
    }
    order[n++] = i;
  }
  // No subtraction: infinity minus infinity is NaN, and an infinite score must rank.
  return order.subarray(0, n).sort((a, b) => {
    const x = scores[a]!;
    const y = scores[b]!;
    if (x > y) return -1;
    if (x < y) return 1;
    const nanFirst = Number(Number.isNaN(y)) - Number(Number.isNaN(x));
    return nanFirst === 0 ? a - b : nanFirst;
  });
}

/** Difference Sampling's rule for any score: keep the best by the budget, then return to corpus order.
 * A token budget takes instances from the best on and ends before the first that would exceed it.
 * @returns ascending instance numbers   @throws HeartcutError HC3101, HC3102, HC3103   Source: MiniPLM, arXiv:2410.17215 */
export function keepHighest(candidates: Candidates, budget: Budget, nan: NanPolicy = "refuse"): Int32Array {
  const order = rankDescending(candidates, nan);
  return order.slice(0, keptOfRanking(order, candidates, budget)).sort();
}

/** How many of a ranking, from its front, a budget keeps. */
function keptOfRanking(order: Int32Array, { scores, tokens }: Candidates, budget: Budget): number {
  if ("ratio" in budget) return Math.min(order.length, keepCount(budget.ratio, scores.length));
  if ("tokens" in budget) {
    checkBudget(budget.tokens);
    let spent = 0;
    let k = 0;
    while (k < order.length && spent + tokens[order[k]!]! <= budget.tokens) spent += tokens[order[k++]!]!;
    return k;
  }
  if (Number.isNaN(budget.threshold)) throw new InternalError("a selection threshold is NaN");
  let k = 0;
  while (k < order.length && !(scores[order[k]!]! < budget.threshold)) k++;
  return k;
}

function checkBudget(tokens: number): void {
  if (tokens >= 0) return;
  throw new HeartcutError("HC3103", {
    what: "a token budget cannot be negative",
    found: String(tokens),
    expected: "the number of tokens to keep at most",
    fix: "set the tokens of this selection",
  });
}

function nanScore(instance: number): HeartcutError {
  return new HeartcutError("HC3102", {
    what: "a score is not a number",
    where: `instance ${instance}`,
    found: "NaN",
    why: "a comparison with NaN is always false, so its place in a ranking would be arbitrary",
    fix: 'score again (a half-precision teacher may overflow), or set nan: "drop"; nan: "first" keeps it as the reference code does',
  });
}
