import type { NamedPath } from "../corpus/read.ts";
import { HeartcutError } from "../errors.ts";
import type { SourceUse } from "../hub/bring.ts";
import type { HubSettings } from "../hub/settings.ts";
import type { TeacherSpecInput } from "../teachers/spec.ts";
import { type AnyRecipe, isRationaleRecipe } from "./any_recipe.ts";
import type { RunContext } from "./execute.ts";
import { HubInputs, type Place } from "./hub_inputs.ts";
import type { FineTuningSettings, RationaleRecipe } from "./rationale/recipe_schema.ts";
import type { Recipe } from "./recipe_schema.ts";

/** Where what a recipe names by reference lies, by the text of the recipe; a recipe itself keeps what its author wrote. */
export type Places = ReadonlyMap<string, Place>;

/** Says where a text of a recipe lies that names a model, tokenizer or data. */
type At = (text: string, use: SourceUse) => string;

/**
 * Brings everything that a recipe names by reference onto this machine, before anything is planned.
 * @param settings - of the hub, what is to differ from the environment's
 * @param missing - is told what an offline cache lacks, which then keeps its place   @throws HeartcutError HC16xx; Interrupted
 */
export async function bringRecipe(
  recipe: AnyRecipe,
  settings: Partial<HubSettings>,
  context: RunContext,
  missing?: (text: string, use: SourceUse) => void,
): Promise<Places> {
  const wanted = new Map<string, [text: string, use: SourceUse]>();
  relocated(recipe, (text, use) => {
    wanted.set(`${use} ${text}`, [text, use]);
    return text;
  });
  const inputs = new HubInputs(settings, context);
  const places = new Map<string, Place>();
  for (const [text, use] of wanted.values()) {
    try {
      const place = await inputs.bring(text, use);
      if (place !== undefined) places.set(text, place);
    } catch (error) {
      if (missing === undefined || !(error instanceof HeartcutError) || error.code !== "HC1606") throw error;
      missing(text, use);
    }
  }
  return places;
}

/** The path of what a text of a recipe names: the text itself, if that is no reference. */
export function placeOf(places: Places, text: string): string {
  return places.get(text)?.path ?? text;
}

/** What a text of a recipe names, for others to find again: a reference with its commit. */
export function referenceOf(places: Places, text: string): string {
  return places.get(text)?.reference ?? text;
}

/** The path as a corpus is given it: documents go by the reference's name, not by the cache's. */
export function corpusPlace(places: Places, text: string): string | NamedPath {
  const place = places.get(text);
  return place === undefined ? text : { path: place.path, name: place.name };
}

/** A recipe with paths of this machine in place of references: for whoever opens what it names, never for a record. */
export function localRecipe<R extends AnyRecipe>(recipe: R, places: Places): R {
  return relocated(recipe, (text) => placeOf(places, text));
}

/** A teacher with its folder or file elsewhere. */
export function relocatedTeacher<T extends TeacherSpecInput>(teacher: T, at: At): T {
  if ("path" in teacher) return { ...teacher, path: at(teacher.path, "model") };
  if ("gguf" in teacher) return { ...teacher, gguf: at(teacher.gguf, "files") };
  return "onnx" in teacher ? { ...teacher, onnx: at(teacher.onnx, "files") } : teacher;
}

function relocated<R extends AnyRecipe>(recipe: R, at: At): R {
  return (isRationaleRecipe(recipe) ? relocatedRationale(recipe, at) : relocatedMiniplm(recipe, at)) as R;
}

/** Every place of a recipe of Difference Sampling that names something outside of the run. */
function relocatedMiniplm(recipe: Recipe, at: At): Recipe {
  const { corpus, tokenizer, tokenizers, teacher, reference, evaluate } = recipe;
  const { tasks } = evaluate;
  const model = (source: Recipe["teacher"]) => ("train" in source ? source : relocatedTeacher(source, at));
  return {
    ...recipe,
    corpus: "path" in corpus ? { ...corpus, path: listAt(corpus.path, at) } : corpus,
    teacher: model(teacher),
    reference: model(reference),
    tokenizer: tokenizerAt(tokenizer, at),
    tokenizers: Object.fromEntries(Object.entries(tokenizers).map(([name, each]) => [name, tokenizerAt(each, at)])),
    ...(tasks !== undefined && {
      evaluate: { ...evaluate, tasks: { ...tasks, data: at(tasks.data, "files"), own: listAt(tasks.own, at) } },
    }),
  };
}

/** The same of a recipe of token rationales. */
function relocatedRationale(recipe: RationaleRecipe, at: At): RationaleRecipe {
  const { task, tokenizer, teacher, students, attribute } = recipe;
  const start = (train: FineTuningSettings) =>
    train.from === undefined ? train : { ...train, from: at(train.from, "model") };
  return {
    ...recipe,
    task: "demo" in task ? task : taskAt(task, at),
    teacher: "path" in teacher ? { path: at(teacher.path, "model") } : { train: start(teacher.train) },
    students: students.map((student) => ({ ...student, train: start(student.train) })),
    attribute: Object.fromEntries(
      Object.entries(attribute).map(([name, each]) => [
        name,
        each.file === undefined ? each : { ...each, file: splitsAt(each.file, at) },
      ]),
    ),
    ...(tokenizer !== undefined && { tokenizer: tokenizerAt(tokenizer, at) }),
  };
}

function taskAt<T extends Exclude<RationaleRecipe["task"], { demo: unknown }>>(task: T, at: At): T {
  const { train, validation, test } = task;
  const share = typeof validation === "object" && "share" in validation;
  return {
    ...task,
    train: listAt(train, at),
    validation: share ? validation : listAt(validation, at),
    test: listAt(test, at),
  };
}

function splitsAt<F extends Record<string, string | undefined>>(files: F, at: At): F {
  return Object.fromEntries(
    Object.entries(files).map(([split, file]) => [split, file === undefined ? file : at(file, "files")]),
  ) as F;
}

function tokenizerAt<T extends object>(tokenizer: T | { path: string }, at: At): T | { path: string } {
  return "path" in tokenizer ? { path: at(tokenizer.path as string, "tokenizer") } : tokenizer;
}

function listAt<L extends string | string[]>(paths: L, at: At): L {
  return (typeof paths === "string" ? at(paths, "files") : paths.map((path) => at(path, "files"))) as L;
}
