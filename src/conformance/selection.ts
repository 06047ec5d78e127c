import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { lossMask, reduceNll } from "../models/loss_mask.ts";
import { keepCount, keepHighest, type NanPolicy, rankDescending } from "../select/difference_sampling.ts";
import { histogram, scoreStatistics } from "../select/statistics.ts";
import { pearson } from "../statistics.ts";
import type { CaseResult, GoldenKind } from "./case.ts";
import { Comparison, type Tolerance } from "./compare.ts";
import {
  type GoldenSelection,
  type GoldenStatistics,
  readScoreGolden,
  readSelectionCases,
  type ScoreGolden,
} from "./score_golden.ts";

/** Tolerances of the fixtures' README: per-token NLL, and means, scores and statistics. */
const PER_TOKEN: Tolerance = { atol: 2e-4, rtol: 0 };
const MEAN: Tolerance = { atol: 1e-5, rtol: 0 };
const EQUAL: Tolerance = { atol: 0, rtol: 0 };

/** Masks, reductions, selections and statistics of Difference Sampling, from the stored scores (no model runs). */
export const selection: GoldenKind = async function* ({ fixtures }) {
  const folder = join(fixtures, "difference_sampling");
  if (!existsSync(folder)) return;
  const files = readdirSync(folder).sort();
  if (files.includes("selection_cases.json")) yield* selectionCases(await readSelectionCases(folder));
  for (const file of files) {
    if (!/^scores_.*\.json$/.test(file)) continue;
    const golden = await readScoreGolden(folder, file.slice(0, -".json".length));
    yield checkMasks(golden);
    yield* checkScores(golden, { teacher: golden.nllTeacher, reference: golden.nllReference });
    yield* checkStoredScores(golden);
  }
};

/** Holds per-token NLLs of an engine against a golden: tokens, masked means, scores, and what they select.
 * @param nll - for each of golden.sequences of n ids the n-1 values of teacher and reference, in nats */
export function checkScores(
  golden: ScoreGolden,
  nll: { teacher: readonly Float32Array[]; reference: readonly Float32Array[] },
): CaseResult[] {
  const perToken = new Comparison(`${golden.name}/token_nll`);
  closeRows(perToken, "teacher", nll.teacher, golden.nllTeacher, PER_TOKEN);
  closeRows(perToken, "reference", nll.reference, golden.nllReference, PER_TOKEN);

  const teacher = golden.lossMasks.map((mask, i) => reduceNll(nll.teacher[i] ?? [], mask));
  const reference = golden.lossMasks.map((mask, i) => reduceNll(nll.reference[i] ?? [], mask));
  const score = reference.map((r, i) => r.mean - teacher[i]!.mean);
  const scoreSum = reference.map((r, i) => r.sum - teacher[i]!.sum);
  const perPosition = (sums: ArrayLike<number>) => Float64Array.from(sums, (sum, i) => sum / golden.scoredTokens[i]!);
  const means = new Comparison(`${golden.name}/means`);
  means.close("scored tokens", column(teacher, "tokens"), golden.scoredTokens, EQUAL);
  means.close("mean NLL of the teacher", column(teacher, "mean"), golden.meanTeacher, MEAN);
  means.close("mean NLL of the reference", column(reference, "mean"), golden.meanReference, MEAN);
  means.close("score", score, golden.score, MEAN);
  // A sum has the error of its mean, times the positions.
  means.close("score by sum", perPosition(scoreSum), perPosition(golden.scoreSum), MEAN);
  return [
    perToken.result(),
    means.result(),
    checkSelection(`${golden.name}/selection`, score, golden.settings.selection),
    checkSelection(`${golden.name}/selection_by_sum`, scoreSum, golden.settings.selection_by_sum),
  ];
}

function checkMasks(golden: ScoreGolden): CaseResult {
  const { eos, pad } = golden.settings;
  const masks = golden.sequences.map((tokens) => lossMask(tokens, "miniplm", { eosId: eos, padId: pad }));
  const comparison = new Comparison(`${golden.name}/loss_mask`);
  closeRows(comparison, "instance", masks, golden.lossMasks, EQUAL);
  return comparison.result();
}

/** What follows from the stored scores alone, so that counts must be equal. */
function* checkStoredScores(golden: ScoreGolden): Generator<CaseResult> {
  const { settings, name } = golden;
  const tokens = golden.scoredTokens;
  const perToken = new Comparison(`${name}/token_difference`);
  const differences = golden.nllReference.map((row, i) => row.map((x, t) => x - golden.nllTeacher[i]![t]!));
  closeRows(perToken, "instance", differences, golden.tokenDifference, MEAN);
  yield perToken.result();

  const ranking = new Comparison(`${name}/ranking`);
  ranking.close("order", rankDescending({ scores: golden.score, tokens }), settings.order_best_first, EQUAL);
  for (const [ratio, expected] of Object.entries(settings.kept_by_mean_not_by_sum)) {
    const bySum = new Set(keepHighest({ scores: golden.scoreSum, tokens }, { ratio: Number(ratio) }));
    const byMean = keepHighest({ scores: golden.score, tokens }, { ratio: Number(ratio) });
    const onlyByMean = byMean.filter((i) => !bySum.has(i));
    ranking.close(`kept by mean, not by sum, at ${ratio}`, onlyByMean, expected, EQUAL);
  }
  ranking.close(
    "correlation",
    [pearson(golden.meanTeacher, golden.meanReference) ?? Number.NaN],
    [settings.pearson_mean_nll],
    MEAN,
  );
  yield ranking.result();
  yield checkStatistics(`${name}/score_statistics`, golden.score, settings.score_statistics);
  yield checkStatistics(`${name}/teacher_statistics`, golden.meanTeacher, settings.teacher_statistics);
  yield checkStatistics(`${name}/reference_statistics`, golden.meanReference, settings.reference_statistics);
}

