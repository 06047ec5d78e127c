import { z } from "zod";
import { HeartcutError, printable } from "../errors.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { type Published, publishJson } from "../formats/publish.ts";
import type { TaskEvaluation } from "./task_comparison_record.ts";

/** Name of the file in a run folder. */
export const TASK_EVALUATION_NAME = "tasks.json";

const count = z.int().nonnegative();
const p = z.number().min(0).max(1).nullable();
const interval = z.tuple([z.number(), z.number()]);
const over = z.enum(["seeds", "items"]);
const seeds = z
  .array(z.object({ seed: z.int(), value: z.number(), stderr: z.number().nonnegative().nullable() }))
  .min(1);

/** tasks.json. Keys it does not know are left alone: a record may grow. */
export const taskEvaluationSchema = z.object({
  scores: z.array(
    z.object({
      student: z.string(),
      task: z.string(),
      metric: z.string(),
      higherIsBetter: z.boolean(),
      mean: z.number(),
      interval: interval.nullable(),
      intervalOver: over,
      chance: z.number().nullable(),
      items: count,
      of: count,
      fewshot: count,
      seeds,
    }),
  ),
  averages: z.array(
    z.object({
      student: z.string(),
      mean: z.number(),
      interval: interval.nullable(),
      intervalOver: over,
      chance: z.number().nullable(),
      tasks: z.array(z.string()),
      seeds,
    }),
  ),
  comparisons: z.array(
    z.object({
      task: z.string(),
      metric: z.string(),
      higherIsBetter: z.boolean(),
      a: z.string(),
      b: z.string(),
      difference: z.number(),
      interval,
      intervalOver: over,
      itemInterval: interval,
      seeds: z.array(z.int()).min(1),
      items: count,
      pSeeds: p,
      pMcNemar: p,
      pHolm: p,
    }),
  ),
  limited: z.boolean(),
  others: z.array(
    z.object({
      model: z.string(),
      task: z.string(),
      metric: z.string(),
      value: z.number(),
      stderr: z.number().nonnegative().nullable(),
    }),
  ),
}) satisfies z.ZodType<TaskEvaluation>;

/** Publishes tasks.json. @throws HeartcutError HC1001-HC1005 */
export function writeTaskEvaluation(path: string, evaluation: TaskEvaluation): Promise<Published> {
  return publishJson(path, taskEvaluationSchema.parse(evaluation));
}

/** Reads tasks.json. @throws HeartcutError HC3586 for another shape; HC1004, HC1020 as readJsonFile */
export async function readTaskEvaluation(path: string): Promise<TaskEvaluation> {
  const result = taskEvaluationSchema.safeParse(await readJsonFile(path, { wholeNumbers: "rounded" }));
  if (result.success) return result.data;
  const { path: key, message } = result.error.issues[0]!;
  throw new HeartcutError("HC3586", {
    what: "this is no evaluation of tasks of this version",
    where: printable(`${path}: ${key.join(".") || "the whole file"}`),
    found: printable(message),
    fix: "run the evaluation again",
  });
}
