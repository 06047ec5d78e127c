import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { HeartcutError, printable } from "../../errors.ts";
import { guarded } from "../../formats/file_system.ts";
import { readJsonFile } from "../../formats/json_file.ts";
import { openManifest } from "../../formats/manifest.ts";
import { insideRoot } from "../../formats/paths.ts";
import { mismatchOf } from "../../schema_words.ts";
import { mainMetric } from "./metrics.ts";
import type { ModelTasks, TaskMetric, TaskOutcome } from "./record.ts";
import { TASKS } from "./registry.ts";
import { samplesName } from "./results_layout.ts";
import { readSamples } from "./sample_files.ts";

const count = z.int().nonnegative();
const byTask = <T extends z.ZodType>(value: T) => z.record(z.string(), value);

/** What is read of results_*.json; keys that are not named here are left alone. */
const resultsSchema = z.object({
  results: byTask(z.record(z.string(), z.unknown())),
  versions: byTask(z.union([z.number(), z.string(), z.null()])),
  "n-shot": byTask(count),
  higher_is_better: byTask(z.record(z.string(), z.boolean().nullable())),
  "n-samples": byTask(z.object({ original: count, effective: count })),
  model_name: z.string(),
  heartcut: z
    .object({ tasks: byTask(z.object({ main: z.string(), chance: z.number().nullable(), cut: count })) })
    .optional(),
});
type Results = z.infer<typeof resultsSchema>;

const RESULTS_FILE = /^results_(.+)\.json$/;

/**
 * Reads what a model did on tasks from a folder in lm-evaluation-harness's layout: one that evaluateTasks wrote, or the harness
 * itself with --log_samples. Where a task was run several times into the folder, the newest run counts, as for the harness's tools.
 * What only heartcut writes is worked out for the harness's folders: main metric by rule, chance by the number of choices; requests
 * that lost tokens are not known there (null).
 * @throws HeartcutError HC3530 for a folder without results, HC3531 for results of another shape, HC3533 as readSamples, HC3532 for a task without
 *   samples, HC3534 for samples that are not those of the results, HC3535 for answers under several filters; HC1004-HC1052 as the readers
 */
export async function readModelTasks(folder: string): Promise<ModelTasks> {
  const names = await guarded(folder, "nothing was changed", () => readdir(folder));
  const dates = names.flatMap((name) => RESULTS_FILE.exec(name)?.[1] ?? []).sort();
  if (dates.length === 0) throw noResults(folder, names);
  const newest = new Map<string, { date: string; results: Results }>();
  let model = "";
  for (const date of dates) {
    const results = await readResults(folder, `results_${date}.json`);
    model = results.model_name;
    // Groups of tasks have results and no samples.
    for (const task of Object.keys(results["n-samples"])) {
      newest.delete(task);
      newest.set(task, { date, results });
    }
  }
  const tasks: TaskOutcome[] = [];
  for (const [task, { date, results }] of newest) tasks.push(await readTask(folder, task, date, results));
  return { model, tasks };
}

async function readResults(folder: string, name: string): Promise<Results> {
  await requireIntact(folder, name);
  const path = join(folder, name);
  const value = await readJsonFile(path);
  const parsed = resultsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path: key, found, expected } = mismatchOf(parsed.error, value);
  throw new HeartcutError("HC3531", {
    what: "the file does not hold results as lm-evaluation-harness 0.4 writes them",
    where: `${path}: ${printable(key) || "the whole file"}`,
    found,
    expected,
    fix: "evaluate again, with heartcut evaluate or with lm_eval and --log_samples",
  });
}

async function readTask(folder: string, task: string, date: string, results: Results): Promise<TaskOutcome> {
  const own = results.heartcut?.tasks[task];
  const { original, effective } = results["n-samples"][task]!;
  const where = `${join(folder, `results_${date}.json`)}: ${printable(task)}`;
  const figures = results.results[task];
  if (figures === undefined) throw inconsistent(where, "no results of this task", "results of every task of n-samples");
  const metrics = taskMetrics(figures, results.higher_is_better[task] ?? {}, where);
  const main = own?.main ?? mainMetric(metrics.map(({ name }) => name));
  const { docIds, perItem, choices } = await readItems(folder, task, date, main);
  if (docIds.length !== effective)
    throw inconsistent(
      join(folder, samplesName(task, date)),
      `${docIds.length} samples`,
      `${effective}, as results say`,
    );
  return {
    task,
    version: results.versions[task] ?? "none",
    fewshot: results["n-shot"][task] ?? 0,
    items: effective,
    of: original,
    published: TASKS.find(({ name }) => name === task)?.dataset?.questions,
    cut: own === undefined ? null : own.cut,
    metrics,
    main,
    chance: own === undefined ? chanceOf(main, choices) : own.chance,
    perItem,
    docIds,
  };
}

