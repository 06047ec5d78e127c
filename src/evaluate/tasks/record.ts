/** One figure of a model on a task, as lm-evaluation-harness names it: acc, acc_norm, perplexity, … */
export interface TaskMetric {
  name: string;
  value: number;
  /** Standard error; null where none is known. */
  stderr: number | null;
  higherIsBetter: boolean;
}

/** What one model did on one task. */
export interface TaskOutcome {
  task: string;
  version: number | string;
  /** Worked examples in front of each question. */
  fewshot: number;
  /** Questions asked, and how many the task has: fewer are no result of the task. */
  items: number;
  of: number;
  /** Questions of the task as published, where it is a known one: another number in `of` is a part of it, or something else. */
  published?: number | undefined;
  /** Requests that lost tokens on the left, since the model's context is shorter; null where the harness ran it and did not tell. */
  cut: number | null;
  metrics: TaskMetric[];
  /** Metric of tables and averages: acc_norm where the task has it, else acc, else bits_per_byte, else the first. */
  main: string;
  /** Expected value of the main metric for an answer by chance; null where there is none. */
  chance: number | null;
  /** Main metric of each question, in order of `docIds`: of perplexities and bits per byte log p, per unit where they are over units. */
  perItem: number[];
  docIds: number[];
}

/** The main metric of an outcome. */
export function mainMetricOf({ metrics, main }: Pick<TaskOutcome, "metrics" | "main">): TaskMetric {
  return metrics.find(({ name }) => name === main)!;
}

/** What one model did on all tasks it was asked: read from a folder in lm-evaluation-harness's layout. */
export interface ModelTasks {
  model: string;
  tasks: TaskOutcome[];
}
