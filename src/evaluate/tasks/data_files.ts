import { readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HeartcutError, printable } from "../../errors.ts";
import { guarded, isMissing } from "../../formats/file_system.ts";
import type { EvaluationTask, TaskSplit } from "./task.ts";

/** Endings of data files. */
export const ENDINGS = ["jsonl", "csv"].flatMap((ending) => ["", ".gz", ".zst"].map((packing) => ending + packing));
ENDINGS.push("parquet");

/** Words for a split in names of files. */
const SPLIT_NAMES: Readonly<Record<TaskSplit, readonly string[]>> = {
  train: ["train"],
  validation: ["validation", "valid", "val", "dev"],
  test: ["test"],
};

/** What is looked for, and what people call it. */
type Wanted = keyof typeof WORDS;
const WORDS = { questions: "questions", examples: "worked examples" } as const;

/** @throws HeartcutError HC3539 where the data of several tasks are one file */
export async function requireOneForFile(tasks: readonly EvaluationTask[], data: string | undefined): Promise<void> {
  if (data === undefined || tasks.length === 1 || (await isFolder(data))) return;
  throw new HeartcutError("HC3539", {
    what: "a file serves one task only",
    where: data,
    found: `${tasks.length} tasks: ${tasks.map(({ name }) => name).join(", ")}`,
    expected: "a folder with a file for each of them",
    fix: "name that folder with --data, or evaluate one task at a time",
  });
}

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
    expected: "a folder with the data files of the tasks, or the file of this one",
    fix: `${whereToGet(task, "questions")}, and name its folder with --data`,
  });
}

/**
 * The file of a task's worked examples: the one named, else the usual one beside the questions, else, for a task whose data
 * set has nothing but what is asked, the file of the questions itself.
 * @throws HeartcutError as findQuestions
 */
export async function findExamples(
  task: EvaluationTask,
  named: { data: string | undefined; examples: string | undefined; questions: string; count?: number },
): Promise<string> {
  const path = named.examples ?? task.data?.examples;
  if (path !== undefined) return (await isFolder(path)) ? findInFolder(task, path, "examples", named.count) : path;
  if (task.dataset !== undefined && task.dataset.exampleSplit === undefined) return named.questions;
  const folder = named.data !== undefined && (await isFolder(named.data)) ? named.data : dirname(named.questions);
  return findInFolder(task, folder, "examples", named.count);
}

/**
 * Names, without ending, under which a task's questions or worked examples are found: in the folder of data, and in one of the
 * task's own inside it, which takes the former too.
 */
export function usualNames(task: EvaluationTask, wanted: Wanted): { beside: string[]; inside: string[] } {
  const split = splitOf(task, wanted);
  const beside = [
    ...(wanted === "questions" ? [task.name] : []),
    ...SPLIT_NAMES[split].map((word) => `${task.name}_${word}`),
    ...(task.dataset?.files?.[split] ?? []),
  ];
  return { beside, inside: SPLIT_NAMES[split].flatMap((word) => [word, `${word}-00000-of-00001`]) };
}

function splitOf({ dataset }: EvaluationTask, wanted: Wanted): TaskSplit {
  return wanted === "questions" ? (dataset?.split ?? "test") : (dataset?.exampleSplit ?? "train");
}

/** @param count - worked examples that are asked for, where it is known */
async function findInFolder(task: EvaluationTask, folder: string, wanted: Wanted, count?: number): Promise<string> {
  const { beside: stems, inside: further } = usualNames(task, wanted);
  const inside = [...stems, ...further];
  const own = join(folder, task.name);
  const found = [...(await filesOf(folder, stems)), ...(await filesOf(own, inside))];
  const [only, second] = found;
  if (only !== undefined && second === undefined) return only;
  const looked = `${stems.join(", ")} in ${folder}\n${inside.join(", ")} in ${own}\neach as .${ENDINGS.join(", .")}`;
  if (second !== undefined) {
    throw new HeartcutError("HC3503", {
      what: `several files could be the ${WORDS[wanted]} of ${task.name}`,
      where: folder,
      found: found.map(printable).join("\n"),
      expected: "one",
      fix: "name the file itself, or move the others away",
    });
  }
  throw new HeartcutError("HC3502", {
    what: `the ${WORDS[wanted]} of ${task.name} are not there`,
    where: folder,
    expected: `one of ${looked}`,
    ...(count !== undefined && { why: `${count} worked examples are asked for (--fewshot ${count})` }),
    fix: whereToGet(task, wanted),
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

function whereToGet(task: EvaluationTask, wanted: Wanted): string {
  const { dataset, name } = task;
  if (dataset === undefined) {
    const key = wanted === "questions" ? "data" : "examples";
    return `name the file of the ${WORDS[wanted]} in the definition of ${name} (${key}: FILE)`;
  }
  const place = dataset.name === undefined ? dataset.path : `${dataset.path}, configuration ${dataset.name}`;
  const from = `fetch the ${splitOf(task, wanted)} split of huggingface.co/datasets/${place}`;
  return dataset.note === undefined ? from : `${from} (${dataset.note})`;
}
