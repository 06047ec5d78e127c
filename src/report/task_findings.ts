import {
  AVERAGE,
  isShare,
  mixesIntervals,
  type StudentTaskScore,
  type TaskComparison,
  type TaskEvaluation,
} from "../evaluate/task_comparison_record.ts";
import type { Cast, Group } from "./cast.ts";
import { type ComparedGroups, turned } from "./orientation.ts";

/** A difference with a Holm-adjusted p below this is called significant. */
export const SIGNIFICANT = 0.05;

/** Means over seeds that are equal may differ by what rounding left. */
const ROUNDING = 1e-9;

/** A task as it was asked. */
export interface AskedTask {
  name: string;
  metric: string;
  /** Whether the metric is a share of right answers. */
  share: boolean;
  higherIsBetter: boolean;
  chance: number | undefined;
  /** Questions asked, and how many the task has. */
  items: number;
  of: number;
  fewshot: number;
}

/** What a group made of a task, or of all of them on average. */
export interface GroupScore {
  group: Group;
  task: string;
  mean: number;
  /** 95 %: the wider of that over seeds and that over questions. */
  interval: readonly [number, number] | undefined;
  intervalOver: "seeds" | "items";
  seeds: readonly { seed: number; value: number }[];
  /** The best mean of its task, no other being equal. */
  best: boolean;
}

/** What a comparison allows to say. untested: there is no p to say it by. */
export type TaskVerdict = "better" | "worse" | "unclear" | "untested";

/** Two groups on one task, turned so that a positive gain means that the treatment is better. */
export interface TaskContrast extends ComparedGroups {
  task: string;
  share: boolean;
  gain: number;
  interval: readonly [number, number];
  intervalOver: "seeds" | "items";
  itemInterval: readonly [number, number];
  pSeeds: number | undefined;
  pMcNemar: number | undefined;
  /** Holm's over the tasks of the pair. */
  p: number | undefined;
  verdict: TaskVerdict;
  /** Gains of single pairs of seeds, where there are several. */
  seeds: number[];
}

/** Everything the report says of tasks. */
export interface TaskFindings {
  tasks: AskedTask[];
  scores: GroupScore[];
  /** Over the tasks whose metric is a share; none where there are fewer than two. */
  averages: GroupScore[];
  /** What the averages are of; undefined where there are none. */
  averaged: { tasks: number; chance: number | undefined } | undefined;
  /** Each pair of groups with its tasks, then the average of those tasks. */
  pairs: (ComparedGroups & { contrasts: TaskContrast[]; average: TaskContrast | undefined })[];
  /** Whether some intervals of scores are over seeds and others over questions. */
  mixed: boolean;
  limited: boolean;
  /** Teacher and reference. */
  others: { model: string; values: Map<string, number> }[];
}

/** The findings on tasks. Pure. */
export function taskFindingsOf(evaluation: TaskEvaluation, cast: Cast): TaskFindings {
  const groupOf = (name: string) => cast.member(name)?.group;
  const tasks = askedTasks(evaluation.scores);
  const scores = evaluation.scores.flatMap((score): GroupScore[] => {
    const group = groupOf(score.student);
    return group === undefined ? [] : [{ ...scoreOf(score, group), task: score.task }];
  });
  const averages = evaluation.averages.flatMap((score): GroupScore[] => {
    const group = groupOf(score.student);
    return group === undefined ? [] : [{ ...scoreOf(score, group), task: AVERAGE }];
  });
  for (const task of tasks)
    markBest(
      scores.filter((score) => score.task === task.name),
      task.higherIsBetter,
    );
  markBest(averages, true);
  const over = evaluation.averages[0];
  return {
    tasks,
    scores,
    averages,
    averaged: over && { tasks: over.tasks.length, chance: over.chance ?? undefined },
    pairs: pairsOf(evaluation.comparisons, tasks, [...scores, ...averages], cast),
    mixed: mixesIntervals(evaluation),
    limited: evaluation.limited,
    others: othersOf(evaluation.others),
  };
}

/** Where a score lies by its interval; undefined where chance or interval is not known. */
export function besideChance({ interval }: GroupScore, { chance }: AskedTask): "above" | "below" | "at" | undefined {
  if (interval === undefined || chance === undefined) return undefined;
  return interval[0] > chance ? "above" : interval[1] < chance ? "below" : "at";
}

