import {
  AVERAGE,
  isShare,
  mixesIntervals,
  type StudentTaskScore,
  type TaskAverage,
  type TaskEvaluation,
} from "../../evaluate/task_comparison_record.ts";
import { count, listed, plural } from "../format.ts";
import { limitedInWords } from "../task_verdict.ts";
import { baselinesOf, type Contrast, markBest, marked, markSentences, seedError } from "./estimates.ts";
import type { NumberFormat } from "./figures.ts";
import type { ExportSource } from "./load.ts";
import { provenanceSentence } from "./provenance.ts";
import type { Cell, Column, Figure, Row, Table } from "./table.ts";

/** Shares of right answers as people read them. */
export const PERCENT: NumberFormat = { kind: "percent", digits: 1 };

/** Main metrics: students by task and their average, then the models beside them and chance. */
export function taskTable({ tasks: evaluation, provenance }: ExportSource): Table | undefined {
  const first = evaluation?.scores[0];
  if (evaluation === undefined || first === undefined) return undefined;
  const asked = evaluation.scores.filter(({ student }) => student === first.student);
  const names = [...new Set(evaluation.scores.map(({ student }) => student))];
  const contrasts = taskContrasts(evaluation);
  const baselines = baselinesOf(contrasts);
  const several = new Set(baselines?.values()).size > 1;
  const averaged = evaluation.averages[0];
  const mixed = mixesIntervals(evaluation);
  const lead: Column[] = [
    { key: "student", title: "student" },
    ...(several ? [{ key: "baseline", title: "v." }] : []),
    { key: "seeds", title: "seeds", format: { kind: "count" } },
  ];
  const average: Column = {
    key: AVERAGE,
    title: AVERAGE,
    unit: "%",
    better: "higher",
    interval: "half",
    format: PERCENT,
  };
  const columns = [...lead, ...asked.map(taskColumn), ...(averaged ? [average] : [])];
  const rowOf = (group: string, title: string, against: Cell, seeds: Cell, cells: Cell[]): Row => ({
    group,
    cells: [title, ...(several ? [against] : []), seeds, ...cells],
  });
  const rows = names.map((name) => {
    const scores = [...evaluation.scores, ...evaluation.averages.map((one) => ({ ...one, task: AVERAGE }))];
    const own = scores.filter(({ student }) => student === name);
    const cells = own.map((score) => {
      const contrast = contrasts.find((one) => one.student === name && one.on === score.task);
      return { ...scoreFigure(score, mixed), ...(baselines && contrast && marked(contrast)) };
    });
    return rowOf("student", name, baselines?.get(name) ?? null, { value: own[0]!.seeds.length }, cells);
  });
  for (const [t, { higherIsBetter }] of [...asked, ...(averaged ? [{ higherIsBetter: true }] : [])].entries())
    markBest(rows, "student", lead.length + t, higherIsBetter ? "higher" : "lower");
  const models = [...new Set(evaluation.others.map(({ model }) => model))];
  const others = models.map((model) => {
    const own = evaluation.others.filter((one) => one.model === model);
    const cells = [...asked.map(({ task }) => task), ...(averaged ? [AVERAGE] : [])].map((task): Cell => {
      const score = own.find((one) => one.task === task);
      return score === undefined
        ? null
        : { value: score.value, ...(score.stderr !== null && { stderr: score.stderr }) };
    });
    return rowOf("beside", model, null, null, cells);
  });
  const chances = [...asked, ...(averaged ? [averaged] : [])].map(
    ({ chance }): Cell => (chance === null ? null : { value: chance }),
  );
  const chance = chances.every((one) => one === null) ? [] : [rowOf("chance", "chance", null, null, chances)];
  return {
    kind: "tasks",
    name: "tasks",
    title: "Accuracy on tasks",
    caption: [
      ...(evaluation.limited ? [limitedSentence(asked)] : []),
      `Main metric of each task, ${shotsInWords(asked)}.`,
    ],
    notes: [
      `Questions: ${listed(asked.map(({ task, items }) => `${task} ${count(items)}`))}.`,
      ...(averaged ? [averageSentence(averaged, asked)] : []),
      ...intervalSentences(evaluation, mixed),
      ...(rows.length > 1 ? ["Bold: the one best of the students."] : []),
      ...(baselines === undefined ? [] : markSentences(contrasts, baselines, testWords(evaluation))),
      provenanceSentence(provenance),
    ],
    provenance,
    columns,
    rows: [...rows, ...others, ...chance],
  };
}

