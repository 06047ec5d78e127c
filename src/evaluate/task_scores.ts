import { mean } from "d3-array";
import { meanWithStudentInterval } from "./intervals.ts";
import { vary, Z_95 } from "./statistics.ts";
import { AVERAGE, type OtherTaskScore, type StudentTaskScore, type TaskAverage } from "./task_comparison_record.ts";
import type { StudiedTask, TaskResult, TaskStudy } from "./task_study.ts";

type SeedValue = StudentTaskScore["seeds"][number];

/** Main metric of each student on each task, over its seeds. */
export function studentScores({ tasks, students }: TaskStudy): StudentTaskScore[] {
  return students.flatMap(({ name, runs }) =>
    tasks.map(({ share: _, binary: __, ...task }, t) => {
      const seeds = runs.map(({ seed, results }) => seedValue(seed, results[t]!));
      return { student: name, ...task, ...overSeeds(seeds), seeds };
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
    return { student: name, ...overSeeds(seeds), chance, tasks: averaged.map((t) => tasks[t]!.task), seeds };
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

function overSeeds(seeds: readonly SeedValue[]): Pick<StudentTaskScore, "mean" | "interval" | "intervalOver"> {
  const values = seeds.map(({ value }) => value);
  // Seeds that agree to the last answer by chance are no proof that all seeds would.
  if (vary(values)) return { ...meanWithStudentInterval(values), intervalOver: "seeds" };
  const { value, stderr } = seeds[0]!;
  return {
    mean: mean(values)!,
    interval: stderr === null ? null : [value - Z_95 * stderr, value + Z_95 * stderr],
    intervalOver: "items",
  };
}

function seedValue(seed: number, { value, stderr }: Omit<TaskResult, "perItem">): SeedValue {
  return { seed, value, stderr };
}