function askedTasks(scores: readonly StudentTaskScore[]): AskedTask[] {
  const tasks = new Map<string, AskedTask>();
  for (const { task: name, metric, higherIsBetter, chance, items, of, fewshot } of scores)
    if (!tasks.has(name))
      tasks.set(name, {
        name,
        metric,
        share: isShare(metric),
        higherIsBetter,
        chance: chance ?? undefined,
        items,
        of,
        fewshot,
      });
  return [...tasks.values()];
}

function scoreOf(
  { mean, interval, intervalOver, seeds }: Pick<StudentTaskScore, "mean" | "interval" | "intervalOver" | "seeds">,
  group: Group,
): Omit<GroupScore, "task"> {
  return { group, mean, interval: interval ?? undefined, intervalOver, seeds, best: false };
}

function markBest(scores: readonly GroupScore[], higherIsBetter: boolean): void {
  const means = scores.map(({ mean }) => mean);
  const best = higherIsBetter ? Math.max(...means) : Math.min(...means);
  const [only, ...others] = scores.filter(({ mean }) => Math.abs(mean - best) < ROUNDING);
  if (scores.length > 1 && only !== undefined && others.length === 0) only.best = true;
}

function pairsOf(
  comparisons: readonly TaskComparison[],
  tasks: readonly AskedTask[],
  scores: readonly GroupScore[],
  cast: Cast,
): TaskFindings["pairs"] {
  const pairs = new Map<string, TaskFindings["pairs"][number]>();
  for (const comparison of comparisons) {
    const groups = turned(cast.member(comparison.a)?.group, cast.member(comparison.b)?.group);
    if (groups === undefined) continue;
    const { treatment, baseline } = groups;
    const key = JSON.stringify([treatment.name, baseline.name]);
    const pair = pairs.get(key) ?? { treatment, baseline, contrasts: [], average: undefined };
    const contrast = contrastOf(comparison, groups, tasks, scores);
    if (comparison.task === AVERAGE) pair.average = contrast;
    else pair.contrasts.push(contrast);
    pairs.set(key, pair);
  }
  return [...pairs.values()];
}

function contrastOf(
  comparison: TaskComparison,
  { treatment, baseline, turned: isTurned }: ComparedGroups & { turned: boolean },
  tasks: readonly AskedTask[],
  scores: readonly GroupScore[],
): TaskContrast {
  const { task, difference, intervalOver } = comparison;
  // The record gives b - a.
  const sign = isTurned === comparison.higherIsBetter ? 1 : -1;
  const oriented = ([low, high]: [number, number]): [number, number] => (sign === 1 ? [low, high] : [-high, -low]);
  const interval = oriented(comparison.interval);
  const p = comparison.pHolm ?? undefined;
  const gain = sign * difference;
  const share = task === AVERAGE || tasks.some((one) => one.name === task && one.share);
  return {
    treatment,
    baseline,
    task,
    share,
    gain,
    interval,
    intervalOver,
    itemInterval: oriented(comparison.itemInterval),
    pSeeds: comparison.pSeeds ?? undefined,
    pMcNemar: comparison.pMcNemar ?? undefined,
    p,
    verdict: task === AVERAGE ? byInterval(interval) : p === undefined ? "untested" : byTest(gain, p),
    seeds: share ? seedGains(task, treatment, baseline, scores) : [],
  };
}

function byTest(gain: number, p: number): TaskVerdict {
  return p >= SIGNIFICANT || gain === 0 ? "unclear" : gain > 0 ? "better" : "worse";
}

/** The average is one comparison by itself: no p is adjusted for it. */
function byInterval(interval: readonly [number, number]): TaskVerdict {
  return interval[0] > 0 ? "better" : interval[1] < 0 ? "worse" : "unclear";
}

function seedGains(task: string, treatment: Group, baseline: Group, scores: readonly GroupScore[]): number[] {
  const of = (group: Group) => scores.find((score) => score.group === group && score.task === task)?.seeds ?? [];
  const other = new Map(of(baseline).map(({ seed, value }) => [seed, value]));
  const gains = of(treatment).flatMap(({ seed, value }) => (other.has(seed) ? [value - other.get(seed)!] : []));
  return gains.length > 1 ? gains : [];
}

function othersOf(others: TaskEvaluation["others"]): TaskFindings["others"] {
  const models = new Map<string, Map<string, number>>();
  for (const { model, task, value } of others)
    models.set(model, (models.get(model) ?? new Map<string, number>()).set(task, value));
  return [...models].map(([model, values]) => ({ model, values }));
}
