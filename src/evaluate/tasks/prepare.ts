import { resolve } from "node:path";
import { HeartcutError } from "../../errors.ts";
import { sha256File } from "../../formats/publish.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { findExamples, findQuestions } from "./data_files.ts";
import { readRows } from "./data_rows.ts";
import { encodeContexts, encodeRequests } from "./encode_request.ts";
import { FEWSHOT_SEED, fewshotContexts } from "./fewshot.ts";
import { describeMetrics, mainMetric } from "./metrics.ts";
import type {
  GenerationItem,
  PreparedGeneration,
  PreparedRolling,
  PreparedTask,
  TaskItem,
  TaskSource,
} from "./prepared.ts";
import { contextLength, itemOf } from "./requests.ts";
import { describeRollingMetrics } from "./rolling_metrics.ts";
import type { Row } from "./row.ts";
import {
  type EvaluationTask,
  type GenerationTask,
  type LikelihoodTask,
  type RollingTask,
  readQuestion,
  requestTexts,
} from "./task.ts";

export interface PrepareTaskOptions {
  readonly tokenizer: Tokenizer;
  /** Folder with the data of tasks, or the file of this one; what a task of one's own names itself where not given. */
  readonly data?: string | undefined;
  /** Most questions, from the first on. Default all. */
  readonly limit?: number | undefined;
  /** Row to begin with, from 0. */
  readonly first?: number | undefined;
  /** Worked examples in front of each question. Default 0. */
  readonly fewshot?: number | undefined;
  /** Their file, where it is not the usual one of the data folder; the file of the questions may be named too. */
  readonly examples?: string | undefined;
  /** Draws them; default that of lm-evaluation-harness, 1234. */
  readonly fewshotSeed?: number | undefined;
}

/** Questions encoded in one call: bounds the texts held at once. */
const QUESTIONS = 256;

/**
 * Reads a task's data and makes its requests for one tokenizer and one context length.
 * @param options.maxPositions - longest sequence the model reads; 2048 for a model without a limit (Infinity)
 * @throws HeartcutError HC3502-HC3509 at data that are missing or cannot be read, HC3511-HC3513 at options that do not
 *   fit them, HC3510 for a tokenizer without BOS and EOS, HC3521 at a row without a field of a task of one's own
 */
export async function prepareTask(
  task: LikelihoodTask,
  options: PrepareTaskOptions & { readonly maxPositions: number },
): Promise<PreparedTask> {
  const maxPositions = contextLength(options.maxPositions);
  const { asked, ...rest } = await readTask(task, options);
  const items: TaskItem[] = [];
  const skipped: { docId: number; why: string }[] = [];
  for (let start = 0; start < asked.length; start += QUESTIONS) {
    const some = asked.slice(start, start + QUESTIONS).map((one) => ({
      ...one,
      texts: requestTexts(one.question, task.delimiter).map(({ context, continuation }) => ({
        context: one.before + context,
        continuation,
      })),
    }));
    const encoded = await encodeRequests(
      options.tokenizer,
      some.flatMap(({ texts }) => texts),
    );
    let next = 0;
    for (const { docId, row, question, texts } of some) {
      const own = encoded.slice(next, next + texts.length);
      next += texts.length;
      const item = itemOf(docId, row.doc, question, texts, own, maxPositions);
      if (typeof item === "string") skipped.push({ docId, why: item });
      else items.push(item);
    }
  }
  if (items.length === 0) {
    throw new HeartcutError("HC3513", {
      what: `no question of ${task.name} can be asked`,
      where: rest.data.path,
      found: skipped[0]!.why,
      expected: `answers of at most ${maxPositions} tokens`,
      fix: "evaluate a model with a longer context",
    });
  }
  return {
    outputType: task.outputType,
    ...rest,
    metrics: describeMetrics(task.metrics),
    main: mainMetric(task.metrics),
    chance: chanceOf(items),
    items,
    skipped,
  };
}

/**
 * Reads the data of a task that has a model write, and encodes its contexts.
 * @throws HeartcutError as prepareTask
 */
