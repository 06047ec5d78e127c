import {
  type ByChance,
  besideChance,
  type LabelAudit,
  type NearDuplicatesSummary,
  outsideByChance,
  type ScorerAudit,
  type SelectionAnalysis,
} from "./record.ts";

const VERDICTS = { more: "more diverse than all", less: "less diverse than all", among: "as by chance" };

/** What a selection did, as aligned text. */
export function selectionTable(analysis: SelectionAnalysis, search: NearDuplicatesSummary): string {
  const { selection, instances, tokens, diversity, domains, lengths, duplicates, draws } = analysis;
  const rows = [
    ["", "all", "kept", `lowest to highest of ${draws} random selections`],
    ...diversity.map((one) => [
      one.measure,
      figure(one.all),
      figure(one.kept),
      `${range(one.random)}  ${VERDICTS[besideChance(one)]}, ${one.unit}`,
    ]),
    ["near-duplicates", percent(duplicates.share.all), percent(duplicates.share.kept), percentRange(duplicates.random)],
    ["mean length", figure(lengths.mean.all), figure(lengths.mean.kept), `dropped ${figure(lengths.mean.dropped)}`],
    [
      "median length",
      figure(lengths.median.all),
      figure(lengths.median.kept),
      `dropped ${figure(lengths.median.dropped)}, KS ${figure(lengths.ks)}`,
    ],
    ...domains.bySource.map(({ source, shareAll, shareKept }) => [
      `tokens of ${source}`,
      percent(shareAll),
      percent(shareKept),
      "",
    ]),
    ["source mix, JS bits", "", figure(domains.jensenShannonBits), range(domains.random.jensenShannonBits)],
    ["source mix, TV", "", figure(domains.totalVariation), range(domains.random.totalVariation)],
  ];
  const outside = diversity.filter((one) => besideChance(one) !== "among").length;
  const { pairs, pairsByChance } = duplicates;
  const pair = (key: keyof typeof pairs) => `${pairs[key]} (by chance ${figure(pairsByChance[key])})`;
  return [
    `${selection}: kept ${instances.kept} of ${instances.all} instances, ${tokens.kept} of ${tokens.all} tokens`,
    aligned(rows),
    `diversity outside all ${draws}: ${outside} of ${diversity.length} measures; by chance ${figure(Number(outsideByChance(analysis).toPrecision(1)))} in the mean`,
    `pairs of near-duplicates (Jaccard from ${duplicates.threshold}): both kept ${pair("keptKept")}, both dropped ${pair("droppedDropped")}, one of each ${pair("mixed")}`,
    `${percent(duplicates.keptWithDropped)} of the kept have a near-duplicate that was dropped`,
    ...(search.notCompared === 0
      ? []
      : [`${search.notCompared} pairs of overfull buckets were not compared: near-duplicates are at least so many`]),
  ].join("\n");
}

/** A cheap scorer against the exact one, as aligned text. */
export function scorerTable({ cheap, exact, instances, spearman, overlap, regret }: ScorerAudit): string {
  return [
    `${cheap} against ${exact}, ${instances} instances: rank correlation ${figure(spearman)}`,
    aligned([
      ["kept", "of the exact selection", "by chance"],
      ...overlap.map(({ ratio, shared }) => [percent(ratio), percent(shared), percent(ratio)]),
    ]),
    ...regret.map(
      ({ set, cheapStudent, exactStudent, difference, interval, unit }) =>
        `regret on ${set}: ${cheapStudent} ${signed(difference)} ${unit === undefined ? "nats per token" : "bits per byte"} against ${exactStudent}${interval === null ? "" : `, 95 % ${range(interval)}`}`,
    ),
  ].join("\n");
}

/** Scores against labels, as aligned text. */
export function labelTable({ source, good, bad, unscored, scores, comparisons }: LabelAudit): string {
  return [
    `${source}: ${good.documents} ${good.label} against ${bad.documents} ${bad.label} documents${unscored === 0 ? "" : `, ${unscored} more were not scored`}`,
    aligned([
      ["score", "AUROC", "95 %", ""],
      ...scores.map(({ score, auroc, interval }, at) => {
        const against = at === 0 ? undefined : comparisons[at - 1]!;
        const beside =
          against === undefined ? "" : `${against.a} ${signed(against.difference)} (${range(against.interval)})`;
        return [score, figure(auroc), range(interval), beside];
      }),
    ]),
  ].join("\n");
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => (at === 0 || at === row.length - 1 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function figure(value: number | null): string {
  return value === null ? "none" : Number(value.toPrecision(4)).toString();
}

function signed(value: number): string {
  return `${value >= 0 ? "+" : ""}${figure(value)}`;
}

function range([low, high]: readonly [number, number]): string {
  return `${figure(low)} to ${figure(high)}`;
}

function percent(share: number | null): string {
  return share === null ? "none" : `${(100 * share).toFixed(1)} %`;
}

function percentRange([low, high]: ByChance): string {
  return `${percent(low)} to ${percent(high)}`;
}
