import { responsive, WIDTHS } from "../charts/frame.ts";
import { binned, scoreHistogram } from "../charts/histogram.ts";
import { nllMap } from "../charts/nll_map.ts";
import { density, type Ridge, ridgelines } from "../charts/ridgelines.ts";
import type { Findings } from "../findings.ts";
import { count, LOSS_UNITS, listed, nats, percent, scoreUnit, signed } from "../format.ts";
import { html, type Safe } from "../html.ts";
import type { ReportData, ScoreColumns, SelectionRecord } from "../record.ts";
import { absent, details, figure, joined, type Section, table } from "../section.ts";

/** Most bars of the histogram; fewer instances get fewer (Rice's rule). */
const BINS = 56;
const RIDGES = 12;
const ACROSS_TOKENIZERS =
  "Teacher and reference read different tokens: both are scored over the same text, in bits per byte, and instances whose text one of them cannot give back have no score. Scores of single tokens do not exist.";

/** Distribution of the difference score: as a whole, by both models, by source. */
export function scoresSection(data: ReportData, { cast }: Findings): Section {
  const main = cast.main;
  const statistics = main?.statistics;
  const scores = data.scores;
  const cut = main?.summary?.method === "difference" ? cutOf(main) : undefined;
  const frame = { id: "scores", title: "Scores" };
  if (scores === undefined && statistics === undefined)
    return {
      ...frame,
      lead: html`How far the teacher is ahead of the reference on each instance.`,
      body: absent("The corpus has not been scored yet."),
    };
  const correlation = statistics?.correlation;
  const unit = scoreUnit(data.scoreUnit);
  return {
    ...frame,
    lead: html`The score of an instance is how much better the teacher predicts it than the reference does. ${
      statistics === undefined
        ? ""
        : `It averages ${signed(statistics.mean)} ${LOSS_UNITS[data.scoreUnit ?? "nats_per_token"]}, with a standard deviation of ${nats(statistics.std)}. `
    }${correlation === undefined ? "" : `The two models' NLLs correlate at ${nats(correlation, 2)}: ${correlation > 0.6 ? "they mostly agree on what is hard, and the score is where they do not" : "they disagree on a good part of what is hard"}.`}`,
    body: joined(
      data.scoreUnit === undefined ? undefined : html`<p>${ACROSS_TOKENIZERS}</p>`,
      scores === undefined ? undefined : histogramFigure(scores, cut, unit),
      scores === undefined
        ? undefined
        : html`<div class="charts-two">${mapFigure(scores, correlation, cut, unit)}${sourcesFigure(scores, main, cut, unit)}</div>`,
      statistics === undefined ? undefined : statisticsTable(statistics, unit),
    ),
  };
}

/** Middle between the last kept and the first dropped score; none where sources were cut each at its own score. */
function cutOf(selection: SelectionRecord): number | undefined {
  const threshold = selection.summary?.threshold;
  if (threshold === undefined || threshold.lastKept < threshold.firstDropped) return undefined;
  return (threshold.lastKept + threshold.firstDropped) / 2;
}

function histogramFigure(scores: ScoreColumns, cut: number | undefined, unit: string): Safe {
  const wanted = Math.ceil(2 * Math.cbrt(scores.difference.length));
  const bins = binned(scores.difference, centre(scores.difference), Math.min(BINS, Math.max(8, wanted)));
  const outside = bins.below + bins.above;
  const title =
    cut === undefined
      ? "How the scores are distributed"
      : `Instances with a score above ${signed(cut)} ${unit} are kept`;
  const beyond =
    outside === 0
      ? ""
      : ` ${count(outside)} instances lie beyond the ends of the axis (${count(bins.below)} left, ${count(bins.above)} right).`;
  return figure(
    title,
    responsive((width) => scoreHistogram({ bins, cut, unit, description: `${title}.${beyond}` }, width)),
    `Above: instances per bin${cut === undefined ? "" : ", kept ones in full colour, the others in outline"}. Below: share of the instances with a lower score.${beyond}`,
  );
}

