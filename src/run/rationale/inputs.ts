import { join } from "node:path";
import { HeartcutError } from "../../errors.ts";
import { sha256File } from "../../formats/publish.ts";
import { customTask } from "../../tasks/custom.ts";
import { SPLITS } from "../../tasks/record.ts";
import { taskNamed } from "../../tasks/registry.ts";
import type { Task } from "../../tasks/task.ts";
import { describeModelFolder } from "../../teachers/fingerprint.ts";
import { isTokenizerFile } from "../../tokenizers/files.ts";
import { type Places, placeOf } from "../recipe_places.ts";
import type { InputFile } from "../stage.ts";
import { describeFiles } from "../stages/run_inputs.ts";
import type { FineTuningSettings, RationaleRecipe } from "./recipe_schema.ts";

/** What every stage of a run of token rationales is planned from. */
export interface RationaleInputs {
  /** As it was written: what it names by reference lies where `places` says. */
  readonly recipe: RationaleRecipe;
  readonly places: Places;
  readonly folder: string;
  readonly task: Task;
  /** Contents of what the recipe brings along. `models`: by what the recipe calls them. */
  readonly files: {
    readonly task: InputFile[];
    readonly tokenizer: InputFile[];
    readonly models: ReadonlyMap<string, InputFile[]>;
    readonly attributions: Readonly<Record<string, InputFile[]>>;
  };
}

/**
 * Finds and hashes everything outside the run folder that the recipe names.
 * @throws HeartcutError HC6010, HC6020 for the task; those of missing files
 */
export async function readRationaleInputs(
  recipe: RationaleRecipe,
  folder: string,
  places: Places,
): Promise<RationaleInputs> {
  const { task, tokenizer, attribute } = recipe;
  const given = tokenizer !== undefined && "path" in tokenizer ? tokenizer.path : undefined;
  const models = new Map<string, InputFile[]>();
  for (const name of modelFolders(recipe)) {
    const path = placeOf(places, name);
    models.set(name, [...(await describeModelFolder(path)), ...(await describeFiles(path, isTokenizerFile))]);
  }
  const attributions: Record<string, InputFile[]> = {};
  for (const [name, { file }] of Object.entries(attribute))
    attributions[name] = await hashed(
      SPLITS.flatMap((split) => file?.[split] ?? []),
      places,
    );
  return {
    recipe,
    places,
    folder,
    task: taskOf(recipe),
    files: {
      task: "demo" in task ? [] : await hashed(taskFiles(task), places),
      tokenizer: given === undefined ? [] : await describeFiles(placeOf(places, given), isTokenizerFile),
      models,
      attributions,
    },
  };
}

/** The task a recipe names, describes or has made. */
export function taskOf({ task }: RationaleRecipe): Task {
  if ("name" in task) return taskNamed(task.name);
  if ("custom" in task) return customTask(task.custom);
  return DEMO_TASK;
}

/** The task that is made on the spot. */
const DEMO_TASK: Task = {
  name: "demo",
  description:
    "whose trunk is it? Of 22 things in it, two are tools of its owner's trade; made by template, so these words are known",
  metric: "exact_match",
  layouts: [],
};

/** Folder of the prepared task; students may see other training examples than the teacher. */
export function taskFolder({ recipe: { task } }: RationaleInputs, reader: "teacher" | "student"): string {
  const own = "demo" in task || task.studentExamples !== undefined;
  return reader === "student" && own ? "task-students" : "task";
}

/** Folder of the tokenizer of a model that is trained as `train` says. */
export function tokenizerFolder({ recipe, places, folder }: RationaleInputs, train: FineTuningSettings): string {
  if (train.from !== undefined) return placeOf(places, train.from);
  const { tokenizer } = recipe;
  if (tokenizer === undefined) throw new HeartcutError("HC4005", { what: "a new model needs a tokenizer" });
  return "path" in tokenizer ? placeOf(places, tokenizer.path) : join(folder, "tokenizer");
}

/** Folder of the teacher, which holds its tokenizer too. */
export function teacherFolder({ recipe, places, folder }: RationaleInputs): string {
  return "path" in recipe.teacher ? placeOf(places, recipe.teacher.path) : join(folder, "models", "teacher");
}

/** Stages and files that a training's start depends on. */
export function startOf(run: RationaleInputs, train: FineTuningSettings): { reads: string[]; files: InputFile[] } {
  if (train.from !== undefined) return { reads: [], files: run.files.models.get(train.from)! };
  const { tokenizer } = run.recipe;
  return { reads: tokenizer !== undefined && !("path" in tokenizer) ? ["tokenizer"] : [], files: run.files.tokenizer };
}

function modelFolders({ teacher, students }: RationaleRecipe): string[] {
  const folders = [
    ...("path" in teacher ? [teacher.path] : [teacher.train.from]),
    ...students.map(({ train }) => train.from),
  ];
  return [...new Set(folders.filter((folder) => folder !== undefined))];
}

function taskFiles(task: Exclude<RationaleRecipe["task"], { demo: unknown }>): string[] {
  const { train, validation, test } = task;
  const list = (paths: string | string[]) => (typeof paths === "string" ? [paths] : paths);
  const named = typeof validation === "object" && "share" in validation ? [] : list(validation);
  return [...list(train), ...named, ...list(test)];
}

async function hashed(paths: readonly string[], places: Places): Promise<InputFile[]> {
  const files: InputFile[] = [];
  for (const path of paths)
    files.push({ name: path.split(/[\\/]/).at(-1)!, ...(await sha256File(placeOf(places, path))) });
  return files;
}
