import {
  type ByChance,
  besideChance,
  outsideByChance,
  type PairCounts,
  type SelectionAnalysis,
  type Shift,
} from "../../analyze/record.ts";
import { responsive, WIDTHS } from "../charts/frame.ts";
import { type ReferenceRow, referenceBars } from "../charts/reference_bars.ts";
import { count, listed, nats, percent, plain, UNKNOWN } from "../format.ts";
import { html, type Safe } from "../html.ts";
import { details, figure, joined, note, table } from "../section.ts";

/** Measures of diversity in a reader's words; one that is not listed goes by its own name. */
const MEASURES: Readonly<Record<string, string>> = {
  distinct_1: "Distinct tokens",
  distinct_2: "Distinct pairs of tokens",
  distinct_3: "Distinct triples of tokens",
  compression_ratio: "Compression by gzip",
  vendi_tf_idf: "Vendi score of words",
  log_determinant_tf_idf: "Log-determinant of words",
  vendi_embedding: "Vendi score of hidden states",
  log_determinant_embedding: "Log-determinant of hidden states",
};

/** The finding of an analysis in words: diversity against chance, and how far the mix of sources moved. */
export function analysisInWords(analysis: SelectionAnalysis): string {
  const { selection, diversity, domains, draws } = analysis;
  const sides = diversity.map(besideChance);
  const of = (side: Side) => sides.filter((one) => one === side).length;
  const parts = (["more", "less", "among"] as const).flatMap((side) => {
    const n = of(side);
    if (n === 0) return [];
    const who = n === sides.length ? (n === 1 ? "the one measure" : `all ${n} measures`) : count(n);
    return [side === "among" ? `among them by ${who}` : `${side} diverse than all of them by ${who}`];
  });
  const expected = plain(Number(outsideByChance(analysis).toPrecision(1)));
  const [low, high] = domains.random.jensenShannonBits;
  const moved = domains.jensenShannonBits > high;
  return [
    ...(diversity.length === 0
      ? []
      : [
          `Against ${count(draws)} random selections of as many instances, what “${selection}” keeps is ${listed(parts)}${parts.length > 1 ? ` of ${diversity.length} measures` : ""}${of("among") === sides.length ? "" : ` (by chance ${expected} would lie outside)`}.`,
        ]),
    `Its mix of sources ${moved ? `lies ${bits(domains.jensenShannonBits)} from that of the corpus, by chance ${bits(low)} to ${bits(high)}` : "is that of the corpus, up to chance"}.`,
  ].join(" ");
}

/** Diversity, domains, lengths and near-duplicates of each selection beside the whole corpus and chance. */
export function corpusAnalysis(analyses: readonly SelectionAnalysis[]): Safe {
  return joined(diversityFigures(analyses), shiftTable(analyses), sourcesTable(analyses));
}

type Side = ReturnType<typeof besideChance>;

function diversityFigures(analyses: readonly SelectionAnalysis[]): Safe {
  const measures = [...new Set(analyses.flatMap(({ diversity }) => diversity.map(({ measure }) => measure)))];
  return html`<div class="charts-two of-selections">${measures.map((measure) => diversityFigure(measure, analyses))}</div>`;
}

function diversityFigure(measure: string, analyses: readonly SelectionAnalysis[]): Safe {
  const rows = analyses.flatMap(({ selection, draws, diversity }) =>
    diversity.filter((one) => one.measure === measure).map((one) => ({ selection, draws, of: one })),
  );
  const [first] = rows as [(typeof rows)[number]];
  const { unit, higherIsMoreDiverse } = first.of;
  const sides = rows.map(({ selection, of }) => ({ selection, side: besideChance(of) }));
  const named = (side: Side) => sides.filter((one) => one.side === side).map(({ selection }) => selection);
  const draws = listed([...new Set(rows.map((row) => count(row.draws)))]);
  const outcome = (["more", "less"] as const).flatMap((side) =>
    named(side).length === 0
      ? []
      : [
          `${listed(named(side))} ${named(side).length === 1 ? "is" : "are"} ${side} diverse than all ${draws} drawn by chance`,
        ],
  );
  const name = Object.hasOwn(MEASURES, measure) ? MEASURES[measure]! : measure;
  const title = `${name}: ${outcome.length === 0 ? "as diverse as those drawn by chance" : outcome.join("; ")}`;
  const samples = [...new Set(rows.map(({ of: { sample } }) => `${count(sample.size)} ${sample.of}`))];
  return figure(
    title,
    responsive(
      (width) =>
        referenceBars(
          {
            rows: rows.map(
              ({ selection, of }): ReferenceRow => ({
                label: selection,
                value: of.kept,
                interval: undefined,
                from: of.all,
                byChance: of.random,
              }),
            ),
            better: higherIsMoreDiverse ? "higher" : "lower",
            axisTitle: unit,
            title: name,
            description: `${title}. ${rows.map(({ selection, of }) => `${selection}: kept ${plain(of.kept)}, whole corpus ${plain(of.all)}, by chance ${plain(of.random[0])} to ${plain(of.random[1])}.`).join(" ")}`,
            figure: plain,
          },
          width,
        ),
      WIDTHS.half,
    ),
    `Bars start at what as large a sample of the whole corpus gives; solid is more diverse, outlined less (${higherIsMoreDiverse ? "higher" : "lower"} is more diverse). Pale band: lowest to highest of ${draws} random selections of as many instances. Taken on ${listed(samples)}.`,
  );
}

