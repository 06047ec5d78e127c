import { access, readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { HeartcutError, printable } from "../../errors.ts";
import type { TaskComparisonInput } from "../../evaluate/task_comparisons.ts";
import type { ModelTasks } from "../../evaluate/tasks/record.ts";

/** A folder with the name it goes by. */
export interface NamedFolder {
  name: string;
  folder: string;
}

/** A model's task results in lm-evaluation-harness's layout. */
export interface ModelResults extends NamedFolder {
  /** Names of its results_*.json. */
  files: string[];
}

/**
 * Folders as they are typed, FOLDER or NAME=FOLDER; one that exists as it is typed goes by its own name.
 * @throws HeartcutError HC5064 for a name given twice, HC5067 for one that cannot be a name of a folder
 */
export async function namedFolders(texts: readonly string[]): Promise<NamedFolder[]> {
  return apart(
    await Promise.all(
      texts.map(async (text) => {
        const [, name, folder] = /^([^=]*)=(.+)$/s.exec(text) ?? [];
        if (name === undefined || folder === undefined || (await exists(text)))
          return { name: basename(resolve(text)), folder: text };
        if (/^[^/\\]+$/.test(name) && !/^\.+$/.test(name)) return { name, folder };
        throw new HeartcutError("HC5067", {
          what: "this cannot be the name of a folder",
          where: printable(text),
          found: printable(name) || "nothing before =",
          expected: "NAME=FOLDER, the name without a slash",
          fix: "for example five-shot=out/model",
        });
      }),
    ),
  );
}

/**
 * The models whose task results the folders hold: each its own folder, or all that `heartcut evaluate` wrote into one.
 * @returns undefined where the folders are runs or evaluations
 * @throws HeartcutError HC5066 where some are and some are not: they make no common table; HC5064 for a name that is there twice
 */
export async function modelResults(folders: readonly NamedFolder[]): Promise<ModelResults[] | undefined> {
  const held = await Promise.all(folders.map(resultsBelow));
  const without = held.findIndex(({ length }) => length === 0);
  if (without < 0) return apart(held.flat());
  if (held.every(({ length }) => length === 0)) return undefined;
  throw new HeartcutError("HC5066", {
    what: "task results of models and other folders make no common table",
    where: printable(folders[without]!.folder),
    found: "no results_*.json",
    fix: "export them one by one",
  });
}

/** Students over seeds, and models that are compared with nothing, as compareTasks wants them. */
type Lineup = Pick<TaskComparisonInput, "students" | "others">;

/**
 * Models as students: where two or more are NAME-seedN of one name, these are that student's seeds, and models that are no seed
 * stand beside them. Where none are, each model is a student.
 */
export function lineupOf(models: readonly { name: string; tasks: ModelTasks }[]): Lineup {
  const seeded = models.map(({ name, tasks }) => {
    const [, student, seed] = /^(.+)-seed(\d+)$/.exec(name) ?? [];
    return { model: name, student, seed: Number(seed), tasks };
  });
  const names = seeded.flatMap(({ student }) => student ?? []);
  if (new Set(names).size === names.length)
    return { students: models.map(({ name, tasks }) => ({ name, seed: 0, tasks })) };
  return {
    students: seeded.flatMap(({ student, seed, tasks }) =>
      student === undefined ? [] : [{ name: student, seed, tasks }],
    ),
    others: seeded.flatMap(({ model, student, tasks }) => (student === undefined ? [{ model, tasks }] : [])),
  };
}

/** Results of the folder itself, else of the folders in it, which go by their own names unless it is one that was named. */
async function resultsBelow({ name, folder }: NamedFolder): Promise<ModelResults[]> {
  const files = await resultsIn(folder);
  if (files.length > 0) return [{ name, folder, files }];
  if ((await entriesOf(folder)).some((entry) => RECORDS.includes(entry))) return [];
  const below = await Promise.all(
    (await entriesOf(folder)).map(async (entry) => {
      const at = join(folder, entry);
      return { entry, folder: at, files: await resultsIn(at) };
    }),
  );
  const models = below.filter((one) => one.files.length > 0);
  const own = name === basename(resolve(folder));
  return models.map(({ entry, ...one }) => ({
    ...one,
    name: own ? entry : models.length === 1 ? name : `${name}/${entry}`,
  }));
}

/** Records by which a folder is a run or an evaluation, whatever lies below it. */
const RECORDS: readonly string[] = ["run.json", "evaluation.json", "tasks.json", "rationale_evaluation.json"];

async function resultsIn(folder: string): Promise<string[]> {
  return (await entriesOf(folder)).filter((name) => /^results_.+\.json$/.test(name));
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch {
    // Whoever reads the folder says what is wrong with it.
    return [];
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

function apart<T extends NamedFolder>(named: T[]): T[] {
  const twice = named.find(({ name }, i) => named.findIndex((one) => one.name === name) < i);
  if (twice === undefined) return named;
  throw new HeartcutError("HC5064", {
    what: "two folders have one name, by which they are told apart",
    where: printable(
      named
        .filter(({ name }) => name === twice.name)
        .map(({ folder }) => folder)
        .join(", "),
    ),
    found: printable(twice.name),
    fix: "give them names: NAME=FOLDER",
  });
}
