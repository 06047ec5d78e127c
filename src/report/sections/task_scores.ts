import { AVERAGE } from "../../evaluate/task_comparison_record.ts";
import type { Group } from "../cast.ts";
import { count, percent, plural, points, pValue, scoreText, UNKNOWN } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { note, stackedTable, studentName } from "../section.ts";
import type { AskedTask, GroupScore, TaskContrast, TaskFindings } from "../task_findings.ts";
import { intervalInWords } from "../task_verdict.ts";

type Cells = (string | Safe)[];
/** What the average is, whatever its tasks are. */
const SHARE = { share: true, higherIsBetter: true };

/** Students by tasks: mean, interval, the best of each task, what is significant, and beside them the models and figures to hold them against. */
export function taskScores(findings: TaskFindings): Safe {
  const { tasks, scores, averages, averaged, others, limited, mixed } = findings;
  const groups = [...new Set(scores.map(({ group }) => group))];
  const average = averages.length > 0;
  const students = groups.map((group): Cells => {
    const own = (task: string, from: readonly GroupScore[]) =>
      from.find((score) => score.group === group && score.task === task);
    return [
      html`${studentName(group)}${note(plural(group.students.length, "seed"))}`,
      ...(average ? [scoreCell(own(AVERAGE, averages), SHARE, mixed, markOf(findings, group, AVERAGE))] : []),
      ...tasks.map((task) => scoreCell(own(task.name, scores), task, mixed, markOf(findings, group, task.name))),
    ];
  });
  const context = others.map(({ model, values }): Cells => {
    const cell = (task: string, share: boolean) => {
      const value = values.get(task);
      return value === undefined ? UNKNOWN : scoreText(value, share);
    };
    return [model, ...(average ? [cell(AVERAGE, true)] : []), ...tasks.map(({ name, share }) => cell(name, share))];
  });
  return stackedTable(
    caption(findings),
    [
      { title: "Student" },
      ...(average ? [{ title: `average of ${averaged!.tasks}`, numeric: true }] : []),
      ...tasks.map(({ name }) => ({ title: name, numeric: true })),
    ],
    [
      ...students,
      ...context,
      [
        "by chance",
        ...(average ? [chanceCell(averaged!.chance)] : []),
        ...tasks.map(({ chance }) => chanceCell(chance)),
      ],
      ["metric", ...(average ? [""] : []), ...tasks.map(({ metric }) => metric)],
      [
        "questions",
        ...(average ? [""] : []),
        ...tasks.map(({ items, of }) =>
          limited && items < of ? html`<b>${count(items)}</b>${note(`of ${count(of)}`)}` : count(items),
        ),
      ],
    ],
    "dense",
  );
}

function caption({ tasks, scores, limited, mixed, pairs }: TaskFindings): string {
  const shots = [...new Set(tasks.map(({ fewshot }) => fewshot))];
  const over = scores.some(({ intervalOver }) => intervalOver === "seeds") ? "seeds" : "questions";
  return [
    `${limited ? "Limited: no results of the tasks. " : ""}Scores on tasks, ${shots.map((n) => (n === 0 ? "zero-shot" : `${n}-shot`)).join(" or ")}`,
    `below each its 95 % interval${mixed ? ", the wider of that over seeds and that over questions" : ` over ${over}`}`,
    ...(pairs.length > 0
      ? ["“better” or “worse” than the baseline, in percentage points, where Holm's p over the tasks is below 0.05"]
      : []),
  ].join("; ");
}

function scoreCell(
  score: GroupScore | undefined,
  { share, higherIsBetter }: Pick<AskedTask, "share" | "higherIsBetter">,
  mixed: boolean,
  mark: TaskContrast | undefined,
): string | Safe {
  if (score === undefined) return UNKNOWN;
  const { mean, interval, best } = score;
  const value = scoreText(mean, share);
  return html`${best ? html`<b>${value}</b>` : value}${interval === undefined ? nothing : note(intervalInWords(score, share, mixed))}${best ? note(higherIsBetter ? "highest" : "lowest") : nothing}${mark === undefined ? nothing : note(markInWords(mark))}`;
}

function markInWords({ verdict, gain, share, p }: TaskContrast): Safe {
  return html`<b>${verdict}</b> ${share ? points(gain) : ""}${p === undefined ? nothing : html`<br/>${pValue(p)}`}`;
}

/** The significant comparison of a student with what it is held against; none where that is several. */
function markOf({ pairs }: TaskFindings, group: Group, task: string): TaskContrast | undefined {
  const [pair, ...more] = pairs.filter(({ treatment }) => treatment === group);
  if (pair === undefined || more.length > 0) return undefined;
  const contrast = task === AVERAGE ? pair.average : pair.contrasts.find((one) => one.task === task);
  return contrast?.verdict === "better" || contrast?.verdict === "worse" ? contrast : undefined;
}

function chanceCell(chance: number | undefined): string {
  return chance === undefined ? UNKNOWN : percent(chance, 1);
}
