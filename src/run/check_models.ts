import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { type HfConfigJson, parseHfConfig, readHfConfig } from "../formats/hf_config.ts";
import { type CausalDescription, describeCausalModel } from "../models/architecture.ts";
import { resolveDevice } from "../runtime/device.ts";
import { loadTokenizer } from "../tokenizers/tokenizer.ts";
import { type Recipe, ROLES } from "./recipe_schema.ts";
import { requireSameVocabulary } from "./vocabulary.ts";

/**
 * Builds the description of every model a recipe wants to train or brings along, so that a wrong size stops the run before its
 * first hour and not in its last. An embedding with more rows than the tokenizer has tokens is padded, which is fine.
 * @throws HeartcutError HC1101, HC1102 for a config that cannot be built, HC4010 for a context or vocabulary that is too small,
 * HC4105 for a given model with another tokenizer than the given one, HC4301, HC4302 for a distillation that these models cannot do
 */
export async function checkModels(recipe: Recipe): Promise<void> {
  const { faults } = await inspectModels(recipe);
  if (faults[0] !== undefined) throw faults[0];
  for (const role of ROLES) {
    const source = recipe[role];
    const tokenizer = tokenizerSource(recipe, source.tokenizer);
    if ("path" in source && "path" in tokenizer)
      await requireSameVocabulary(source.path, await loadTokenizer(tokenizer.path), tokenizer.path);
  }
}

/** What is known of a recipe's models before any of them is made. */
export interface InspectedModels {
  /** "teacher", "reference" and the students by name: those without a fault whose weights are in this process. */
  readonly models: ReadonlyMap<string, CausalDescription>;
  /** Everything that keeps them from being made, or from working together. */
  readonly faults: readonly HeartcutError[];
}

/** Describes the models of a recipe and collects their faults; tokens are compared elsewhere. */
export async function inspectModels(recipe: Recipe): Promise<InspectedModels> {
  const models = new Map<string, CausalDescription>();
  const faults: HeartcutError[] = [];
  const collect = async (name: string | undefined, check: () => unknown) => {
    try {
      await check();
    } catch (error) {
      if (!(error instanceof HeartcutError)) throw error;
      faults.push(error);
      if (name !== undefined) models.delete(name);
    }
  };
  await collect(undefined, () => resolveDevice(recipe.device));
  for (const role of ROLES) {
    const source = recipe[role];
    await collect(role, async () => {
      if (!("train" in source || "path" in source)) return;
      const least = await leastOf(recipe, source.tokenizer);
      const described =
        "train" in source
          ? describeNew(source.train.model, `${role}.train.model`, least)
          : await describeGiven(source.path);
      models.set(role, described);
      if ("train" in source) requireSize(described, newModel(`${role}.train.model`), least);
      else requireSize(described, givenModel(role, source.path), least);
    });
  }
  for (const { name, train, tokenizer } of recipe.students)
    await collect(name, async () => {
      const where = `students (${name}): train.model`;
      const least = await leastOf(recipe, tokenizer);
      const described = describeNew(train.model, where, least);
      models.set(name, described);
      requireSize(described, newModel(where), least);
    });
  for (const name of Object.keys(recipe.generate))
    await collect(undefined, () =>
      requireRoomToWrite(models.get("teacher"), { who: "teacher", where: `generate.${name}` }, recipe),
    );
  for (const student of recipe.students) {
    const where = `students (${student.name}): distill.onPolicy`;
    if (student.distill?.onPolicy !== undefined)
      await collect(student.name, () =>
        requireRoomToWrite(models.get(student.name), { who: "student", where }, recipe),
      );
    await collect(student.name, () => requireTeachable(student, models));
  }
  return { models, faults };
}

/** A tokenizer as the recipe gives it. @param name - under `tokenizers`; undefined for the recipe's own */
export function tokenizerSource(recipe: Recipe, name: string | undefined): Recipe["tokenizer"] {
  return name === undefined ? recipe.tokenizer : recipe.tokenizers[name]!;
}

/** What every model of a tokenizer must be large enough for. */
interface Least {
  vocabSize: number;
  length: number;
}

