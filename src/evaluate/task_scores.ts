import { mean } from "d3-array";
import { meanWithStudentInterval } from "./intervals.ts";
import { vary, wilsonInterval, Z_95 } from "./statistics.ts";
import {
  AVERAGE,
  type OtherTaskScore,
  type StudentTaskScore,
  type TaskAverage,
  withinShares,
} from "./task_comparison_record.ts";
import type { StudiedTask, TaskResult, TaskStudy } from "./task_study.ts";

type SeedValue = StudentTaskScore["seeds"][number];

/** Main metric of each student on each task, over its seeds. */
export function studentScores({ tasks, students }: TaskStudy): StudentTaskScore[] {
  return students.flatMap(({ name, runs }) =>
    tasks.map(({ share, binary: _, ...task }, t) => {
      const seeds = runs.map(({ seed, results }) => seedValue(seed, results[t]!));
      return { student: name, ...task, ...overSeeds(seeds, share ? { items: task.items } : undefined), seeds };
    }),
  );
}

/** Plain mean of each student over the tasks that are averaged; none where these are fewer than two. */
export function studentAverages({ tasks, students }: TaskStudy): TaskAverage[] {
  const averaged = averagedTasks(tasks);
  if (averaged.length === 0) return [];
  const chances = averaged.map((t) => tasks[t]!.chance);
  const chance = chances.includes(null) ? null : mean(chances, (one) => one!)!;
  return students.map(({ name, runs }) => {
    const seeds = runs.map(({ seed, results }) => seedValue(seed, averageResult(averaged.map((t) => results[t]!))));
    return { student: name, ...overSeeds(seeds, {}), chance, tasks: averaged.map((t) => tasks[t]!.task), seeds };
  });
}

/** Models that are compared with nothing, task by task, and their average. */
export function otherScores({ tasks, others }: TaskStudy): OtherTaskScore[] {
  const averaged = averagedTasks(tasks);
  return others.flatMap(({ model, results }) => {
    const scores = results.map(({ value, stderr }, t) => {
      const { task, metric } = tasks[t]!;
      return { model, task, metric, value, stderr };
    });
    if (averaged.length === 0) return scores;
    const { value, stderr } = averageResult(averaged.map((t) => results[t]!));
    return [...scores, { model, task: AVERAGE, metric: AVERAGE, value, stderr }];
  });
}

/** Places of the tasks whose metric is a share of right answers, where there are two or more: what an average is of. */
export function averagedTasks(tasks: readonly StudiedTask[]): number[] {
  const shares = [...tasks.keys()].filter((t) => tasks[t]!.share);
  return shares.length > 1 ? shares : [];
}

/** Mean of several tasks, whose questions are independent: the variances add up. */
function averageResult(results: readonly Omit<TaskResult, "perItem">[]): Omit<TaskResult, "perItem"> {
  const errors = results.map(({ stderr }) => stderr);
  const variance = errors.reduce<number>((sum, one) => sum + (one ?? 0) ** 2, 0);
  return {
    value: mean(results, ({ value }) => value)!,
    stderr: errors.includes(null) ? null : Math.sqrt(variance) / results.length,
  };
}

/**
 * Mean over seeds with the wider of two 95 % intervals: t over seeds, where there are several that do not agree by chance, and
 * over items. One alone would promise too much: few seeds may lie together by luck, and other questions move all of them.
 * @param share - what a share of right answers has besides: the number of items behind it, where it is of one task
 */
function overSeeds(
  seeds: readonly SeedValue[],
  share: { items?: number } | undefined,
): Pick<StudentTaskScore, "mean" | "interval" | "intervalOver"> {
  const values = seeds.map(({ value }) => value);
  const bounded = (interval: [number, number]) => (share === undefined ? interval : withinShares(interval, 0));
  const items = overItems(seeds, share?.items);
  if (vary(values)) {
    const { mean, interval } = meanWithStudentInterval(values);
    if (items === null || interval[1] - interval[0] >= items[1] - items[0])
      return { mean, interval: bounded(interval), intervalOver: "seeds" };
  }
  return { mean: mean(values)!, interval: items && bounded(items), intervalOver: "items" };
}

/**
 * Mean ± 1.96 standard errors over items. Seeds answer the same items, so that the error of their mean is at most the mean of
 * their errors. Where all answers of a task are equal that error is 0 and Wilson's interval stands in for it.
 */
function overItems(seeds: readonly SeedValue[], items: number | undefined): [number, number] | null {
  const errors = seeds.flatMap(({ stderr }) => stderr ?? []);
  if (errors.length < seeds.length) return null;
  const centre = mean(seeds, ({ value }) => value)!;
  const half = Z_95 * mean(errors)!;
  if (half > 0) return [centre - half, centre + half];
  return items !== undefined && (centre === 0 || centre === 1) ? wilsonInterval(centre * items, items) : null;
}

function seedValue(seed: number, { value, stderr }: Omit<TaskResult, "perItem">): SeedValue {
  return { seed, value, stderr };
}