export async function prepareGeneration(
  task: GenerationTask,
  options: PrepareTaskOptions,
): Promise<PreparedGeneration> {
  const { asked, ...rest } = await readTask(task, options);
  const contexts = asked.map(({ before, question }) => before + question.context);
  const ids = await encodeContexts(options.tokenizer, contexts);
  const { until, maxNewTokens } = task;
  const items = asked.map(
    ({ docId, row, question }, i): GenerationItem => ({
      docId,
      doc: row.doc,
      context: contexts[i]!,
      ids: ids[i]!,
      until,
      maxNewTokens,
      target: question.target,
    }),
  );
  return {
    outputType: "generate_until",
    ...rest,
    metrics: [{ name: "exact_match", higherIsBetter: true }],
    main: "exact_match",
    chance: null,
    items,
  };
}

/**
 * Reads the texts of a task that asks how likely they are. Worked examples have no place in front of them.
 * @throws HeartcutError as prepareTask
 */
export async function prepareRolling(
  task: RollingTask,
  { data, limit, first }: Pick<PrepareTaskOptions, "data" | "limit" | "first">,
): Promise<PreparedRolling> {
  const { asked, ...rest } = await readTask(task, { data, limit, first });
  const items = asked.map(({ docId, row, question }) => ({ docId, doc: row.doc, text: question.target }));
  return {
    outputType: "loglikelihood_rolling",
    ...rest,
    bos: task.bos,
    metrics: describeRollingMetrics(),
    main: "bits_per_byte",
    chance: null,
    items,
  };
}

interface Asked<Q> {
  readonly docId: number;
  readonly row: Row;
  readonly question: Q;
  /** Worked examples that stand before it. */
  readonly before: string;
}

type QuestionOf<T extends EvaluationTask> = ReturnType<T["layouts"][number]["read"]>;

/** What preparing has in common for all kinds of tasks: files, rows, examples. */
async function readTask<T extends EvaluationTask>(
  task: T,
  { data, limit, first = 0, fewshot = 0, examples, fewshotSeed = FEWSHOT_SEED }: Omit<PrepareTaskOptions, "tokenizer">,
) {
  checkRange("limit", limit ?? 1, 1);
  checkRange("first", first, 0);
  checkRange("fewshot", fewshot, 0);
  const path = await findQuestions(task, data);
  const rows = await readRows(path, task.dataset?.labels);
  if (first >= rows.length) throw beyond(path, first, rows.length);
  const end = Math.min(rows.length, first + (limit ?? rows.length));
  const read = (row: Row) => readQuestion(task, row) as QuestionOf<T>;
  let before: readonly string[] = [];
  let source: TaskSource | null = null;
  if (fewshot > 0) {
    const from = await findExamples(task, { data, examples, questions: path, count: fewshot });
    const own = resolve(from) === resolve(path);
    const pool = own ? rows : await readRows(from, task.dataset?.labels);
    before = fewshotContexts(task, { rows: rows.slice(0, end), pool, own, count: fewshot, seed: fewshotSeed, from });
    source = await sourceOf(from);
  } else if (examples !== undefined) throw unused(examples);
  const asked: Asked<QuestionOf<T>>[] = [];
  for (let docId = first; docId < end; docId++)
    asked.push({ docId, row: rows[docId]!, question: read(rows[docId]!), before: before[docId] ?? "" });
  return {
    task: task.name,
    version: task.version,
    fewshot,
    of: rows.length,
    published: task.dataset?.questions,
    data: await sourceOf(path),
    examples: source,
    asked,
  };
}

async function sourceOf(path: string): Promise<TaskSource> {
  return { path, sha256: (await sha256File(path)).sha256 };
}

/** Expected share of right answers by chance: questions may have different numbers of choices. */
function chanceOf(items: readonly TaskItem[]): number | null {
  let sum = 0;
  for (const { choices } of items) {
    if (choices === undefined) return null;
    sum += 1 / choices.length;
  }
  return sum / items.length;
}

function checkRange(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new HeartcutError("HC3513", {
    what: `${name} cannot be used`,
    found: String(value),
    expected: `a whole number of at least ${least}`,
    fix: `correct ${name}`,
  });
}

function beyond(path: string, first: number, rows: number): HeartcutError {
  return new HeartcutError("HC3513", {
    what: "the first question asked for is behind the last row",
    where: path,
    found: `first ${first}, ${rows} rows`,
    expected: `at most ${rows - 1}: rows are counted from 0`,
    fix: "correct first",
  });
}

function unused(examples: string): HeartcutError {
  return new HeartcutError("HC3511", {
    what: "a file of worked examples is named, but none are asked for",
    found: examples,
    fix: "say how many (fewshot), or leave the file out",
  });
}