async function leastOf(recipe: Recipe, name: string | undefined): Promise<Least> {
  const source = tokenizerSource(recipe, name);
  const vocabSize = "train" in source ? source.train.vocabSize : (await loadTokenizer(source.path)).vocabSize;
  return { vocabSize, length: recipe.pack.length };
}

function describeNew(model: object, where: string, { vocabSize }: Least): CausalDescription {
  return describeCausalModel(parseHfConfig({ vocab_size: vocabSize, ...model } as HfConfigJson, where), where);
}

async function describeGiven(folder: string): Promise<CausalDescription> {
  return describeCausalModel(await readHfConfig(folder), join(folder, "config.json"));
}

/** How a model is spoken of where it is too small. */
interface Wording {
  vocabulary(tokens: number, rows: number): { what: string; where: string; fix: string };
  /** @param key - that says how long the context is */
  context(key: string): { what: string; where: string; fix: string };
}

const newModel = (where: string): Wording => ({
  vocabulary: () => ({
    what: "the model has fewer embeddings than the tokenizer has tokens",
    where: `${where}.vocab_size`,
    fix: "leave vocab_size out: it is taken from the tokenizer",
  }),
  context: (key) => ({
    what: "the model's context is shorter than an instance",
    where: `${where}.${key}`,
    fix: `raise ${key}, or lower pack.length`,
  }),
});

const givenModel = (role: string, folder: string): Wording => ({
  vocabulary: (tokens, rows) => ({
    what: `the tokenizer has ${tokens} tokens and the ${role} ${rows} embeddings`,
    where: `${folder}: vocab_size`,
    fix: `set tokenizer: { path: ${folder} } in the recipe, or bring a ${role} of this tokenizer`,
  }),
  context: (key) => ({
    what: `the ${role}'s context is shorter than an instance`,
    where: `${folder}: ${key}`,
    fix: "lower pack.length, or bring a model with a longer context",
  }),
});

function requireSize({ config, json }: CausalDescription, wording: Wording, { vocabSize, length }: Least): void {
  if (config.vocabSize < vocabSize)
    throw tooSmall(wording.vocabulary(vocabSize, config.vocabSize), config.vocabSize, vocabSize);
  const key = json.n_positions === undefined ? "max_position_embeddings" : "n_positions";
  if (config.maxPositions < length) throw tooSmall(wording.context(key), config.maxPositions, length);
}

/** Written instances are as full as packed ones: one token more than they have label positions. */
function requireRoomToWrite(
  model: CausalDescription | undefined,
  { who, where }: { who: string; where: string },
  { pack }: Recipe,
): void {
  const least = pack.length + 1;
  if (model === undefined || model.config.maxPositions >= least) return;
  const named = {
    what: `the ${who}'s context is shorter than the texts it is to write`,
    where,
    fix: `lower pack.length to ${model.config.maxPositions - 1}, or give the ${who} a longer context`,
  };
  throw tooSmall(named, model.config.maxPositions, least);
}

function requireTeachable({ name, distill }: Recipe["students"][number], models: InspectedModels["models"]): void {
  const [teacher, student] = [models.get("teacher"), models.get(name)];
  if (distill === undefined || teacher === undefined) return;
  const where = `students (${name}): distill`;
  if (distill.topK !== undefined && distill.topK > teacher.config.vocabSize)
    throw new HeartcutError("HC4301", {
      what: "more tokens are to be kept at each position than the teacher has",
      where: `${where}.topK`,
      found: String(distill.topK),
      expected: `at most ${teacher.config.vocabSize}`,
      fix: "lower topK",
    });
  if (distill.attention === undefined) return;
  for (const [who, model] of Object.entries({ teacher, student }))
    if (model?.architecture.memory.kind === "state")
      throw new HeartcutError("HC4302", {
        what: `attention cannot be matched: the ${who} has none`,
        where: `${where}.attention`,
        found: `model_type ${model.config.modelType}`,
        fix: "leave attention out, or match hidden states instead",
      });
}

function tooSmall(named: { what: string; where: string; fix: string }, found: number, least: number): HeartcutError {
  return new HeartcutError("HC4010", { ...named, found: String(found), expected: `at least ${least}` });
}
