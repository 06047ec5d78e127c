import type { SelectionMethod } from "../../select/record.ts";
import type { Group } from "../cast.ts";
import { responsive } from "../charts/frame.ts";
import { type Lineage, lineageDiagram } from "../charts/lineage.ts";
import type { Findings } from "../findings.ts";
import { bytes, compact, count, listed, percent, plural } from "../format.ts";
import { html } from "../html.ts";
import type { ReportData, SelectionRecord } from "../record.ts";
import { figure, joined, type Section, table } from "../section.ts";
import { stagesTable } from "./stages.ts";

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
          html`<dt>${role === "teacher" ? "Teacher" : "Reference"}</dt><dd><b>${model}</b> (${sizeInWords(parameters)}). ${sentence}</dd>`,
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
      )}${stagesTable(data.run, findings.cast.crowded)}</div>`,
    ),
  };
}

function sizeInWords(parameters: number | undefined): string {
  return parameters === undefined ? "of unknown size" : `${compact(parameters)} parameters`;
}

function lineageOf(data: ReportData, { cast }: Findings): Lineage {
  const { corpus, provenance } = data.run;
  const studentsOf = (name: string) =>
    cast.groups
      .filter(({ students }) => students[0]!.selection === name)
      .map((group) => ({ kind: studentKind(group), name: group.name, note: studentNote(group), series: group.series }));
  // In a crowd a selection has students of many colours.
  const colourOf = (students: readonly { series: number | undefined }[]) =>
    cast.crowded ? undefined : students[0]?.series;
  const selections = data.selections.map((selection): Lineage["selections"][number] => {
    const students = studentsOf(selection.name);
    const node = { kind: "selection", name: selection.name, note: keptNote(selection), series: colourOf(students) };
    const ranked = !["random", "all"].includes(selection.summary?.method ?? "");
    return { node, from: ranked ? "scores" : "corpus", students };
  });
  const texts = (data.texts ?? []).map(({ name, summary }): Lineage["selections"][number] => {
    const students = studentsOf(name);
    const note = summary === undefined ? "not written yet" : `${compact(summary.generatedTokens)} tokens`;
    return { node: { kind: "teacher's text", name, note, series: colourOf(students) }, from: "teacher", students };
  });
  const scored = data.scores?.difference.length;
  return {
    corpus: { kind: "corpus", name: plural(corpus.documents, "document"), note: `${compact(corpus.tokens)} tokens` },
    models: (["teacher", "reference"] as const).map((role) => {
      const known = provenance.find((one) => one.role === role);
      const trainedHere = data.models[role] !== undefined;
      const note =
        known === undefined
          ? "not recorded"
          : `${known.parameters === undefined ? "size unknown" : compact(known.parameters)}, ${trainedHere ? "trained here" : "brought along"}`;
      return { node: { kind: role, name: known?.model ?? role, note }, trainedHere };
    }),
    scores: {
      kind: "scores",
      name: "NLL difference",
      note: scored === undefined ? "not written yet" : plural(scored, "instance"),
    },
    selections: [...selections, ...texts],
  };
}

/** "student", or what kind of student where the run says so. */
function studentKind({ plan }: Group): string {
  if (plan === undefined) return "student";
  const tokenizer = plan.tokenizer === undefined ? "" : `, tokenizer ${plan.tokenizer}`;
  return `${plan.family}${tokenizer}`;
}

function studentNote({ students, plan }: Group): string {
  const [seeds, size] = [plural(students.length, "seed"), sizeOf(students)];
  return plan === undefined || plan.method === "LM" ? `${seeds}, ${size}` : `${plan.method}, ${size}`;
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
