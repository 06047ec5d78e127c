import { join } from "node:path";
import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { isMissing } from "../formats/file_system.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { publishJsonl, readJsonl } from "../formats/jsonl.ts";
import { type Published, sha256File } from "../formats/publish.ts";
import { mismatchOf } from "../schema_words.ts";
import { type Prediction, SPLITS, type Split, type TaskExample, type TaskSummary } from "./record.ts";

/** File that says what a task folder holds; written last. */
export const SUMMARY_NAME = "task.json";

const count = z.int().nonnegative();
const split = z.object({
  examples: count,
  rationales: z.object({ llm: count, humanText: count, humanSpans: count }),
  sha256: z.string(),
});
/** task.json. Keys it does not know are left alone: a record may grow. */
export const taskSummarySchema = z.object({
  task: z.string(),
  metric: z.string(),
  fingerprint: z.string(),
  settings: z.record(z.string(), z.number().nullable()),
  splits: z.object({ train: split, validation: split, test: split }),
  answerInInput: z.number(),
  sharedInputs: z.object({ trainValidation: count, trainTest: count, validationTest: count }),
}) satisfies z.ZodType<TaskSummary>;

/** The file of a split's examples. */
export function examplesPath(folder: string, split: Split): string {
  return join(folder, `${split}.jsonl`);
}

/** Reads task.json. @throws HeartcutError HC6040 if the folder holds no finished task */
export async function readTaskSummary(folder: string): Promise<TaskSummary> {
  const path = join(folder, SUMMARY_NAME);
  try {
    const json = await readJsonFile(path, { wholeNumbers: "rounded" });
    const summary = taskSummarySchema.safeParse(json);
    if (summary.success) return summary.data;
    const { path: key, found, expected } = mismatchOf(summary.error, json);
    throw notATask(key === "" ? path : `${path}: ${key}`, found, expected);
  } catch (error) {
    throw isMissing(error) ? notATask(path, "no such file") : error;
  }
}

/** Reads a split of a prepared task. @throws HeartcutError HC6040 if its content is not what task.json says */
export async function readExamples(folder: string, split: Split): Promise<TaskExample[]> {
  const { splits } = await readTaskSummary(folder);
  const path = examplesPath(folder, split);
  if (!(await isIntact(path, splits[split].sha256))) throw notATask(path, `content that differs from ${SUMMARY_NAME}`);
  const examples: TaskExample[] = [];
  for await (const { value } of readJsonl<TaskExample>(path)) examples.push(value);
  return examples;
}

/** The summary of a task that was prepared in a folder under a fingerprint, its splits intact; else undefined. */
export async function finishedTask(folder: string, fingerprint: string): Promise<TaskSummary | undefined> {
  let summary: TaskSummary;
  try {
    summary = await readTaskSummary(folder);
  } catch (error) {
    // Whatever is damaged here is made again.
    if (error instanceof HeartcutError && ["HC6040", "HC1006", "HC1020"].includes(error.code)) return undefined;
    throw error;
  }
  if (summary.fingerprint !== fingerprint) return undefined;
  for (const split of SPLITS)
    if (!(await isIntact(examplesPath(folder, split), summary.splits[split].sha256))) return undefined;
  return summary;
}

/** Publishes predictions as JSONL, in the order of the split they answer. */
export async function writePredictions(path: string, predictions: Iterable<Prediction>): Promise<Published> {
  return publishJsonl(path, predictions);
}

/** A line of predictions.jsonl. */
export const predictionSchema = z.object({
  id: z.string(),
  prediction: z.string(),
  target: z.string(),
  correct: z.boolean(),
  valid: z.boolean(),
}) satisfies z.ZodType<Prediction>;

/** Reads predictions. @throws HeartcutError HC6041 naming the line that is none; those of readJsonl */
export async function readPredictions(path: string): Promise<Prediction[]> {
  const predictions: Prediction[] = [];
  for await (const { line, value } of readJsonl(path)) {
    const prediction = predictionSchema.safeParse(value);
    if (!prediction.success) {
      const { path: key, found, expected } = mismatchOf(prediction.error, value);
      throw new HeartcutError("HC6041", {
        what: "the line is no prediction",
        where: `${path}:${line}`,
        found: key === "" ? found : `${key}: ${found}`,
        expected:
          key === "" ? "id, prediction and target as texts, correct and valid as true or false" : `${key}: ${expected}`,
        fix: "have the model answer again",
      });
    }
    predictions.push(prediction.data);
  }
  return predictions;
}

async function isIntact(path: string, sha256: string): Promise<boolean> {
  try {
    return (await sha256File(path)).sha256 === sha256;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function notATask(where: string, found: string, expected?: string): HeartcutError {
  return new HeartcutError("HC6040", {
    what: "the folder holds no finished task",
    where,
    found,
    expected: expected ?? "a folder that `heartcut task` made",
    fix: "prepare the task again, or name another folder",
  });
}
