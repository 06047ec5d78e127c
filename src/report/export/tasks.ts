import { AVERAGE, isShare, type StudentTaskScore, type TaskEvaluation } from "../../evaluate/task_comparison_record.ts";
import { count, listed, plural } from "../format.ts";
import {
  baselinesOf,
  type Contrast,
  intervalSentence,
  markBest,
  marked,
  markSentences,
  seedError,
} from "./estimates.ts";
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
      return { ...scoreFigure(score), ...(baselines && contrast && marked(contrast)) };
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
      `Main metric of each task, by likelihood of the answers: ${listed(asked.map(askedWords))}.`,
      ...(averaged ? [`Average: plain mean of ${listed(averaged.tasks)}.`] : []),
      intervalSentence(
        evaluation.scores.map(({ seeds }) => seeds.length),
        "t interval over seeds",
        "1.96 standard errors over questions",
      ),
      ...(rows.length > 1 ? ["Bold: best of the students."] : []),
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
  const cut = asked.filter(({ items, of }) => items < of);
  return `LIMITED RUN, no results of the tasks: ${listed(cut.map(({ task, items, of }) => `${task} ${count(items)} of ${count(of)} questions`))}.`;
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

function scoreFigure({ mean, interval, seeds }: Pick<StudentTaskScore, "mean" | "interval" | "seeds">): Figure {
  const stderr = seedError(seeds.map(({ value }) => value)) ?? seeds[0]!.stderr ?? undefined;
  return {
    value: mean,
    ...(interval !== null && { interval }),
    ...(stderr !== undefined && { stderr }),
    seeds: seeds.length,
  };
}

function askedWords({ task, items, fewshot }: StudentTaskScore): string {
  return `${task} (${count(items)} questions, ${fewshot === 0 ? "zero-shot" : plural(fewshot, "worked example")})`;
}
