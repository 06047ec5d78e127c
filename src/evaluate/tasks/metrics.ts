import { HeartcutError, InternalError } from "../../errors.ts";
import type { Likelihood } from "./likelihood.ts";
import type { AnsweredItem, PreparedTask, TaskItem } from "./prepared.ts";
import { codePoints } from "./python_text.ts";
import type { TaskMetric, TaskOutcome } from "./record.ts";

/** What a metric is: its value for one item, and how the items' values become one figure with a standard error. */
interface Metric {
  readonly higherIsBetter: boolean;
  /** @returns 0 or 1 for accuracies, log p in nats for perplexity */
  ofItem(item: TaskItem, likelihoods: readonly Likelihood[]): number;
  ofAll(values: readonly number[]): Pick<TaskMetric, "value" | "stderr">;
}

/** The metrics of likelihood tasks, with the definitions of lm-evaluation-harness 0.4.13. */
const METRICS = {
  /** Share of items whose likeliest choice is right; without choices, of targets that greedy decoding would write. */
  acc: {
    higherIsBetter: true,
    ofItem: ({ choices, target }, said) =>
      Number(choices === undefined ? said[0]!.greedy : argmax(said.map(({ logLikelihood: l }) => l)) === target),
    ofAll: meanOf,
  },
  /** acc with each log-likelihood divided by the code points of its choice, delimiter not counted. */
  acc_norm: {
    higherIsBetter: true,
    ofItem: ({ choices, target }, said) =>
      Number(argmax(said.map(({ logLikelihood: l }, i) => l / codePoints(choices![i]!))) === target),
    ofAll: meanOf,
  },
  /** exp of the mean negative log-likelihood of the targets; its standard error by the delta method. */
  perplexity: {
    higherIsBetter: false,
    ofItem: (_, said) => said[0]!.logLikelihood,
    ofAll: (values) => {
      const { value: mean, stderr } = meanOf(values);
      const value = Math.exp(-mean);
      return { value, stderr: stderr === null ? null : value * stderr };
    },
  },
} satisfies Record<string, Metric>;

/** Name of a metric of likelihood tasks. */
export type MetricName = keyof typeof METRICS;

/** The metrics a task reports, for its record. */
export function describeMetrics(names: readonly MetricName[]): Pick<TaskMetric, "name" | "higherIsBetter">[] {
  return names.map((name) => ({ name, higherIsBetter: METRICS[name].higherIsBetter }));
}

/** The metric of tables and averages: acc_norm where the task has it, else acc, else bits_per_byte, else its first. */
export function mainMetric(names: readonly string[]): string {
  const main = ["acc_norm", "acc", "bits_per_byte"].find((name) => names.includes(name)) ?? names[0];
  if (main === undefined) throw new InternalError("a task without metrics");
  return main;
}

/** What a model's answer to an item is worth. @throws HeartcutError HC3515 if the model gave no number */
export function answered(prepared: PreparedTask, item: TaskItem, likelihoods: readonly Likelihood[]): AnsweredItem {
  if (likelihoods.length !== item.requests.length)
    throw new InternalError(`${likelihoods.length} answers to ${item.requests.length} requests`);
  if (likelihoods.some(({ logLikelihood }) => Number.isNaN(logLikelihood))) {
    throw new HeartcutError("HC3515", {
      what: "the model gives NaN in place of a probability",
      where: `${prepared.task}, row ${item.docId + 1}`,
      why: "no choice is likelier than another",
      fix: "check the weights: training may have diverged, or the file is damaged",
    });
  }
  const values = Object.fromEntries(
    prepared.metrics.map(({ name }) => [name, metricNamed(name).ofItem(item, likelihoods)]),
  );
  return { docId: item.docId, likelihoods, values };
}

/**
 * The figures of a task from its answered items, which may come in any order.
 * @param items - one for each of prepared.items
 */
export function taskOutcome(prepared: PreparedTask, items: readonly AnsweredItem[]): TaskOutcome {
  if (items.length !== prepared.items.length)
    throw new InternalError(`${items.length} of ${prepared.items.length} items are answered`);
  const sorted = [...items].sort((a, b) => a.docId - b.docId);
  const { task, version, fewshot, of, published, main, chance } = prepared;
  return {
    task,
    version,
    fewshot,
    items: sorted.length,
    of,
    published,
    cut: prepared.items.reduce((sum, { requests }) => sum + requests.filter(({ cut }) => cut > 0).length, 0),
    metrics: prepared.metrics.map(({ name, higherIsBetter }) => ({
      name,
      ...metricNamed(name).ofAll(sorted.map(({ values }) => values[name]!)),
      higherIsBetter,
    })),
    main,
    chance,
    perItem: sorted.map(({ values }) => values[main]!),
    docIds: sorted.map(({ docId }) => docId),
  };
}

/** Index of the largest value, the first of equal ones, as numpy. */
export function argmax(values: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Mean with its standard error: the sample standard deviation (n - 1) over the root of n; null for one value. */
export function meanOf(values: readonly number[]): { value: number; stderr: number | null } {
  const n = values.length;
  const value = values.reduce((sum, x) => sum + x, 0) / n;
  if (n < 2) return { value, stderr: null };
  const variance = values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1);
  return { value, stderr: Math.sqrt(variance / n) };
}

function metricNamed(name: string): Metric {
  const metric: Metric | undefined = METRICS[name as MetricName];
  if (metric === undefined) throw new InternalError(`a likelihood task has no metric ${name}`);
  return metric;
}
