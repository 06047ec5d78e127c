import { HeartcutError } from "../errors.ts";
import {
  type Budget,
  type Candidates,
  keepCount,
  keepHighest,
  type NanPolicy,
  rankDescending,
} from "./difference_sampling.ts";

/** Splits a whole number of places over shares by largest remainder, ties to the earlier one.
 * @param weights - non-negative   @returns whole numbers that add up to `places` (all 0 if the weights are) */
export function apportion(weights: readonly number[], places: number): number[] {
  const total = weights.reduce((sum, w) => sum + w, 0);
  if (total === 0) return weights.map(() => 0);
  const exact = weights.map((w) => (places * w) / total);
  const seats = exact.map(Math.floor);
  const left = places - seats.reduce((sum, s) => sum + s, 0);
  const byRemainder = exact.map((_, d) => d).sort((a, b) => exact[b]! - seats[b]! - (exact[a]! - seats[a]!) || a - b);
  for (const d of byRemainder.slice(0, left)) seats[d]!++;
  return seats;
}

/** Keeps the best instances of each source, each source giving the same share, so that the mix of the corpus stays as it is.
 * A ratio keeps floor(ratio n) in all, split over sources by largest remainder; a token budget is split by the sources' tokens.
 * @returns ascending instance numbers   @throws HeartcutError HC3104 for a threshold, and as keepHighest */
export function keepHighestPerSource(
  candidates: Candidates,
  sources: readonly string[],
  budget: Budget,
  nan: NanPolicy = "refuse",
): Int32Array {
  if ("threshold" in budget) {
    throw new HeartcutError("HC3104", {
      what: "a threshold and equal shares of all sources exclude each other",
      found: `threshold ${budget.threshold} with perSource`,
      why: "a threshold decides how much each source gives",
      fix: "use a ratio or a number of tokens, or leave out perSource",
    });
  }
  // Ranks inside a source follow the ranking of the whole, so ties and NaN are decided in one place.
  const groups = new Map<string, number[]>();
  for (const i of rankDescending(candidates, nan)) {
    const group = groups.get(sources[i]!);
    if (group === undefined) groups.set(sources[i]!, [i]);
    else group.push(i);
  }
  const names = [...groups.keys()].sort();
  const members = names.map((name) => groups.get(name)!);
  const all = candidates.scores.length;
  const kept =
    "ratio" in budget
      ? quotas(members, keepCount(budget.ratio, all)).map((quota, d) => members[d]!.slice(0, quota))
      : tokenShares(members, candidates.tokens, budget.tokens).map((tokens, d) =>
          takeTokens(members[d]!, candidates, tokens),
        );
  return Int32Array.from(kept.flat()).sort();
}

function quotas(members: readonly number[][], places: number): number[] {
  const sizes = members.map((m) => m.length);
  const available = sizes.reduce((sum, n) => sum + n, 0);
  return apportion(sizes, Math.min(places, available));
}

function tokenShares(members: readonly number[][], tokens: ArrayLike<number>, budget: number): number[] {
  const held = members.map((m) => m.reduce((sum, i) => sum + tokens[i]!, 0));
  return apportion(held, budget);
}

function takeTokens(ranked: readonly number[], candidates: Candidates, budget: number): number[] {
  const local = keepHighest(
    { scores: ranked.map((_, rank) => -rank), tokens: ranked.map((i) => candidates.tokens[i]!) },
    { tokens: budget },
  );
  return Array.from(local, (rank) => ranked[rank]!);
}
