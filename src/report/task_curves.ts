import type { MetricsLine } from "../train/record.ts";
import type { Group } from "./cast.ts";
import { sharedMeans } from "./curves.ts";

/** Score on a task at one moment of training, in the unit of its metric. */
export interface TaskCurvePoint {
  step: number;
  tokens: number;
  flops: number;
  value: number;
}

/** A group's scores on one task during training; the mean is over the seeds at the steps that all have, and never empty. */
export interface GroupTaskCurve {
  group: Group;
  seeds: TaskCurvePoint[][];
  mean: TaskCurvePoint[];
}

/** A task of which students were asked a few questions while they trained. */
export interface TaskDuringTraining {
  task: string;
  metric: string;
  /** Questions asked. */
  items: number;
  curves: GroupTaskCurve[];
}

/** The tasks asked during training in order of appearance, each with the curves of the given groups. */
export function tasksDuringTraining(groups: readonly Group[]): TaskDuringTraining[] {
  const asked = new Map<string, { metric: string; items: number }>();
  for (const { students } of groups)
    for (const { metrics } of students)
      for (const line of metrics)
        if (line.type === "task" && !asked.has(line.task))
          asked.set(line.task, { metric: line.metric, items: line.items });
  return [...asked].flatMap(([task, known]) => {
    const curves = groups.flatMap((group) => groupTaskCurve(group, task) ?? []);
    return curves.length === 0 ? [] : [{ task, ...known, curves }];
  });
}

function groupTaskCurve(group: Group, task: string): GroupTaskCurve | undefined {
  const seeds = group.students.map(({ metrics }) => taskCurve(metrics, task)).filter(({ length }) => length > 0);
  if (seeds.length === 0) return undefined;
  const mean = sharedMeans(seeds, ({ value }) => value).map(({ point, mean: value }) => ({ ...point, value }));
  return mean.length === 0 ? undefined : { group, seeds, mean };
}

/** In order of steps; a later line for a step replaces the earlier one. */
function taskCurve(metrics: readonly MetricsLine[], task: string): TaskCurvePoint[] {
  const byStep = new Map<number, TaskCurvePoint>();
  for (const line of metrics)
    if (line.type === "task" && line.task === task) {
      const { step, tokens, flops, value } = line;
      byStep.set(step, { step, tokens, flops, value });
    }
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}
