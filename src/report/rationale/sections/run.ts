import type { TaskSummary } from "../../../tasks/record.ts";
import { seriesClass } from "../../charts/frame.ts";
import { compact, count, listed, percent, plural, UNKNOWN } from "../../format.ts";
import { html, type Safe } from "../../html.ts";
import { details, joined, type Section, table } from "../../section.ts";
import { stagesTable } from "../../sections/stages.ts";
import { methodInWords, SOURCE_IN_WORDS } from "../cast.ts";
import type { Findings } from "../findings.ts";
import type { RationaleReportData } from "../record.ts";

/** What was run: the task, the models, how each student was taught, and what each stage cost. */
export function runSection(data: RationaleReportData, { cast }: Findings): Section {
  const { run, task, studentTask } = data;
  return {
    id: "run",
    title: "What was run",
    lead: html`${sentence(run.task.description)} The teacher is asked once which words of each input its answer rests on; the students learn from what it pointed at.`,
    body: joined(
      html`<dl class="provenance">${run.provenance.map(
        ({ role, model, sentence, parameters }) =>
          html`<dt>${role === "teacher" ? "Teacher" : "Student"}</dt><dd><b>${model}</b> (${compact(parameters)} parameters). ${sentence}</dd>`,
      )}</dl>`,
      cast.groups.length === 0
        ? undefined
        : table(
            "The students",
            [{ title: "Student" }, { title: "Taught" }, { title: "Rationales" }, { title: "Seeds", numeric: true }],
            cast.groups.map((group) => [
              html`<b class="${`name ${seriesClass(group.series)}`}">${group.name}</b>`,
              methodInWords(group.method),
              group.rationale === undefined
                ? UNKNOWN
                : html`${group.rationale.name}${group.source === undefined ? "" : html` <span class="note">${SOURCE_IN_WORDS[group.source]}</span>`}`,
              count(group.students.length),
            ]),
          ),
      html`<div class="columns-two">${task === undefined ? html`<p class="absent">The task has not been prepared yet.</p>` : taskTable(task, studentTask)}${stagesTable(run)}</div>`,
      settingsTables(data),
    ),
  };
}

/** Sizes of the task; where students learn from other examples than the teacher, theirs come first. */
function taskTable(teachers: TaskSummary, students: TaskSummary | undefined): Safe {
  const tasks = students === undefined ? [teachers] : [students, teachers];
  const titles = students === undefined ? [""] : ["Students", "Teacher"];
  const row = (name: string, value: (task: TaskSummary) => string) => [name, ...tasks.map(value)];
  return table(
    `The task, ${teachers.task}`,
    [{ title: "" }, ...titles.map((title) => ({ title, numeric: true }))],
    [
      row("Training examples", ({ splits }) => count(splits.train.examples)),
      row("Validation examples", ({ splits }) => count(splits.validation.examples)),
      row("Test examples", ({ splits }) => count(splits.test.examples)),
      row("Metric", ({ metric }) => metric),
      row("Answer stands in the input", ({ answerInInput }) => percent(answerInInput, 1)),
      row("Inputs shared between splits", ({ sharedInputs }) =>
        count(Object.values(sharedInputs).reduce((sum, one) => sum + one, 0)),
      ),
      row("Training examples with an LLM's rationale", ({ splits }) => count(splits.train.rationales.llm)),
    ],
  );
}

/** Settings of every attribution and of every set of rationales, defaults written out. */
function settingsTables({ attributions, rationales }: RationaleReportData): Safe {
  const rows = [
    ...attributions.flatMap(({ name, summary }) =>
      summary === undefined ? [] : [[`attribution ${name}`, summary.method, settingsInWords(summary.settings)]],
    ),
    ...rationales.flatMap(({ name, summary }) =>
      summary === undefined ? [] : [[`rationales ${name}`, summary.source, settingsInWords(summary.settings)]],
    ),
  ];
  return details(
    `Settings of attributions and rationales (${plural(rows.length, "record")})`,
    table("Settings, defaults written out", [{ title: "Record" }, { title: "Method" }, { title: "Settings" }], rows),
  );
}

function settingsInWords(settings: Record<string, string | number | boolean | null>): string {
  return listed(Object.entries(settings).map(([name, value]) => `${name} ${value === null ? "none" : String(value)}`));
}

/** A description as a sentence of its own. */
function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