/** Watermark of a run in which not all questions were asked. */
export function limitedSentence(asked: readonly Pick<StudentTaskScore, "task" | "items" | "of">[]): string {
  return `LIMITED RUN. ${limitedInWords(asked.map(({ task, ...rest }) => ({ name: task, ...rest })))}`;
}

/** The comparisons of tasks.json, whose a is the baseline. */
export function taskContrasts({ comparisons }: TaskEvaluation): Contrast[] {
  return comparisons.map(({ a, b, task, interval, pHolm }) => ({
    student: b,
    against: a,
    on: task,
    interval,
    pHolm: pHolm ?? undefined,
  }));
}

/** What the p values of an evaluation are of. */
export function testWords({ comparisons }: TaskEvaluation): string {
  const tested = comparisons.filter(({ pHolm }) => pHolm !== null);
  const tests = [
    ...(tested.some(({ pSeeds }) => pSeeds !== null) ? ["paired t test over seeds"] : []),
    ...(tested.some(({ pSeeds }) => pSeeds === null)
      ? ["McNemar's exact test over questions where there is no spread over seeds"]
      : []),
  ];
  return `${listed(tests)}, adjusted by Holm over the tasks of a pair`;
}

function taskColumn({ task, metric, higherIsBetter }: StudentTaskScore): Column {
  const share = isShare(metric);
  return {
    key: `${task}_${metric}`,
    title: task,
    unit: share ? `${metric} %` : metric,
    better: higherIsBetter ? "higher" : "lower",
    interval: "half",
    format: share ? PERCENT : { kind: "decimal", digits: 2 },
  };
}

type Score = Pick<StudentTaskScore, "mean" | "interval" | "intervalOver" | "seeds">;

function scoreFigure({ mean, interval, intervalOver, seeds }: Score, mixed: boolean): Figure {
  const stderr = seedError(seeds.map(({ value }) => value)) ?? seeds[0]!.stderr ?? undefined;
  return {
    value: mean,
    ...(interval !== null && { interval, over: intervalOver }),
    ...(mixed && interval !== null && intervalOver === "items" && { overSign: "‡" as const }),
    ...(stderr !== undefined && { stderr }),
    seeds: seeds.length,
  };
}

function shotsInWords(asked: readonly StudentTaskScore[]): string {
  const shots = [...new Set(asked.map(({ fewshot }) => fewshot))];
  return listed(shots.map((n) => (n === 0 ? "zero-shot" : `with ${plural(n, "worked example")}`)));
}

function averageSentence({ tasks }: TaskAverage, asked: readonly StudentTaskScore[]): string {
  const out = asked.filter(({ task }) => !tasks.includes(task)).map(({ task }) => task);
  return `Average: plain mean of all tasks${out.length === 0 ? "" : ` but ${listed(out)}`}.`;
}

/** How the intervals of scores and averages came about. */
function intervalSentences({ scores, averages }: TaskEvaluation, mixed: boolean): string[] {
  const shown = [...scores, ...averages].filter(({ interval }) => interval !== null);
  if (shown.length === 0) return [];
  const several = scores.some(({ seeds }) => seeds.length > 1);
  const half = `${several ? "Means over seeds" : "One seed each"}, ± half the width of the 95 % interval, or its ends where it stops at 0 or 100 %`;
  const items = "1.96 standard errors over questions (Wilson's interval where all answers are equal)";
  if (!several) return [`${half}: ${items}.`];
  const kind = shown[0]!.intervalOver === "seeds" ? "seeds" : "questions";
  return [
    `${half}: the wider of t over seeds and ${items}.`,
    mixed ? "‡: over questions; the others over seeds." : `All are over ${kind}.`,
  ];
}
