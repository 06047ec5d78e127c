import { moments, spearman } from "../statistics.ts";
import type { ScoreColumns } from "./baselines.ts";
import { rankDescending } from "./difference_sampling.ts";
import type { SelectionSummary } from "./record.ts";

/** One selection over its corpus, as the audit looks at it; columns hold one entry per instance. */
export interface Audited extends ScoreColumns {
  sources: readonly string[];
  tokens: ArrayLike<number>;
  /** 1 where the instance could be kept. */
  eligible: Uint8Array;
  /** 1 where it was kept. */
  kept: Uint8Array;
}

type Figure = SelectionSummary["audit"][number];

/** What the selection did beside raising its score: shares by source with their chance level, lengths, overlap with the
 * baselines, and how much of the ranking one model alone would give. Correlations are left out where a column is constant. */
export function auditSelection(selection: Audited): Figure[] {
  const n = selection.eligible.reduce((sum, e) => sum + e, 0);
  const k = selection.kept.reduce((sum, e) => sum + e, 0);
  if (n === 0 || k === 0) return [];
  return [
    ...sourceShares(selection, k, n),
    lengthShift(selection),
    ...overlaps(selection, k, n),
    ...correlations(selection),
  ];
}

/** Interval of 95 % of random selections of k of n within a source of m: the hypergeometric distribution's, normal approximation. */
function chanceInterval(k: number, n: number, m: number): { low: number; high: number } {
  const share = k / n;
  const deviation = n > 1 ? Math.sqrt(((share * (1 - share)) / m) * ((n - m) / (n - 1))) : 0;
  return { low: Math.max(0, share - 1.96 * deviation), high: Math.min(1, share + 1.96 * deviation) };
}

function sourceShares({ sources, eligible, kept }: Audited, k: number, n: number): Figure[] {
  const counts = new Map<string, { total: number; kept: number }>();
  for (let i = 0; i < sources.length; i++) {
    if (eligible[i] === 0) continue;
    const count = counts.get(sources[i]!) ?? { total: 0, kept: 0 };
    count.total++;
    count.kept += kept[i]!;
    counts.set(sources[i]!, count);
  }
  let moved = 0;
  const figures = [...counts.keys()].sort().map((source): Figure => {
    const count = counts.get(source)!;
    moved += Math.abs(count.kept / k - count.total / n) / 2;
    const value = count.kept / count.total;
    const { low, high } = chanceInterval(k, n, count.total);
    const verdict = value < low ? "below chance" : value > high ? "above chance" : "as by chance";
    return {
      name: `kept share of ${source}`,
      value,
      note: `${verdict}: 95 % of random selections keep ${percent(low)} to ${percent(high)} of its ${count.total} instances`,
    };
  });
  figures.push({
    name: "source mix moved",
    value: moved,
    note: "total variation distance between the sources of the kept and of all instances: 0 same mix, 1 disjoint",
  });
  return figures;
}

function lengthShift({ tokens, eligible, kept }: Audited): Figure {
  const all = mean(tokens, eligible);
  const chosen = mean(tokens, kept);
  return {
    name: "mean length of the kept over all",
    value: chosen / all,
    note: `${chosen.toFixed(1)} against ${all.toFixed(1)} tokens per instance`,
  };
}

function overlaps(selection: Audited, k: number, n: number): Figure[] {
  const { nll_teacher, nll_reference, tokens, eligible, kept, difference } = selection;
  const negative = (column: ArrayLike<number>) => Float64Array.from(column, (x) => -x);
  const rivals: [string, ArrayLike<number>][] = [
    ["highest difference", difference],
    ["lowest teacher perplexity", negative(nll_teacher)],
    ["highest teacher perplexity", nll_teacher],
    ["lowest reference perplexity", negative(nll_reference)],
    ["highest reference perplexity", nll_reference],
  ];
  return rivals.map(([rival, scores]) => {
    // The same number of instances, so that chance is k / n for every rival.
    const best = rankDescending({ scores, tokens, eligible }, "drop").subarray(0, k);
    const shared = best.reduce((sum, i) => sum + kept[i]!, 0);
    return {
      name: `overlap with ${rival}`,
      value: shared / k,
      note: `share of the kept it would keep too; by chance ${percent(k / n)}`,
    };
  });
}

function correlations(selection: Audited): Figure[] {
  const rows = Int32Array.from(selection.eligible.keys()).filter((i) => selection.eligible[i] === 1);
  const column = (values: ArrayLike<number>, sign = 1) => Float64Array.from(rows, (i) => sign * values[i]!);
  const difference = column(selection.difference);
  const pairs: [string, Float64Array, string][] = [
    [
      "-nll_teacher",
      column(selection.nll_teacher, -1),
      "near 1: the difference mostly says what the teacher finds easy",
    ],
    [
      "nll_reference",
      column(selection.nll_reference),
      "near 1: the difference mostly says what the reference finds hard",
    ],
    ["length", column(selection.tokens), "far from 0: the selection also picks by length"],
  ];
  return pairs.flatMap(([name, other, note]) => {
    const value = spearman(difference, other);
    return value === undefined ? [] : [{ name: `rank correlation of difference and ${name}`, value, note }];
  });
}

function mean(values: ArrayLike<number>, where: Uint8Array): number {
  return moments(
    Float64Array.from(where.keys())
      .filter((i) => where[i] === 1)
      .map((i) => values[i]!),
  ).mean;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
