import { AVERAGE } from "../evaluate/task_comparison_record.ts";
import { nameWithSeeds } from "./cast.ts";
import { scoreText, UNKNOWN } from "./format.ts";
import { markdownTable } from "./markdown.ts";
import type { GroupScore, TaskFindings } from "./task_findings.ts";
import { intervalInWords, limitedInWords, taskVerdict } from "./task_verdict.ts";
import { visibleLine } from "./visible.ts";

/** What the tasks say, and a Markdown table of students by task, readable as it is in a terminal. Ends with a newline. */
export function renderTasksMarkdown(findings: TaskFindings): string {
  const { tasks, scores, averages, averaged, others, mixed } = findings;
  const groups = [...new Set(scores.map(({ group }) => group))];
  const columns = [
    ...(averaged === undefined
      ? []
      : [{ name: AVERAGE, share: true, from: averages, title: `average of ${averaged.tasks}` }]),
    ...tasks.map(({ name, share, metric }) => ({ name, share, from: scores, title: `${name}, ${metric}` })),
  ];
  const rows = [
    ["student", ...columns.map(({ title }) => title)],
    ...groups.map((group) => [
      nameWithSeeds(group),
      ...columns.map(({ name, share, from }) =>
        scoreCell(
          from.find((score) => score.group === group && score.task === name),
          share,
          mixed,
        ),
      ),
    ]),
    ...others.map(({ model, values }) => [
      model,
      ...columns.map(({ name, share }) => (values.has(name) ? scoreText(values.get(name)!, share) : UNKNOWN)),
    ]),
  ];
  const limited = limitedInWords(tasks);
  return `${visibleLine(`${limited === "" ? "" : `LIMITED. ${limited} `}${taskVerdict(findings)}`)}\n\n${markdownTable(rows)}`;
}

function scoreCell(score: GroupScore | undefined, share: boolean, mixed: boolean): string {
  if (score === undefined) return UNKNOWN;
  return `${scoreText(score.mean, share)}${score.interval === undefined ? "" : ` (${intervalInWords(score, share, mixed)})`}`;
}
