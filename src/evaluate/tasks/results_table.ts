import type { EvaluatedTasks } from "./evaluate_tasks.ts";
import { mainMetricOf, type TaskOutcome } from "./record.ts";
import { isLimited, isOtherSize, LIMITED, OTHER_SIZE, sizesOf } from "./results_layout.ts";

/** Metrics that are the share of right answers: what may be averaged over tasks. */
const SHARES: readonly string[] = ["acc", "acc_norm", "exact_match"];

/** Plain mean over tasks of their main metrics. */
export interface TaskAverage {
  value: number;
  /** Of the mean, the tasks' errors being independent; null where one is not known. */
  stderr: number | null;
  /** Tasks it is taken over: those whose main metric is a share of right answers. */
  tasks: string[];
}

/** The average over tasks; undefined without a task that counts. Source: MiniPLM, arXiv:2410.17215, for which metric counts */
export function averageOf(tasks: readonly TaskOutcome[]): TaskAverage | undefined {
  const counted = tasks.filter(({ main }) => SHARES.includes(main));
  const n = counted.length;
  if (n === 0) return undefined;
  const figures = counted.map(mainMetricOf);
  const errors = figures.map(({ stderr }) => stderr);
  const squares = errors.reduce<number | null>((sum, e) => (sum === null || e === null ? null : sum + e * e), 0);
  return {
    value: figures.reduce((sum, { value }) => sum + value, 0) / n,
    stderr: squares === null ? null : Math.sqrt(squares) / n,
    tasks: counted.map(({ task }) => task),
  };
}

const HEAD = ["Tasks", "Version", "n-shot", "Metric", "", "Value", "", "Stderr"] as const;
/** Columns of numbers stand on the right. */
const RIGHT: readonly number[] = [1, 2, 5, 7];

/**
 * Results as lm-evaluation-harness prints them, a Markdown table with the tasks in the order asked; below it the average over tasks,
 * what was cut or could not be asked, and, where only a part of a task was asked, that these figures are none of the task's.
 */
export function resultsText({ model, tasks, skipped }: EvaluatedTasks): string {
  const rows = tasks.flatMap(({ task, version, fewshot, metrics }) =>
    metrics.map(({ name, value, stderr, higherIsBetter }, i) => [
      i === 0 ? task : "",
      i === 0 ? String(version) : "",
      String(fewshot),
      name,
      higherIsBetter ? "↑" : "↓",
      figure(value),
      "±",
      stderr === null ? "N/A" : figure(stderr),
    ]),
  );
  const limited = tasks.filter(isLimited);
  const others = tasks.filter(isOtherSize);
  const average = averageOf(tasks);
  return [
    `${model}:`,
    markdown([HEAD, ...rows], RIGHT),
    ...(average === undefined ? [] : [averageText(average, tasks)]),
    ...tasks.flatMap(({ task, cut, items }) =>
      cut ? [`${task}: ${counted(cut, "request")} of ${counted(items, "question")} lost tokens on the left`] : [],
    ),
    ...skipped.flatMap(({ task, docIds }) =>
      docIds.length === 0
        ? []
        : [`${task}: ${counted(docIds.length, "question")} could not be asked: ${list(docIds.map(String))}`],
    ),
    ...(limited.length === 0
      ? []
      : [`${LIMITED} (${list(limited.map(({ task, items, of }) => `${task}: ${items} of ${of} questions`))})`]),
    ...(others.length === 0 ? [] : [`${OTHER_SIZE} (${list(others.map(sizesOf))})`]),
  ].join("\n");
}

/** Main metrics of several models side by side, as a Markdown table: a line for each task, and one for the average. */
export function modelsTable(models: readonly EvaluatedTasks[]): string {
  const cell = (value: number, stderr: number | null) =>
    stderr === null ? figure(value) : `${figure(value)} ± ${figure(stderr)}`;
  const rows = models[0]!.tasks.map(({ task, main }, i) => {
    const figures = models.map(({ tasks }) => mainMetricOf(tasks[i]!));
    const arrow = figures[0]!.higherIsBetter ? "↑" : "↓";
    return [task, main, arrow, ...figures.map(({ value, stderr }) => cell(value, stderr))];
  });
  const averages = models.map(({ tasks }) => averageOf(tasks));
  const over = averages[0]?.tasks.length ?? 0;
  if (over > 1)
    rows.push([`average of ${over}`, "", "↑", ...averages.map((average) => cell(average!.value, average!.stderr))]);
  const head = ["Tasks", "Metric", "", ...models.map(({ model }) => model)];
  return markdown(
    [head, ...rows],
    [...models.keys()].map((i) => i + 3),
  );
}

/** With four places; large ones, which only perplexities are, with four digits. */
function figure(value: number): string {
  return value >= 1e6 ? value.toPrecision(4) : value.toFixed(4);
}

function averageText({ value, stderr, tasks: over }: TaskAverage, tasks: readonly TaskOutcome[]): string {
  const mains = new Map(tasks.map(({ task, main }) => [task, main]));
  const error = stderr === null ? "" : ` ± ${stderr.toFixed(4)}`;
  return `average of ${counted(over.length, "task")}: ${value.toFixed(4)}${error} (${over.map((task) => `${task} ${mains.get(task)}`).join(", ")})`;
}

/** @param rows - the head first   @param right - columns of numbers */
function markdown(rows: readonly (readonly string[])[], right: readonly number[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const cell = (text: string, column: number) =>
    right.includes(column) ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
  const lines = rows.map((row) => `|${row.map(cell).join("|")}|`);
  const rule = widths.map((width, column) =>
    right.includes(column) ? `${"-".repeat(width - 1)}:` : "-".repeat(width),
  );
  lines.splice(1, 0, `|${rule.join("|")}|`);
  return lines.join("\n");
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** The first few of a list. */
function list(texts: readonly string[]): string {
  return texts.length > 12 ? `${texts.slice(0, 12).join(", ")} …` : texts.join(", ");
}
