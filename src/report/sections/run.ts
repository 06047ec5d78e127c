import type { SelectionMethod } from "../../select/record.ts";
import { responsive } from "../charts/frame.ts";
import { type Lineage, lineageDiagram } from "../charts/lineage.ts";
import type { Findings } from "../findings.ts";
import { bytes, compact, count, duration, flops, listed, percent, plural, UNKNOWN } from "../format.ts";
import { html, nothing } from "../html.ts";
import type { ReportData, SelectionRecord } from "../record.ts";
import { figure, joined, type Section, table } from "../section.ts";

/** What was run: lineage, who the two scoring models are, the corpus, and what each stage cost. */
export function runSection(data: ReportData, findings: Findings): Section {
  const { corpus, provenance } = data.run;
  const lineage = lineageOf(data, findings);
  const description = `Corpus of ${count(corpus.documents)} documents; ${listed(lineage.models.map(({ node }) => `${node.kind} ${node.name}`))} score it; selections ${listed(lineage.selections.map(({ node }) => node.name))}; students ${listed(findings.cast.groups.map((group) => group.name))}.`;
  return {
    id: "run",
    title: "What was run",
    lead:
      corpus.instances === 0
        ? html`The corpus has not been packed yet.`
        : html`${count(corpus.documents)} documents became ${count(corpus.instances)} instances; teacher and reference score each of them once, and the students learn from what is chosen.`,
    body: joined(
      figure(
        "From the corpus to the students",
        responsive((width) => lineageDiagram(lineage, description, width)),
        "Arrows are data. A model without an arrow from the corpus was brought along and not trained in this run.",
      ),
      html`<dl class="provenance">${provenance.map(
        ({ role, model, sentence, parameters }) =>
          html`<dt>${role === "teacher" ? "Teacher" : "Reference"}</dt><dd><b>${model}</b> (${compact(parameters)} parameters). ${sentence}</dd>`,
      )}</dl>`,
      html`<div class="columns-two">${table(
        "The corpus",
        [{ title: "" }, { title: "", numeric: true }],
        [
          ["Documents", count(corpus.documents)],
          ["of them held out", count(corpus.heldOutDocuments)],
          ["Sources", count(corpus.sources)],
          ["Text", bytes(corpus.bytes)],
          ["Tokens", count(corpus.tokens)],
          ["Instances", count(corpus.instances)],
          ["Tokens per instance", count(corpus.tokens / corpus.instances)],
        ],
      )}${stagesTable(data)}</div>`,
    ),
  };
}

function stagesTable(data: ReportData) {
  const { stages } = data.run;
  if (stages.length === 0) return nothing;
  const spent = stages.reduce((sum, stage) => sum + (stage.flops ?? 0), 0);
  const seconds = stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const rows = groupedStages(data).map((stage) => [
    stage.stage,
    stage.reused ? html`<span class="fine">reused</span> ${duration(stage.seconds)}` : duration(stage.seconds),
    stage.flops === undefined ? UNKNOWN : flops(stage.flops),
    stage.flops === undefined || spent === 0 ? "" : percent(stage.flops / spent, 1),
  ]);
  return table(
    "Cost of the stages",
    [
      { title: "Stage" },
      { title: "Wall time", numeric: true },
      { title: "FLOPs", numeric: true },
      { title: "Share", numeric: true },
    ],
    [...rows, [html`<b>all</b>`, html`<b>${duration(seconds)}</b>`, html`<b>${flops(spent)}</b>`, ""]],
  );
}

/** The stages; those of the students of one name (training, evaluation) in one row each. */
function groupedStages(data: ReportData): StageCost[] {
  const groups = new Map<string, StageCost & { stages: number }>();
  for (const { stage, seconds, reused, flops: spent } of data.run.stages) {
    const trained = data.run.students.find((one) => one.folder === stage);
    const evaluated = data.run.students.find((one) => stage === `evaluate/${one.name}-seed${one.seed}`);
    const name = trained ? `students/${trained.name}` : evaluated ? `evaluate/${evaluated.name}` : stage;
    const group = groups.get(name) ?? { stage: name, seconds: 0, reused: true, flops: undefined, stages: 0 };
    group.seconds += seconds;
    group.reused &&= reused;
    if (spent !== undefined) group.flops = (group.flops ?? 0) + spent;
    group.stages++;
    groups.set(name, group);
  }
  return [...groups.values()].map((group) => ({
    ...group,
    stage: group.stages > 1 ? `${group.stage}, ${plural(group.stages, "seed")}` : group.stage,
  }));
}

interface StageCost {
  stage: string;
  seconds: number;
  reused: boolean;
  flops: number | undefined;
}

function lineageOf(data: ReportData, { cast }: Findings): Lineage {
  const { corpus, provenance } = data.run;
  const selections = data.selections.map((selection) => ({
    node: {
      kind: "selection",
      name: selection.name,
      note: keptNote(selection),
      series: cast.groups.find((group) => group.selection === selection)?.series,
    },
    ranked: !["random", "all"].includes(selection.summary?.method ?? ""),
    students: cast.groups
      .filter((group) => group.selection === selection)
      .map((group) => ({
        kind: "student",
        name: group.name,
        note: `${plural(group.students.length, "seed")}, ${sizeOf(group.students)}`,
        series: group.series,
      })),
  }));
  const scored = data.scores?.difference.length;
  return {
    corpus: { kind: "corpus", name: plural(corpus.documents, "document"), note: `${compact(corpus.tokens)} tokens` },
    models: (["teacher", "reference"] as const).map((role) => {
      const known = provenance.find((one) => one.role === role);
      const trainedHere = data.models[role] !== undefined;
      const note =
        known === undefined
          ? "not recorded"
          : `${compact(known.parameters)}, ${trainedHere ? "trained here" : "brought along"}`;
      return { node: { kind: role, name: known?.model ?? role, note }, trainedHere };
    }),
    scores: {
      kind: "scores",
      name: "NLL difference",
      note: scored === undefined ? "not written yet" : plural(scored, "instance"),
    },
    selections,
  };
}

const SHORT: Record<SelectionMethod, string> = {
  difference: "by difference",
  random: "at random",
  lowest_perplexity: "lowest NLL",
  highest_perplexity: "highest NLL",
  all: "everything",
};

function keptNote({ summary }: SelectionRecord): string {
  if (summary === undefined) return "not written yet";
  return `${percent(summary.instances.kept / summary.instances.total)}, ${SHORT[summary.method]}`;
}

function sizeOf(students: ReportData["students"]): string {
  const trained = students.find((student) => student.training !== undefined)?.training;
  return trained === undefined ? "not trained yet" : compact(trained.parameters);
}
