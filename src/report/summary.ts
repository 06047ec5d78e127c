import { type Group, nameWithSeeds } from "./cast.ts";
import { spentBy } from "./costs.ts";
import { type Contrast, type Findings, findingsOf } from "./findings.ts";
import { compact, flops, LOSS_UNITS, nats, percent, sizeInterval, UNKNOWN } from "./format.ts";
import { parametersOf } from "./lineups.ts";
import { markdownTable } from "./markdown.ts";
import type { ReportData } from "./record.ts";
import { renderTasksMarkdown } from "./task_summary.ts";
import { verdictSentence } from "./verdict.ts";
import { visibleLine } from "./visible.ts";

/** The verdict and a Markdown table of students by held-out set, then the same of tasks, readable as it is in a terminal. Ends with a newline. */
export function renderMarkdownTable(data: ReportData): string {
  const findings = findingsOf(data);
  const planned = findings.cast.groups.some(({ plan }) => plan !== undefined);
  const rows = planned ? plannedRows(findings) : olderRows(findings);
  const losses = `${visibleLine(verdictSentence(data, findings))}\n\n${markdownTable(rows)}`;
  return findings.tasks === undefined ? losses : `${losses}\n${renderTasksMarkdown(findings.tasks)}`;
}

/** Of runs that tell what their students are: each against its own baseline. */
function plannedRows(findings: Findings): string[][] {
  const { sets, cast, losses, headline } = findings;
  // The one of two students without a named baseline that the other is held against.
  const implied = cast.lineups.length === 0 ? headline[0]?.baseline : undefined;
  const against = cast.lineups.length > 0 ? "baseline" : implied?.name;
  const bytes = losses.some(({ bitsPerByte }) => bitsPerByte !== undefined);
  const header = [
    "student",
    "family",
    "parameters",
    "data",
    "learned by",
    "baseline",
    "tokens",
    "FLOPs",
    ...sets.flatMap((set) => [
      `${set}, nats per token`,
      ...(bytes ? [`${set}, bits per byte`] : []),
      ...(against === undefined ? [] : [`${set} v. ${against}`]),
    ]),
  ];
  const rows = cast.groups.map((group) => {
    const spent = spentBy(group);
    return [
      nameWithSeeds(group),
      [group.plan?.family ?? UNKNOWN, group.plan?.tokenizer].filter((part) => part !== undefined).join(", tokenizer "),
      parametersCell(group),
      group.students[0]!.selection,
      group.plan?.method ?? UNKNOWN,
      group.baseline?.name ?? UNKNOWN,
      spent === undefined ? UNKNOWN : compact(spent.tokens),
      spent === undefined ? UNKNOWN : flops(spent.flops),
      ...sets.flatMap((set) => [
        lossCell(findings, group, set),
        ...(bytes ? [bytesCell(findings, group, set)] : []),
        ...(against === undefined ? [] : [baselineCell(findings, group, group.baseline ?? implied, set)]),
      ]),
    ];
  });
  return [header, ...rows];
}

function olderRows(findings: Findings): string[][] {
  const { sets, cast, headline } = findings;
  const header = [
    "student",
    "parameters",
    "kept",
    ...sets.map((set) => `${set} loss`),
    ...headline.map((one) => `${one.set}: v. ${one.baseline.name}`),
  ];
  const rows = cast.groups.map((group) => {
    const kept = group.selection?.summary?.instances;
    return [
      nameWithSeeds(group),
      parametersCell(group),
      kept === undefined ? UNKNOWN : percent(kept.kept / kept.total),
      ...sets.map((set) => lossCell(findings, group, set)),
      ...headline.map(({ set, baseline }) => {
        if (group === baseline) return "baseline";
        const one = findings.contrasts.find(
          (contrast) => contrast.set === set && contrast.treatment === group && contrast.baseline === baseline,
        );
        return one === undefined ? UNKNOWN : comparison(one);
      }),
    ];
  });
  return [header, ...rows];
}

function parametersCell(group: Group): string {
  const parameters = parametersOf(group);
  return parameters === undefined ? UNKNOWN : compact(parameters);
}

function lossCell({ losses }: Findings, group: Group, set: string): string {
  const loss = losses.find((one) => one.group === group && one.set === set);
  return loss === undefined ? UNKNOWN : nats(loss.mean);
}

function bytesCell({ losses }: Findings, group: Group, set: string): string {
  const loss = losses.find((one) => one.group === group && one.set === set)?.bitsPerByte;
  return loss === undefined ? UNKNOWN : nats(loss.mean);
}

function baselineCell({ contrasts }: Findings, group: Group, baseline: Group | undefined, set: string): string {
  const own = contrasts.find((one) => one.set === set && one.treatment === group && one.baseline === baseline);
  return own === undefined ? UNKNOWN : `${own.verdict === "unclear" ? "unclear: " : ""}${comparison(own)}`;
}

function comparison({ gain, interval, unit }: Contrast): string {
  const inUnit = unit === "nats_per_token" ? "" : ` ${LOSS_UNITS[unit]}`;
  return `${nats(Math.abs(gain))}${inUnit} ${gain >= 0 ? "lower" : "higher"} (${sizeInterval(gain, interval)})`;
}