function shiftTable(analyses: readonly SelectionAnalysis[]): Safe {
  const { threshold, shingle } = analyses[0]!.duplicates;
  const rows: [string, (analysis: SelectionAnalysis) => string | Safe][] = [
    [
      "Sources: Jensen-Shannon divergence from the corpus, bits",
      ({ domains: { jensenShannonBits, random } }) =>
        beside(plain(jensenShannonBits), chance(random.jensenShannonBits, plain)),
    ],
    [
      "Sources: total variation distance from the corpus",
      ({ domains: { totalVariation, random } }) => beside(plain(totalVariation), chance(random.totalVariation, plain)),
    ],
    ["Tokens of a kept instance, mean", ({ lengths }) => shifted(lengths.mean, (value) => nats(value, 1))],
    ["Tokens of a kept instance, median", ({ lengths }) => shifted(lengths.median, plain)],
    [
      "Lengths: Kolmogorov-Smirnov distance of kept from left out",
      ({ lengths: { ks } }) => (ks === null ? UNKNOWN : nats(ks)),
    ],
    [
      `Near-duplicates: kept instances with another one kept (${shingle}-token shingles, Jaccard at least ${threshold})`,
      ({ duplicates: { share, random } }) =>
        html`${shifted(share, (value) => percent(value, 1))}${note(chance(random, (value) => percent(value, 1)))}`,
    ],
    ["Near-duplicates: kept instances with one left out", ({ duplicates }) => percent(duplicates.keptWithDropped, 1)],
    ["Pairs of near-duplicates, both kept", (analysis) => pairs(analysis, "keptKept")],
    ["Pairs of near-duplicates, both left out", (analysis) => pairs(analysis, "droppedDropped")],
    ["Pairs of near-duplicates, one of each", (analysis) => pairs(analysis, "mixed")],
  ];
  return table(
    "Domains, lengths and near-duplicates of what was kept",
    [{ title: "Figure" }, ...analyses.map(({ selection }) => ({ title: selection, numeric: true }))],
    rows.map(([name, value]) => [name, ...analyses.map(value)]),
  );
}

function sourcesTable(analyses: readonly SelectionAnalysis[]): Safe {
  const all = new Map(
    analyses.flatMap(({ domains }) => domains.bySource.map(({ source, shareAll }) => [source, shareAll] as const)),
  );
  const kept = analyses.map(
    ({ domains }) => new Map(domains.bySource.map(({ source, shareKept }) => [source, shareKept])),
  );
  return details(
    "Shares of the tokens by source",
    table(
      "Share of each source in the tokens of the corpus and of each selection",
      [
        { title: "Source" },
        { title: "corpus", numeric: true },
        ...analyses.map(({ selection }) => ({ title: selection, numeric: true })),
      ],
      [...all]
        .sort(([, a], [, b]) => b - a)
        .map(([source, shareAll]) => [
          source,
          percent(shareAll, 1),
          ...kept.map((shares) => percent(shares.get(source) ?? Number.NaN, 1)),
        ]),
    ),
  );
}

function shifted({ all, kept, dropped }: Shift, text: (value: number) => string): Safe {
  const known = (value: number | null) => (value === null ? UNKNOWN : text(value));
  return beside(known(kept), `left out ${known(dropped)}, all ${text(all)}`);
}

function pairs({ duplicates }: SelectionAnalysis, key: keyof PairCounts): Safe {
  return beside(count(duplicates.pairs[key]), `by chance ${count(duplicates.pairsByChance[key])}`);
}

function chance([low, high]: ByChance, text: (value: number) => string): string {
  return `by chance ${text(low)} to ${text(high)}`;
}

function beside(value: string, context: string): Safe {
  return html`${value}${note(context)}`;
}

function bits(value: number): string {
  return `${plain(value)} bits`;
}
