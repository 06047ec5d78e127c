import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { type CorpusSpec, describeCorpus } from "../../corpus/read.ts";
import { describePackageFiles, findPackagesRoot } from "../../demo/package_files.ts";
import type { EvaluationTask } from "../../evaluate/tasks/task.ts";
import { guarded } from "../../formats/file_system.ts";
import { sha256File } from "../../formats/publish.ts";
import { quietContext } from "../../progress.ts";
import { describeModelFolder } from "../../teachers/fingerprint.ts";
import type { TeacherSpec } from "../../teachers/spec.ts";
import { isTokenizerFile } from "../../tokenizers/files.ts";
import { askedTasks, taskFiles } from "../asked_tasks.ts";
import { corpusPlace, localRecipe, type Places, placeOf, relocatedTeacher } from "../recipe_places.ts";
import type { Recipe, ROLES } from "../recipe_schema.ts";
import type { InputFile, Json } from "../stage.ts";

export type Role = (typeof ROLES)[number];

/** What every stage of a run is planned from: the recipe, the run folder, and what lies outside of it. */
export interface RunInputs {
  /** As it was written: what it names by reference lies where `places` says. */
  readonly recipe: Recipe;
  readonly places: Places;
  readonly folder: string;
  readonly corpus: CorpusSpec;
  /** Tasks that models are asked; none where the recipe names none. */
  readonly tasks: readonly EvaluationTask[];
  /** Contents of what the recipe brings along; empty for what is made in the run. `packages`: what a demo corpus is made from. */
  readonly files: Readonly<Record<"corpus" | "packages" | "tokenizer" | "tasks" | Role, InputFile[]>> & {
    /** Further tokenizers, by name. */
    readonly tokenizers: Readonly<Record<string, InputFile[]>>;
  };
}

/**
 * Finds and hashes everything outside the run folder that the recipe names.
 * @throws HeartcutError HC2010 for a corpus without files, HC1004 for a folder that is missing, HC6002 without the installed packages,
 * HC35xx for tasks without data
 */
export async function readRunInputs(recipe: Recipe, folder: string, places: Places): Promise<RunInputs> {
  const { corpus } = recipe;
  const { tokenizer, tokenizers, teacher, reference, evaluate } = localRecipe(recipe, places);
  const made = "demo" in corpus;
  const tasks = await askedTasks(evaluate.tasks);
  const spec: CorpusSpec = made ? demoCorpusSpec(folder) : corpusSpec(corpus, places);
  const files = {
    corpus: made ? [] : below("corpus", await describeCorpus(spec)),
    packages: made ? [await describePackages()] : [],
    tokenizer: "path" in tokenizer ? below("tokenizer", await describeFiles(tokenizer.path, isTokenizerFile)) : [],
    teacher: below("teacher", await describeSource(teacher)),
    reference: below("reference", await describeSource(reference)),
    tokenizers: await describeTokenizers(tokenizers),
    tasks: evaluate.tasks === undefined ? [] : await taskFiles(tasks, evaluate.tasks),
  };
  return { recipe, places, folder, corpus: spec, tasks, files };
}

/** Folder of a tokenizer: the run's own, or a further one by name. */
export function tokenizerFolder({ recipe, places, folder }: RunInputs, name?: string): string {
  const source = name === undefined ? recipe.tokenizer : recipe.tokenizers[name]!;
  if ("path" in source) return placeOf(places, source.path);
  return name === undefined ? join(folder, "tokenizer") : join(folder, "tokenizers", name);
}

/** Stage that makes a tokenizer, where it is trained here. */
export function readsTokenizer({ recipe }: RunInputs, name?: string): string[] {
  const source = name === undefined ? recipe.tokenizer : recipe.tokenizers[name]!;
  if (!("train" in source)) return [];
  return [name === undefined ? "tokenizer" : `tokenizers/${name}`];
}

