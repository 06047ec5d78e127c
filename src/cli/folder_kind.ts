import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { isMissing } from "../formats/file_system.ts";
import { holds } from "./holds.ts";

/** What the stages of token rationales write, by the file that tells such a folder. */
export const MARKS = {
  run: ["run.json", "a run"],
  task: ["task.json", "a prepared task"],
  attributions: ["attribution.json", "attributions"],
  rationales: ["rationales.json", "rationales"],
  model: ["config.json", "a model"],
} as const;

/** Lies beside every model that is trained here, from its first step on. */
export const TRAINED_HERE = "metrics.jsonl";

/** Folders that commands read, by the file that tells them. A model's folder holds its tokenizer too. */
const READ = {
  task: MARKS.task,
  attributions: MARKS.attributions,
  rationales: MARKS.rationales,
  model: MARKS.model,
  tokenizer: ["tokenizer.json", "a tokenizer"],
} as const;
type Read = keyof typeof READ;

/** Where a run keeps each of them: folders themselves, or folders of such. */
const IN_RUN: Record<Read, readonly string[]> = {
  task: ["task", "task-students"],
  attributions: ["attribute/*"],
  rationales: ["rationales/*"],
  model: ["models/*", "students/*"],
  tokenizer: ["tokenizer"],
};

/** Folders named in a message, at most. */
const NAMED = 12;

/**
 * Makes sure that a folder is of the kind that a command reads. One that is not there, or of no kind known here, passes:
 * whoever reads it says what it lacks.
 * @param option - where it was named, for messages   @throws HeartcutError HC6042 saying what stands there instead
 */
export async function requireKind(path: string, kind: Read, option: string): Promise<void> {
  const [mark, wanted] = READ[kind];
  if (await holds(path, mark)) return;
  const found = await foundAt(path);
  if (found === undefined) return;
  throw new HeartcutError("HC6042", {
    what: `${wanted} is wanted here, and this is ${found.what}`,
    where: `${option} ${path}`,
    found: found.by,
    expected: `a folder with ${mark}`,
    fix: await fixFor(path, kind, found.kind),
  });
}

interface Found {
  kind: keyof typeof MARKS | "tokenizer" | "training" | "file";
  what: string;
  by: string;
}

async function foundAt(path: string): Promise<Found | undefined> {
  try {
    if ((await stat(path)).isFile()) return { kind: "file", what: "a file", by: "a file" };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  for (const [kind, [mark, what]] of Object.entries(MARKS) as [keyof typeof MARKS, readonly [string, string]][])
    if (await holds(path, mark)) return { kind, what, by: `${mark} of ${what}` };
  if (await holds(path, TRAINED_HERE))
    return { kind: "training", what: "a training that has not come to its end", by: `${TRAINED_HERE} alone` };
  const [mark, what] = READ.tokenizer;
  return (await holds(path, mark)) ? { kind: "tokenizer", what, by: `${mark} alone` } : undefined;
}

async function fixFor(path: string, kind: Read, found: Found["kind"]): Promise<string> {
  if (found === "training") return "run the command that trains it again: it resumes, and leaves a model";
  if (found === "file") return "give the folder that the file stands in";
  if (found !== "run") return `give the folder of ${READ[kind][1]} instead`;
  const inside = await foldersOfRun(path, kind);
  if (inside.length === 0) return `the run has not come to ${READ[kind][1]} yet: run its recipe again, it resumes`;
  const more = inside.length > NAMED ? ` … (${inside.length - NAMED} more)` : "";
  return `give one of the folders in it, for example ${join(path, inside[0]!)}\nit has ${inside.slice(0, NAMED).join(", ")}${more}`;
}

/** Folders of a kind in a run, relative to it. */
async function foldersOfRun(run: string, kind: Read): Promise<string[]> {
  const places = IN_RUN[kind].map(async (place) => {
    const parent = place.replace(/\/\*$/, "");
    return place === parent ? [place] : (await namesIn(join(run, parent))).map((name) => `${parent}/${name}`);
  });
  const folders = (await Promise.all(places)).flat();
  const fits = await Promise.all(folders.map((folder) => holds(join(run, folder), READ[kind][0])));
  return folders.filter((_, i) => fits[i]);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
