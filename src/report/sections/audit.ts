import type { SelectionSummary } from "../../select/record.ts";
import { methodInWords } from "../cast.ts";
import type { Findings } from "../findings.ts";
import { count, nats, percent, plain, scoreUnit, signed, UNKNOWN } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import type { ReportData } from "../record.ts";
import { absent, details, joined, note, type Section, table } from "../section.ts";
import { analysisInWords, corpusAnalysis } from "./corpus_analysis.ts";

/** Audit tables with more rows than this start closed. */
const OPEN_FIGURES = 12;

/** All selections side by side: what they took, what that did to the corpus, and their audit figures. */
export function auditSection(data: ReportData, { cast }: Findings): Section {
  const unit = scoreUnit(data.scoreUnit);
  const summaries = data.selections.flatMap((selection) => selection.summary ?? []);
  const analyses = data.selections.flatMap((selection) => selection.analysis ?? []);
  const told = cast.main?.analysis ?? analyses[0];
  return {
    id: "audit",
    title: told === undefined ? "Audit of the selections" : "What the selections did to the corpus",
    lead:
      told === undefined
        ? html`Whether the selection did what it says, and in which respects it differs from one of the same size by chance.`
        : html`${analysisInWords(told)}`,
    body:
      summaries.length === 0
        ? absent("No selection has been written yet.")
        : joined(
            takenTable(summaries, unit),
            analyses.length === 0 ? undefined : corpusAnalysis(analyses),
            auditTable(summaries, analyses.length === 0),
          ),
  };
}

function columnsOf(summaries: readonly SelectionSummary[]) {
  return [{ title: "Figure" }, ...summaries.map((summary) => ({ title: summary.name, numeric: true }))];
}

function takenTable(summaries: readonly SelectionSummary[], unit: string): Safe {
  const rows: [string, (summary: SelectionSummary) => string][] = [
    ["Method", ({ method, ratio }) => methodInWords(method, ratio)],
    ["Instances kept", ({ instances }) => count(instances.kept)],
    ["Share of instances", ({ instances }) => percent(instances.kept / instances.total, 1)],
    ["Share of tokens", ({ tokens }) => percent(tokens.kept / tokens.total, 1)],
    ["Ranking value of the last kept", (summary) => rankingValue(summary, "lastKept")],
    ["Ranking value of the first left out", (summary) => rankingValue(summary, "firstDropped")],
    [`Mean difference of the kept, ${unit}`, ({ meanDifference }) => signed(meanDifference.kept)],
    [
      `Mean difference of those left out, ${unit}`,
      ({ meanDifference, method }) => (method === "all" ? UNKNOWN : signed(meanDifference.dropped)),
    ],
  ];
  return table(
    "Selections side by side",
    columnsOf(summaries),
    rows.map(([name, value]) => [name, ...summaries.map(value)]),
  );
}

/** The difference for Difference Sampling, the NLL for the perplexity baselines; nothing where no ranking was cut. */
function rankingValue({ method, threshold }: SelectionSummary, side: "lastKept" | "firstDropped"): string {
  if (threshold === undefined) return UNKNOWN;
  return method === "difference" ? signed(threshold[side], 4) : nats(threshold[side], 4);
}

/** @param open - whether the table may start open */
function auditTable(summaries: readonly SelectionSummary[], open: boolean): Safe {
  const names = [...new Set(summaries.flatMap((summary) => summary.audit.map((entry) => entry.name)))];
  if (names.length === 0) return nothing;
  const cell = (summary: SelectionSummary, name: string) => {
    const entry = summary.audit.find((one) => one.name === name);
    return entry === undefined ? UNKNOWN : html`${plain(entry.value)} ${note(entry.note)}`;
  };
  return details(
    `Audit figures (${names.length})`,
    table(
      "Audit figures, each with its reading",
      columnsOf(summaries),
      names.map((name) => [name, ...summaries.map((summary) => cell(summary, name))]),
    ),
    open && names.length <= OPEN_FIGURES,
  );
}
