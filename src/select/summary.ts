import type { ScoreRow } from "../score/record.ts";
import { auditSelection } from "./audit.ts";
import type { Budget } from "./difference_sampling.ts";
import type { SelectionMethod, SelectionSummary } from "./record.ts";

/** A finished choice over the rows of scores.parquet; masks hold one entry per row. */
export interface Choice {
  name: string;
  method: SelectionMethod;
  budget?: Budget | undefined;
  rows: readonly ScoreRow[];
  /** Length of each row's instance in tokens. */
  lengths: ArrayLike<number>;
  /** 1 where the row has finite scores. */
  eligible: Uint8Array;
  kept: Uint8Array;
  /** What the method ranked the rows by, in the unit it is reported in; absent where it cut no ranking. */
  ranked?: { scores: ArrayLike<number>; keeps: "high" | "low" } | undefined;
}

/** Says what a choice took, from whom and from where in the ranking, with its audit.
 * Means are over rows with a score; the mean of an empty set (nothing dropped) is 0. */
export function summarize(choice: Choice): SelectionSummary {
  const { rows, lengths, kept, eligible } = choice;
  const every = new Uint8Array(rows.length).fill(1);
  const dropped = eligible.map((e, i) => (e === 1 && kept[i] === 0 ? 1 : 0));
  const scoredKept = eligible.map((e, i) => e & kept[i]!);
  const threshold = choice.ranked === undefined ? undefined : cut(choice.ranked, scoredKept, dropped);
  return {
    name: choice.name,
    method: choice.method,
    ...(choice.budget !== undefined && "ratio" in choice.budget ? { ratio: choice.budget.ratio } : {}),
    ...(threshold === undefined ? {} : { threshold }),
    instances: { kept: count(kept), total: rows.length },
    tokens: { kept: tokensOf(lengths, kept), total: tokensOf(lengths, every) },
    bySource: bySource(choice),
    meanDifference: {
      kept: meanDifference(rows, scoredKept),
      dropped: meanDifference(rows, dropped),
      all: meanDifference(rows, eligible),
    },
    audit: auditSelection({
      sources: rows.map((r) => r.source),
      tokens: lengths,
      nll_teacher: rows.map((r) => r.nll_teacher),
      nll_reference: rows.map((r) => r.nll_reference),
      difference: rows.map((r) => r.difference),
      eligible,
      kept: scoredKept,
    }),
  };
}

function bySource({ rows, lengths, eligible, kept }: Choice): SelectionSummary["bySource"] {
  const members = new Map<string, number[]>();
  for (const [i, { source }] of rows.entries()) {
    const group = members.get(source);
    if (group === undefined) members.set(source, [i]);
    else group.push(i);
  }
  return [...members.keys()].sort().map((source) => {
    const own = members.get(source)!;
    const mine = own.map((i) => rows[i]!);
    const ownLengths = own.map((i) => lengths[i]!);
    const ownKept = Uint8Array.from(own, (i) => kept[i]!);
    return {
      source,
      kept: count(ownKept),
      total: own.length,
      keptTokens: tokensOf(ownLengths, ownKept),
      totalTokens: tokensOf(ownLengths, new Uint8Array(own.length).fill(1)),
      meanDifference: meanDifference(
        mine,
        Uint8Array.from(own, (i) => eligible[i]!),
      ),
    };
  });
}

/** The two neighbours of the cut; none if one side of it is empty. */
function cut(
  ranked: NonNullable<Choice["ranked"]>,
  kept: Uint8Array,
  dropped: Uint8Array,
): SelectionSummary["threshold"] {
  const sign = ranked.keeps === "high" ? 1 : -1;
  let lastKept = Number.POSITIVE_INFINITY;
  let firstDropped = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < kept.length; i++) {
    const score = sign * ranked.scores[i]!;
    if (kept[i] === 1) lastKept = Math.min(lastKept, score);
    if (dropped[i] === 1) firstDropped = Math.max(firstDropped, score);
  }
  if (!Number.isFinite(lastKept) || !Number.isFinite(firstDropped)) return undefined;
  return { lastKept: sign * lastKept, firstDropped: sign * firstDropped };
}

function count(mask: Uint8Array): number {
  return mask.reduce((sum, m) => sum + m, 0);
}

function tokensOf(lengths: ArrayLike<number>, mask: Uint8Array): number {
  return mask.reduce((sum, m, i) => sum + m * lengths[i]!, 0);
}

function meanDifference(rows: readonly ScoreRow[], mask: Uint8Array): number {
  const n = count(mask);
  return n === 0 ? 0 : rows.reduce((sum, row, i) => (mask[i] === 1 ? sum + row.difference : sum), 0) / n;
}