function checkSelection(name: string, scores: readonly number[], expected: GoldenSelection): CaseResult {
  const comparison = new Comparison(name);
  const candidates = { scores, tokens: scores };
  const order = rankDescending(candidates);
  // Sums are larger than means by their positions, and so is their error; a gap has the error of two scores.
  const largest = scores.reduce((max, x) => Math.max(max, Math.abs(x)), 1);
  const atTheCut: Tolerance = { atol: 2 * MEAN.atol * largest, rtol: 0 };
  for (const [ratio, golden] of Object.entries(expected)) {
    const last = scores[order[golden.k - 1] ?? -1] ?? Number.NaN;
    const next = scores[order[golden.k] ?? -1] ?? Number.NaN;
    comparison.close(`kept at ${ratio}`, keepHighest(candidates, { ratio: Number(ratio) }), golden.kept, EQUAL);
    if (golden.lowest_kept_score !== null)
      comparison.close(`lowest kept at ${ratio}`, [last], [golden.lowest_kept_score], atTheCut);
    if (golden.score_gap_at_the_cut !== null)
      comparison.close(`gap at ${ratio}`, [last - next], [golden.score_gap_at_the_cut], atTheCut);
  }
  return comparison.result();
}

function checkStatistics(name: string, values: Float64Array, expected: GoldenStatistics): CaseResult {
  const comparison = new Comparison(name);
  const quantiles = Object.keys(expected.quantiles);
  const {
    count,
    min,
    max,
    mean,
    std,
    quantiles: found,
  } = scoreStatistics(name, values, { quantiles: quantiles.map(Number) });
  const { n, min: low, max: high, mean: middle, std_population } = expected;
  comparison.close(
    "count, min, max, mean, std",
    [count, min, max, mean, std],
    [n, low, high, middle, std_population],
    MEAN,
  );
  for (const q of quantiles)
    comparison.close(`quantile ${q}`, [found[String(Number(q))]!], [expected.quantiles[q]!], MEAN);
  for (const { bins, golden } of expected.histograms) {
    const ours = histogram(values, bins);
    comparison.close(`counts of ${bins} bins`, ours.counts, golden.counts, EQUAL);
    comparison.close(
      `edges of ${bins} bins`,
      golden.edges.length === 2 ? [ours.edges[0]!, ours.edges.at(-1)!] : ours.edges,
      golden.edges,
      MEAN,
    );
    if (golden.density !== undefined) comparison.close(`density of ${bins} bins`, ours.density, golden.density, MEAN);
    if (golden.cumulative !== undefined)
      comparison.close(`cumulative share of ${bins} bins`, ours.cumulative, golden.cumulative, MEAN);
  }
  return comparison.result();
}

function* selectionCases(golden: Awaited<ReturnType<typeof readSelectionCases>>): Generator<CaseResult> {
  const counts = new Comparison("selection/keep_counts");
  for (const [ratio, n, k] of golden.keep_counts) counts.close(`${ratio} of ${n}`, [keepCount(ratio, n)], [k], EQUAL);
  yield counts.result();
  for (const [number, { scores, ratio, kept, order }] of golden.cases.entries()) {
    const comparison = new Comparison(`selection/case_${number}`);
    comparison.close("kept", keepHighest({ scores, tokens: scores }, { ratio }), kept, EQUAL);
    comparison.close("order", rankDescending({ scores, tokens: scores }), order, EQUAL);
    yield comparison.result();
  }
  const { scores, ratio, kept_by_torch, kept_when_nan_is_dropped } = golden.nan;
  const comparison = new Comparison("selection/nan");
  const kept = (nan: NanPolicy) => keepHighest({ scores, tokens: scores }, { ratio }, nan);
  comparison.close("kept when NaN sorts first", kept("first"), kept_by_torch, EQUAL);
  if (kept_when_nan_is_dropped !== null)
    comparison.close("kept when NaN is dropped", kept("drop"), kept_when_nan_is_dropped, EQUAL);
  yield comparison.result();
}

function closeRows(
  comparison: Comparison,
  what: string,
  found: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
  tolerance: Tolerance,
): void {
  for (const [i, row] of expected.entries()) comparison.close(`${what} ${i}`, found[i] ?? [], row, tolerance);
}

function column<K extends string>(rows: readonly Record<K, number>[], key: K): number[] {
  return rows.map((row) => row[key]);
}
