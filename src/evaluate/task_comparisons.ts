import { mean } from "d3-array";
import { HeartcutError } from "../errors.ts";
import { comparedPairs } from "./compared_pairs.ts";
import { bootstrapMeanOfMeans, meanWithStudentInterval } from "./intervals.ts";
import { holmWithin, mcnemarExact, pairedTTest } from "./statistics.ts";
import { AVERAGE, type TaskComparison, type TaskEvaluation, withinShares } from "./task_comparison_record.ts";
import { averagedTasks, otherScores, studentAverages, studentScores } from "./task_scores.ts";
import { type StudentTasks, type StudiedTask, studyTasks, type TaskStudy } from "./task_study.ts";
import type { ModelTasks } from "./tasks/record.ts";

/** Input of a comparison of students on tasks. */
export interface TaskComparisonInput {
  students: readonly StudentTasks[];
  /** Further models, such as the teacher: shown, and compared with nothing. */
  others?: readonly { model: string; tasks: ModelTasks }[] | undefined;
  /** Student every other one is compared with; each pair is compared where there is none. */
  baseline?: string | undefined;
  seed: number;
  /** Resamples of the bootstrap over items; default 10,000. */
  resamples?: number | undefined;
}

/** A comparison made ready: scores are there, pairs still to compare one by one. */
export interface TaskComparisonPlan {
  study: TaskStudy;
  scores: Omit<TaskEvaluation, "comparisons">;
  /** The baseline first; of two that have none, the later student. */
  pairs: [a: string, b: string][];
}

/**
 * Scores of students over seeds, and their differences task by task and on average. Pure.
 * @throws HeartcutError HC3580, HC3581, HC3584, HC3585 as studyTasks; HC3206 for a baseline that is no student; HC3582 as comparePair
 */
export function compareTasks(input: TaskComparisonInput): TaskEvaluation {
  const { study, scores, pairs } = planTaskComparisons(input);
  return { ...scores, comparisons: pairs.flatMap((pair) => comparePair(study, pair, input)) };
}

/** What compareTasks does before it compares. */
export function planTaskComparisons({ students, others, baseline }: TaskComparisonInput): TaskComparisonPlan {
  const study = studyTasks(students, others);
  return {
    study,
    scores: {
      scores: studentScores(study),
      averages: studentAverages(study),
      limited: study.tasks.some(({ items, of }) => items < of),
      others: otherScores(study),
    },
    pairs: comparedPairs(students, baseline).pairs.map(([student, against]) => [against, student]),
  };
}

/**
 * Two students on every task and on average. Seeds are paired by their number, and those that only one of the two has are left
 * out: a student with the same seed started from the same weights and saw its text in the same order.
 * @throws HeartcutError HC3582 where they have no seed in common
 */
export function comparePair(
  { tasks, students }: TaskStudy,
  [a, b]: readonly [a: string, b: string],
  options: Pick<TaskComparisonInput, "seed" | "resamples">,
): TaskComparison[] {
  const [left, right] = [a, b].map((name) => students.find((student) => student.name === name)!.runs);
  const seeds = left!.map(({ seed }) => seed).filter((seed) => right!.some((run) => run.seed === seed));
  if (seeds.length === 0) throw noCommonSeed([a, b], [left!, right!]);
  const runs = [left!, right!].map((all) => all.filter(({ seed }) => seeds.includes(seed)));
  const answers = tasks.map((_, t) => runs.map((side) => side.map(({ results }) => results[t]!.perItem)));
  const common = { a, b, seeds };
  const compared = tasks.map((task, t): Omit<TaskComparison, "pHolm"> => {
    const [before, after] = answers[t]! as [number[][], number[][]];
    return {
      task: task.task,
      ...measureOf(
        task,
        runs.flat().map(({ results }) => results[t]!),
      ),
      ...common,
      ...differenceOf([{ before, after }], {
        ...options,
        share: task.share,
        stream: `evaluate/tasks/bootstrap/${task.task}`,
      }),
      items: task.items,
      pMcNemar: task.share && task.binary ? pooledMcNemar(before, after) : null,
    };
  });
  const adjusted = holmWithin(
    compared.map(({ pSeeds, pMcNemar }) => pSeeds ?? pMcNemar ?? undefined),
    compared.map(() => a),
  );
  const averaged = averagedTasks(tasks);
  const average = averaged.map((t) => ({ before: answers[t]![0]!, after: answers[t]![1]! }));
  return [
    ...compared.map((one, t) => ({ ...one, pHolm: adjusted[t] ?? null })),
    ...(averaged.length === 0
      ? []
      : [
          {
            task: AVERAGE,
            metric: AVERAGE,
            higherIsBetter: true,
            ...common,
            ...differenceOf(average, { ...options, share: true, stream: "evaluate/tasks/bootstrap-average" }),
            items: averaged.reduce((sum, t) => sum + tasks[t]!.items, 0),
            pMcNemar: null,
            pHolm: null,
          },
        ]),
  ];
}

