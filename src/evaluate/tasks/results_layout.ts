import { basename } from "node:path";
import type { Origin } from "../../formats/finished_result.ts";
import type { PreparedTask, TaskSource } from "./prepared.ts";
import type { TaskMetric, TaskOutcome } from "./record.ts";
import type { EvaluationTask } from "./task.ts";

/**
 * Stands where the harness writes the moment of the run. Its tools take the newest file of a name, which needs something to compare;
 * the content here depends on inputs only, so it is one date for all, older than any file that the harness writes beside it.
 */
const DATE = "1970-01-01T00-00-00.000000";

/** Name of the file that holds the results of all tasks. */
export const RESULTS_NAME = `results_${DATE}.json`;

/** What is written wherever figures of a part of a task stand. */
export const LIMITED = "a limited run: not a result of the task";

/** What is written wherever figures stand that were taken on another number of questions than the task has as published. */
export const OTHER_SIZE = "a file of another size than the published task";

/** Name of the file that holds one task's answers. @param date - of another run's */
export function samplesName(task: string, date: string = DATE): string {
  return `samples_${task}_${date}.jsonl`;
}

/** A name as the harness makes folders of it: without the characters that file systems dislike. */
export function folderName(model: string): string {
  return model.replace(/["<>:/|\\?*[\]]+/g, "__");
}

/** What results_*.json tells of one task. */
export interface TaskReport {
  readonly task: EvaluationTask;
  readonly prepared: Pick<PreparedTask, "task" | "data" | "examples"> & { readonly outputType: string };
  readonly outcome: TaskOutcome;
  readonly filter: string;
  /** Rows that could not be asked. */
  readonly skipped: PreparedTask["skipped"];
  /** Hash of all its samples' hashes. */
  readonly hash: string;
}

/** What results_*.json tells of the model and the way it was asked. */
export interface ModelReport {
  readonly name: string;
  /** Tokens the model was given at most. */
  readonly maxLength: number;
  readonly limit: number | null;
  readonly batchTokens: number;
  readonly fewshotSeed: number;
  readonly tokens: Readonly<Record<"pad" | "eos" | "bos", readonly [token: string, id: string]>>;
  /** What all of it was made from. */
  readonly origin: Origin;
}

/** results_*.json: the harness's keys, and under "heartcut" what it has no place for. */
export function resultsDocument(model: ModelReport, tasks: readonly TaskReport[]): Record<string, unknown> {
  const byTask = <T>(value: (report: TaskReport) => T) =>
    Object.fromEntries(tasks.map((report) => [report.outcome.task, value(report)]));
  const limited = tasks.some(({ outcome }) => isLimited(outcome));
  return {
    results: byTask(({ outcome, filter }) => ({
      name: outcome.task,
      alias: outcome.task,
      sample_len: outcome.items,
      ...Object.fromEntries(outcome.metrics.flatMap((metric) => figures(metric, filter))),
    })),
    group_subtasks: {},
    configs: byTask(taskConfig),
    versions: byTask(({ outcome }) => outcome.version),
    "n-shot": byTask(({ outcome }) => outcome.fewshot),
    higher_is_better: byTask(({ outcome }) =>
      Object.fromEntries(outcome.metrics.map(({ name, higherIsBetter }) => [name, higherIsBetter])),
    ),
    "n-samples": byTask(({ outcome }) => ({ original: outcome.of, effective: outcome.items })),
    config: {
      model: "heartcut",
      model_args: { pretrained: model.name, dtype: "float32" },
      batch_size: null,
      batch_sizes: [],
      batch_tokens: model.batchTokens,
      use_cache: null,
      limit: model.limit,
      ...(limited && { limited: LIMITED }),
      gen_kwargs: {},
      fewshot_seed: model.fewshotSeed,
    },
    tokenizer_pad_token: model.tokens.pad,
    tokenizer_eos_token: model.tokens.eos,
    tokenizer_bos_token: model.tokens.bos,
    max_length: model.maxLength,
    task_hashes: byTask(({ hash: of }) => of),
    model_source: "heartcut",
    model_name: model.name,
    model_name_sanitized: folderName(model.name),
    heartcut: {
      origin: model.origin,
      tasks: byTask(({ outcome, skipped }) => ({
        ...(isLimited(outcome) && { limited: LIMITED }),
        ...(outcome.published !== undefined && { published: outcome.published }),
        ...(isOtherSize(outcome) && { otherSize: OTHER_SIZE }),
        main: outcome.main,
        chance: outcome.chance,
        cut: outcome.cut,
        skipped,
      })),
    },
  };
}

/** Whether a task was asked fewer questions than it has. */
export function isLimited({ items, of }: Pick<TaskOutcome, "items" | "of">): boolean {
  return items < of;
}

/** Whether a known task's data file has more or fewer questions than were published. */
export function isOtherSize({ of, published }: Pick<TaskOutcome, "of" | "published">): boolean {
  return published !== undefined && of !== published;
}

/** Both numbers of such a task. */
export function sizesOf({ task, of, published }: Pick<TaskOutcome, "task" | "of" | "published">): string {
  return `${task}: ${of} questions in the file, ${published} published`;
}

function figures({ name, value, stderr }: TaskMetric, filter: string): [string, number | string][] {
  return [
    [`${name},${filter}`, value],
    [`${name}_stderr,${filter}`, stderr ?? "N/A"],
  ];
}

function taskConfig({ task, prepared, outcome }: TaskReport): Record<string, unknown> {
  const { dataset, delimiter } = task;
  return {
    task: task.name,
    dataset_path: dataset?.path ?? null,
    dataset_name: dataset?.name ?? null,
    ...(dataset && { [`${dataset.split}_split`]: dataset.split }),
    data: fileOf(prepared.data),
    examples: prepared.examples && fileOf(prepared.examples),
    output_type: prepared.outputType,
    target_delimiter: delimiter,
    num_fewshot: outcome.fewshot,
    metric_list: outcome.metrics.map(({ name, higherIsBetter }) => ({
      metric: name,
      higher_is_better: higherIsBetter,
    })),
    metadata: { version: outcome.version },
  };
}

function fileOf({ path, sha256 }: TaskSource) {
  return { file: basename(path), sha256 };
}