/** Files of a tokenizer that is brought along. */
export function tokenizerFiles({ files }: RunInputs, name?: string): InputFile[] {
  return name === undefined ? files.tokenizer : files.tokenizers[name]!;
}

/** Folder of a teacher or reference whose weights are read in this process; undefined for another backend. */
export function modelFolder({ recipe, places, folder }: RunInputs, role: Role): string | undefined {
  const source = recipe[role];
  if ("path" in source) return placeOf(places, source.path);
  return "train" in source ? join(folder, "models", role) : undefined;
}

/** The teacher or the reference as openTeacher takes it. */
export function teacherOf(run: RunInputs, role: Role): TeacherSpec {
  const source = run.recipe[role];
  if ("train" in source || "path" in source) return { path: modelFolder(run, role)! };
  const { tokenizer: _tokenizer, ...spec } = source;
  return relocatedTeacher(spec, (text) => placeOf(run.places, text));
}

/** What records call the teacher or the reference, wherever it lies; undefined where a server says its own name. */
export function teacherName({ recipe }: RunInputs, role: Role): string | undefined {
  const source = recipe[role];
  if ("train" in source) return `models/${role}`;
  if ("path" in source) return source.path;
  return "gguf" in source ? source.gguf : "onnx" in source ? source.onnx : undefined;
}

/** What of a backend decides its values beside its files: where and under which name it is asked, not how fast. */
export function teacherSettings({ recipe }: RunInputs, role: Role): Json {
  const source = recipe[role];
  if (!("endpoint" in source)) return null;
  const { url, model, revision, dialect } = source.endpoint;
  return { url, model, revision, dialect };
}

async function describeSource(source: Recipe[Role]): Promise<InputFile[]> {
  if ("path" in source) return describeModelFolder(source.path);
  const file = "gguf" in source ? source.gguf : "onnx" in source ? source.onnx : undefined;
  return file === undefined ? [] : [{ name: basename(file), ...(await sha256File(file)) }];
}

/** Folder with the data of the recipe's tasks. */
export function taskDataPlace({ recipe, places }: RunInputs): string {
  return placeOf(places, recipe.evaluate.tasks!.data);
}

async function describeTokenizers(tokenizers: Recipe["tokenizers"]): Promise<Record<string, InputFile[]>> {
  const files: Record<string, InputFile[]> = {};
  for (const [name, source] of Object.entries(tokenizers))
    files[name] =
      "path" in source ? below(`tokenizers/${name}`, await describeFiles(source.path, isTokenizerFile)) : [];
  return files;
}

async function describePackages(): Promise<InputFile> {
  const described = await describePackageFiles(await findPackagesRoot(), quietContext("corpus"));
  return { name: "installed packages", ...described };
}

/** Files of a folder by name, hashed. */
export async function describeFiles(folder: string, wanted: (name: string) => boolean): Promise<InputFile[]> {
  const names = (await guarded(folder, "nothing was changed", () => readdir(folder))).filter(wanted).sort();
  const files: InputFile[] = [];
  for (const name of names) files.push({ name, ...(await sha256File(join(folder, name))) });
  return files;
}

/** Names say what a file is to the run, so that two models' files stay apart. */
function below(role: string, files: InputFile[]): InputFile[] {
  return files.map((file) => ({ ...file, name: `${role}/${file.name}` }));
}

function demoCorpusSpec(folder: string): CorpusSpec {
  const path = join(folder, "corpus", "corpus.jsonl");
  return { path, format: "jsonl", id: "id", source: "source", tags: ["quality", "kind"] };
}

function corpusSpec(corpus: Exclude<Recipe["corpus"], { demo: unknown }>, places: Places): CorpusSpec {
  const { path, format, text, id, source, tags, onBadRow } = corpus;
  return {
    path: [path].flat().map((text) => corpusPlace(places, text)),
    format,
    text,
    tags,
    onBadRow,
    ...(id !== undefined && { id }),
    ...(source !== undefined && { source }),
  };
}