/** Answers of two students to the items of one task, seed by seed. */
interface PairedAnswers {
  before: readonly number[][];
  after: readonly number[][];
}

/** Difference of the plain means over tasks, over pairs of seeds and over items. */
function differenceOf(
  tasks: readonly PairedAnswers[],
  options: { seed: number; resamples?: number | undefined; share: boolean; stream: string },
): Pick<TaskComparison, "difference" | "interval" | "intervalOver" | "itemInterval" | "pSeeds"> {
  const perSeed = tasks[0]!.before.map(
    (_, s) => mean(tasks, ({ before, after }) => mean(after[s]!)! - mean(before[s]!)!)!,
  );
  const perItem = tasks.map(({ before, after }) => {
    const [x, y] = [meanOverSeeds(before), meanOverSeeds(after)];
    return x.map((value, item) => y[item]! - value);
  });
  const { seed, resamples, share, stream } = options;
  const itemInterval = bootstrapMeanOfMeans(perItem, { seed, stream, ...(resamples !== undefined && { resamples }) });
  const pSeeds = pairedTTest(perSeed);
  if (pSeeds === undefined)
    return { difference: mean(perSeed)!, interval: itemInterval, intervalOver: "items", itemInterval, pSeeds: null };
  const { mean: difference, interval } = meanWithStudentInterval(perSeed);
  const within = share ? withinShares(interval, -1) : interval;
  return { difference, interval: within, intervalOver: "seeds", itemInterval, pSeeds };
}

/** What a mean over items is the mean of: the metric itself, or log p where the metric is a perplexity. */
function measureOf(
  { metric, higherIsBetter }: StudiedTask,
  results: readonly { value: number; perItem: number[] }[],
): Pick<TaskComparison, "metric" | "higherIsBetter"> {
  const isMean = results.every(
    ({ value, perItem }) => Math.abs(mean(perItem)! - value) <= 1e-6 * Math.abs(value) + 1e-9,
  );
  return isMean ? { metric, higherIsBetter } : { metric: "log_likelihood", higherIsBetter: true };
}

function pooledMcNemar(before: readonly number[][], after: readonly number[][]): number {
  let [onlyBefore, onlyAfter] = [0, 0];
  for (const [s, answers] of before.entries())
    for (const [item, answer] of answers.entries()) {
      if (answer > after[s]![item]!) onlyBefore++;
      else if (answer < after[s]![item]!) onlyAfter++;
    }
  return mcnemarExact(onlyBefore, onlyAfter);
}

function meanOverSeeds(answers: readonly number[][]): number[] {
  return answers[0]!.map((_, item) => mean(answers, (run) => run[item]!)!);
}

function noCommonSeed(names: readonly string[], runs: readonly (readonly { seed: number }[])[]): HeartcutError {
  const seedsOf = (side: number) => `${names[side]}: seeds ${runs[side]!.map(({ seed }) => seed).join(", ")}`;
  return new HeartcutError("HC3582", {
    what: "two students that are compared have no seed in common",
    found: `${seedsOf(0)}; ${seedsOf(1)}`,
    why: "differences are taken between runs of one seed; those of unrelated runs would need more seeds to say as much",
    fix: "train both with the same seeds",
  });
}