function mapFigure(scores: ScoreColumns, correlation: number | undefined, cut: number | undefined, unit: string): Safe {
  const [low0, high0] = centre(scores.nllTeacher);
  const [low1, high1] = centre(scores.nllReference);
  const description = "Instances by the NLL of both models; above the line of equality the teacher is ahead.";
  return figure(
    correlation === undefined
      ? "Both models, instance by instance"
      : correlation > 0.6
        ? "What is hard for one is mostly hard for the other"
        : "The two models find different text hard",
    responsive(
      (width) =>
        nllMap(
          {
            teacher: scores.nllTeacher,
            reference: scores.nllReference,
            domain: [Math.min(low0, low1), Math.max(high0, high1)],
            cut,
            unit,
            description,
          },
          width,
        ),
      WIDTHS.half,
    ),
    html`Each cell counts instances; stronger colour is more, on a logarithmic scale. Above the thin diagonal the teacher is ahead${cut === undefined ? "" : ", above the dashed one by enough to be kept"}.`,
  );
}

function sourcesFigure(
  scores: ScoreColumns,
  main: SelectionRecord | undefined,
  cut: number | undefined,
  unit: string,
): Safe {
  const domain = centre(scores.difference);
  const bySource = scores.sources.map((): number[] => []);
  scores.difference.forEach((value, i) => {
    if (Number.isFinite(value)) bySource[scores.source[i]!]!.push(value);
  });
  const order = scores.sources.map((_, i) => i).sort((a, b) => bySource[b]!.length - bySource[a]!.length);
  const [named, others] = order.length <= RIDGES ? [order, []] : [order.slice(0, RIDGES - 1), order.slice(RIDGES - 1)];
  const kept = new Map(main?.summary?.bySource.map((row) => [row.source, row]));
  const row = (source: string, members: readonly number[]): Ridge & { mean: number } => {
    const values = members.flatMap((i) => bySource[i]!);
    const rows = members.flatMap((i) => kept.get(scores.sources[i]!) ?? []);
    const total = rows.reduce((sum, one) => sum + one.total, 0);
    return {
      source,
      instances: values.length,
      keptShare: total === 0 ? undefined : rows.reduce((sum, one) => sum + one.kept, 0) / total,
      density: density(values, domain, 80),
      mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    };
  };
  const rows = named.map((i) => row(scores.sources[i]!, [i])).sort((a, b) => b.mean - a.mean);
  if (others.length > 0) rows.push(row(`${others.length} others`, others));
  const description = `Sources from the highest to the lowest mean score: ${listed(rows.map((one) => one.source))}.`;
  return figure(
    rows.length < 2
      ? "Scores of the one source"
      : `${rows[0]!.source} scores highest, ${rows.at(others.length > 0 ? -2 : -1)!.source} lowest`,
    responsive((width) => ridgelines({ rows, domain, cut, unit, description }, width), WIDTHS.half),
    html`Density of the score in each source, all of equal area, by mean score.${cut === undefined ? "" : " Dashed: the cut. Right: share kept."}`,
  );
}

function statisticsTable(statistics: NonNullable<SelectionRecord["statistics"]>, unit: string): Safe {
  const rows: [string, string][] = [
    ["instances", count(statistics.count)],
    ["mean", signed(statistics.mean, 4)],
    ["standard deviation", nats(statistics.std, 4)],
    ["minimum", signed(statistics.min, 4)],
    ["maximum", signed(statistics.max, 4)],
    ...Object.entries(statistics.quantiles).map(([q, value]): [string, string] => [
      `${percent(Number(q))} quantile`,
      signed(value, 4),
    ]),
  ];
  return details(
    "The score in numbers",
    table(
      `Statistics of the score “${statistics.score}”, ${unit}`,
      [{ title: "Statistic" }, { title: "Value", numeric: true }],
      rows,
    ),
  );
}

/** Range that holds all but the outermost half percent on each side, a little widened: outliers would squeeze the rest. */
function centre(values: Float32Array): [number, number] {
  const sorted = values.filter(Number.isFinite).sort();
  if (sorted.length === 0) return [0, 1];
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  const room = Math.max((at(0.995) - at(0.005)) * 0.08, 1e-3);
  return [Math.max(sorted[0]! - 1e-6, at(0.005) - room), Math.min(sorted.at(-1)! + 1e-6, at(0.995) + room)];
}
