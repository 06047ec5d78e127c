import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { type HfConfigJson, parseHfConfig, readHfConfig } from "../formats/hf_config.ts";
import { describeCausalModel } from "../models/architecture.ts";
import { resolveDevice } from "../runtime/device.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import { type Recipe, ROLES, type TrainingSettings } from "./recipe_schema.ts";
import type { Role } from "./stages/run_inputs.ts";
import { requireSameVocabulary } from "./vocabulary.ts";

/**
 * Builds the description of every model a recipe wants to train or brings along, so that a wrong size stops the run before its
 * first hour and not in its last. An embedding with more rows than the tokenizer has tokens is padded, which is fine.
 * @throws HeartcutError HC1101, HC1102 for a config that cannot be built, HC4010 for a context or vocabulary that is too small,
 * HC4105 for a given model with another tokenizer than the given one
 */
export async function checkModels(recipe: Recipe): Promise<void> {
  resolveDevice(recipe.device);
  for (const role of ROLES) {
    const source = recipe[role];
    const wanted = await wantedBy(recipe, source.tokenizer);
    if ("train" in source) checkNew(source.train, `${role}.train.model`, wanted);
    else if ("path" in source) {
      await checkGiven(source.path, role, wanted);
      if (wanted.given !== undefined)
        await requireSameVocabulary(source.path, wanted.given.tokenizer, wanted.given.folder);
    }
  }
  for (const { name, train, tokenizer } of recipe.students)
    checkNew(train, `students (${name}): train.model`, await wantedBy(recipe, tokenizer));
}

/** What every model of a tokenizer must be large enough for. */
interface Wanted {
  vocabSize: number;
  length: number;
  /** The tokenizer itself, where it is brought along. */
  given?: { tokenizer: Tokenizer; folder: string };
}

/** @param name - under `tokenizers`; undefined for the recipe's own */
async function wantedBy(recipe: Recipe, name: string | undefined): Promise<Wanted> {
  const source = name === undefined ? recipe.tokenizer : recipe.tokenizers[name]!;
  const { length } = recipe.pack;
  if ("train" in source) return { vocabSize: source.train.vocabSize, length };
  const tokenizer = await loadTokenizer(source.path);
  return { vocabSize: tokenizer.vocabSize, length, given: { tokenizer, folder: source.path } };
}

function checkNew({ model }: TrainingSettings, where: string, { vocabSize, length }: Wanted): void {
  const { config } = describeCausalModel(
    parseHfConfig({ vocab_size: vocabSize, ...model } as HfConfigJson, where),
    where,
  );
  if (config.vocabSize < vocabSize) {
    throw tooSmall(
      "the model has fewer embeddings than the tokenizer has tokens",
      `${where}.vocab_size`,
      config.vocabSize,
      vocabSize,
      "leave vocab_size out: it is taken from the tokenizer",
    );
  }
  if (config.maxPositions < length) {
    throw tooSmall(
      "the model's context is shorter than an instance",
      `${where}.max_position_embeddings`,
      config.maxPositions,
      length,
      "raise max_position_embeddings, or lower pack.length",
    );
  }
}

async function checkGiven(folder: string, role: Role, { vocabSize, length }: Wanted): Promise<void> {
  const { config } = describeCausalModel(await readHfConfig(folder), join(folder, "config.json"));
  if (config.vocabSize < vocabSize) {
    throw tooSmall(
      `the tokenizer has ${vocabSize} tokens and the ${role} ${config.vocabSize} embeddings`,
      `${folder}: vocab_size`,
      config.vocabSize,
      vocabSize,
      `set tokenizer: { path: ${folder} } in the recipe, or bring a ${role} of this tokenizer`,
    );
  }
  if (config.maxPositions < length) {
    throw tooSmall(
      `the ${role}'s context is shorter than an instance`,
      `${folder}: max_position_embeddings`,
      config.maxPositions,
      length,
      "lower pack.length, or bring a model with a longer context",
    );
  }
}

function tooSmall(what: string, where: string, found: number, least: number, fix: string): HeartcutError {
  return new HeartcutError("HC4010", { what, where, found: String(found), expected: `at least ${least}`, fix });
}
