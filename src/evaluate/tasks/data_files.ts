import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HeartcutError, printable } from "../../errors.ts";
import { guarded, isMissing } from "../../formats/file_system.ts";
import type { EvaluationTask, TaskSplit } from "./task.ts";

const ENDINGS = ["jsonl", "csv"].flatMap((ending) => ["", ".gz", ".zst"].map((packing) => ending + packing));
ENDINGS.push("parquet");

/** Words for a split in names of files. */
const SPLIT_NAMES: Readonly<Record<TaskSplit, readonly string[]>> = {
  train: ["train"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test"],
};

/**
 * The file of a task's questions: `data` itself where it is a file; else the one that a task of one's own names, or the one in
 * that folder (or its folder `<task>`) that has a usual name.
 * @throws HeartcutError HC3502 if there is none, HC3503 if there are several; HC1004 for a path that does not exist
 */
export async function findQuestions(task: EvaluationTask, data: string | undefined): Promise<string> {
  const own = task.data?.questions;
  if (data !== undefined && !(await isFolder(data))) return data;
  const path = own ?? data;
  if (path !== undefined) return (await isFolder(path)) ? findInFolder(task, path, "questions") : path;
  throw new HeartcutError("HC3502", {
    what: `no data are named for the task ${task.name}`,
    expected: whereToGet(task),
    fix: "name the folder with the data files, or the file",
  });
}

/**
 * The file of a task's worked examples: the one named, else the usual one beside the questions, else, for a task whose data
 * set has nothing but what is asked, the file of the questions itself.
 * @throws HeartcutError as findQuestions
 */
export async function findExamples(
  task: EvaluationTask,
  named: { data: string | undefined; examples: string | undefined; questions: string },
): Promise<string> {
  const path = named.examples ?? task.data?.examples;
  if (path !== undefined) return (await isFolder(path)) ? findInFolder(task, path, "examples") : path;
  if (task.dataset !== undefined && task.dataset.exampleSplit === undefined) return named.questions;
  const folder = named.data !== undefined && (await isFolder(named.data)) ? named.data : dirname(named.questions);
  return findInFolder(task, folder, "examples");
}

async function findInFolder(task: EvaluationTask, folder: string, wanted: "questions" | "examples"): Promise<string> {
  const split = wanted === "questions" ? (task.dataset?.split ?? "test") : (task.dataset?.exampleSplit ?? "train");
  const stems = [
    ...(wanted === "questions" ? [task.name] : []),
    ...SPLIT_NAMES[split].map((word) => `${task.name}_${word}`),
    ...(task.dataset?.files?.[split] ?? []),
  ];
  const inside = [...stems, ...SPLIT_NAMES[split].flatMap((word) => [word, `${word}-00000-of-00001`])];
  const own = join(folder, task.name);
  const found = [...(await filesOf(folder, stems)), ...(await filesOf(own, inside))];
  const [only, second] = found;
  if (only !== undefined && second === undefined) return only;
  const looked = `${stems.join(", ")} in ${folder}\n${inside.join(", ")} in ${own}\neach as .${ENDINGS.join(", .")}`;
  if (second !== undefined) {
    throw new HeartcutError("HC3503", {
      what: `several files could be the ${wanted} of ${task.name}`,
      where: folder,
      found: found.map(printable).join("\n"),
      expected: "one",
      fix: "name the file itself, or move the others away",
    });
  }
  throw new HeartcutError("HC3502", {
    what: `the ${wanted} of ${task.name} are not there`,
    where: folder,
    expected: `one of ${looked}`,
    fix: whereToGet(task, split),
  });
}

/** Files of a folder that have one of the names with one of the endings; none of a folder that does not exist. */
async function filesOf(folder: string, stems: readonly string[]): Promise<string[]> {
  const names = new Set(stems.flatMap((stem) => ENDINGS.map((ending) => `${stem}.${ending}`)));
  try {
    return (await readdir(folder))
      .filter((name) => names.has(name))
      .sort()
      .map((name) => join(folder, name));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await guarded(path, "nothing was changed", () => stat(path))).isDirectory();
}

function whereToGet({ dataset, name }: EvaluationTask, split: TaskSplit | undefined = dataset?.split): string {
  if (dataset === undefined) return `write data into the definition of ${name}, or name the file`;
  const place = dataset.name === undefined ? dataset.path : `${dataset.path}, configuration ${dataset.name}`;
  const from = `the ${split} split of huggingface.co/datasets/${place}`;
  return dataset.note === undefined ? `fetch ${from}` : `fetch ${from}; ${dataset.note}`;
}
