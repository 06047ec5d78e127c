/** A student's main metric on one task over its seeds. */
export interface StudentTaskScore {
  student: string;
  task: string;
  metric: string;
  higherIsBetter: boolean;
  /** Mean over seeds. */
  mean: number;
  /** 95 %: the wider of that over seeds and that over items, a share's within 0 and 1; null where neither is known. */
  interval: [number, number] | null;
  intervalOver: "seeds" | "items";
  chance: number | null;
  items: number;
  of: number;
  fewshot: number;
  seeds: { seed: number; value: number; stderr: number | null }[];
}

/** Plain mean over the tasks whose metric is a share of right answers, of two such tasks or more, over seeds. */
export interface TaskAverage {
  student: string;
  mean: number;
  /** As of a score; over items, the tasks' standard errors are independent, and none where every answer is equal. */
  interval: [number, number] | null;
  intervalOver: "seeds" | "items";
  /** Mean of the tasks' chance levels; null where one has none. */
  chance: number | null;
  tasks: string[];
  seeds: { seed: number; value: number; stderr: number | null }[];
}

/** Two students on one task: b - a. `task` is "average" for the plain mean over the tasks whose metric is a share of right answers. */
export interface TaskComparison {
  task: string;
  /** The tasks' main metric, or "log_likelihood" where that is a perplexity: nats per item. */
  metric: string;
  /** Whether a positive difference means that b is better. */
  higherIsBetter: boolean;
  /** The baseline; of two that have none, the later student. */
  a: string;
  b: string;
  difference: number;
  /** 95 %: t over pairs of seeds, or a paired bootstrap over items where there is one pair (or pairs that all differ equally). */
  interval: [number, number];
  intervalOver: "seeds" | "items";
  /** Paired bootstrap over items, answers averaged over seeds; of the average, task by task. */
  itemInterval: [number, number];
  /** Seeds that both have, which are compared: each with the one of its number. */
  seeds: number[];
  items: number;
  /** Paired t test over seeds; null with fewer than two pairs or without spread. */
  pSeeds: number | null;
  /** Exact McNemar over items, seeds pooled; null where the metric is no share of right answers, and for the average. */
  pMcNemar: number | null;
  /** The p of this comparison (pSeeds where there is one, else pMcNemar) adjusted by Holm over all tasks of its pair; null without one, and for the average. */
  pHolm: number | null;
}

/** A model that is compared with nothing, on one task. */
export interface OtherTaskScore {
  model: string;
  task: string;
  metric: string;
  value: number;
  stderr: number | null;
}

/** evaluate/tasks.json: students over seeds on all tasks, and each against its baseline. */
export interface TaskEvaluation {
  scores: StudentTaskScore[];
  averages: TaskAverage[];
  comparisons: TaskComparison[];
  /** Whether some task was asked fewer questions than it has: then no figure here is the task's. */
  limited: boolean;
  /** Teacher, reference: no seeds, compared with nothing; under "average" the mean over the tasks of the students' averages. */
  others: OtherTaskScore[];
}

/** Metrics of lm-evaluation-harness that are a share of right answers: what averages are of, and what reads as percent. */
const SHARES: readonly string[] = ["acc", "acc_norm", "exact_match"];

/** An interval of a share, or of a difference of shares, without what neither can be. @param least - 0 of a share, -1 of a difference */
export function withinShares([low, high]: readonly [number, number], least: 0 | -1): [number, number] {
  return [Math.max(least, low), Math.min(1, high)];
}

/** Whether a metric is a share of right answers. */
export function isShare(metric: string): boolean {
  return SHARES.includes(metric);
}

/** Whether some intervals of scores and averages are over seeds and others over items: then each is to say which. */
export function mixesIntervals({ scores, averages }: Pick<TaskEvaluation, "scores" | "averages">): boolean {
  const known = [...scores, ...averages].filter(({ interval }) => interval !== null);
  return new Set(known.map(({ intervalOver }) => intervalOver)).size > 1;
}

/** Name under which the mean over tasks stands beside them. */
export const AVERAGE = "average";