/** The metrics of "name,filter" keys. */
function taskMetrics(
  figures: Readonly<Record<string, unknown>>,
  direction: Readonly<Record<string, boolean | null>>,
  where: string,
): TaskMetric[] {
  const keys = Object.keys(figures).filter((key) => key.includes(","));
  const filters = new Set(keys.map((key) => key.slice(key.indexOf(",") + 1)));
  if (filters.size > 1)
    throw new HeartcutError("HC3535", {
      what: "the answers of this task were read in several ways",
      where,
      found: `filters ${printable([...filters].join(", "))}`,
      expected: "one filter",
      why: "each gives another result, and none of them is the task's",
      fix: "evaluate the task with one filter",
    });
  return keys.flatMap((key): TaskMetric[] => {
    const [name = "", filter] = key.split(",", 2);
    if (name.endsWith("_stderr")) return [];
    const [value, stderr] = [figures[key], figures[`${name}_stderr,${filter}`]];
    const higherIsBetter = direction[name];
    if (typeof value !== "number") throw inconsistent(`${where}: ${printable(key)}`, JSON.stringify(value), "a number");
    if (typeof higherIsBetter !== "boolean")
      throw inconsistent(where, `nothing about ${printable(name)}`, "higher_is_better for every metric");
    return [{ name, value, stderr: typeof stderr === "number" ? stderr : null, higherIsBetter }];
  });
}

/** The questions of a task with their values of one metric, and the number of choices of each. */
async function readItems(
  folder: string,
  task: string,
  date: string,
  main: string,
): Promise<Pick<TaskOutcome, "docIds" | "perItem"> & { choices: number[] }> {
  const name = samplesName(task, date);
  const path = insideRoot(folder, name);
  await requireIntact(folder, name);
  const items: { docId: number; value: number; choices: number }[] = [];
  try {
    for await (const { docId, values, requests } of readSamples(path)) {
      const value = values[main];
      if (value === undefined)
        throw inconsistent(`${path}, document ${docId}`, `no ${printable(main)}`, "every metric");
      items.push({ docId, value: typeof value === "number" ? value : value[0] / value[1], choices: requests });
    }
  } catch (error) {
    if (error instanceof HeartcutError && error.code === "HC1004") throw noSamples(folder, task, name, error);
    throw error;
  }
  items.sort((a, b) => a.docId - b.docId);
  const twice = items.find(({ docId }, i) => docId === items[i + 1]?.docId);
  if (twice !== undefined) throw inconsistent(path, `document ${twice.docId} twice`, "one sample a document");
  return {
    docIds: items.map(({ docId }) => docId),
    perItem: items.map(({ value }) => value),
    choices: items.map(({ choices }) => choices),
  };
}

/** Mean of 1 / choices for a share of right choices; null where there is nothing to choose from. */
function chanceOf(main: string, choices: readonly number[]): number | null {
  if (!/^acc(_norm)?$/.test(main) || choices.length === 0 || choices.some((n) => n < 2)) return null;
  return choices.reduce((sum, n) => sum + 1 / n, 0) / choices.length;
}

/** A file that the folder's manifest lists must be as it was committed; the harness's folders have none. */
async function requireIntact(folder: string, name: string): Promise<void> {
  const manifest = await openManifest(folder);
  if (manifest.get(name) === undefined || (await manifest.isIntact(name, { deep: true }))) return;
  throw inconsistent(join(folder, name), "other bytes than were written", "the file as evaluation left it");
}

function inconsistent(where: string, found: string, expected: string): HeartcutError {
  return new HeartcutError("HC3534", {
    what: "the results of an evaluation do not fit together",
    where,
    found,
    expected,
    fix: "evaluate again into a new folder",
  });
}

function noSamples(folder: string, task: string, name: string, cause: Error): HeartcutError {
  return new HeartcutError(
    "HC3532",
    {
      what: "a task has results, and the answers behind them are missing",
      where: folder,
      found: `no ${printable(name)}`,
      expected: "the samples of every task",
      why: "tests and intervals compare models question by question",
      fix: `evaluate ${printable(task)} again; lm_eval writes samples with --log_samples`,
    },
    { cause },
  );
}

function noResults(folder: string, names: readonly string[]): HeartcutError {
  const shown = names.filter((name) => !name.startsWith(".")).slice(0, 12);
  return new HeartcutError("HC3530", {
    what: "this folder holds no results of tasks",
    where: folder,
    found: shown.length === 0 ? "an empty folder" : printable(shown.join(", ")),
    expected: "a file results_….json with samples_….jsonl beside it",
    fix: "give the folder of one model: OUT/MODEL of `heartcut evaluate --tasks`, or what lm_eval made in its --output_path",
  });
}
