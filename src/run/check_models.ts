import { HeartcutError } from "../errors.ts";
import { type HfConfigJson, parseHfConfig } from "../formats/hf_config.ts";
import { describeModel } from "../models/architecture.ts";
import { resolveDevice } from "../runtime/device.ts";
import { loadTokenizer } from "../tokenizers/tokenizer.ts";
import type { Recipe, TrainingSettings } from "./recipe_schema.ts";

/**
 * Builds the description of every model a recipe wants to train, so that a wrong size stops the run before its first hour and
 * not in its last. @throws HeartcutError HC1101, HC1102 for a config that cannot be built, HC4010 for a context that is too short
 */
export async function checkModels(recipe: Recipe): Promise<void> {
  resolveDevice(recipe.device);
  const { tokenizer } = recipe;
  const vocabSize = "train" in tokenizer ? tokenizer.train.vocabSize : (await loadTokenizer(tokenizer.path)).vocabSize;
  for (const role of ["teacher", "reference"] as const) {
    const source = recipe[role];
    if ("train" in source) check(source.train, `${role}.train.model`, vocabSize, recipe.pack.length);
  }
  for (const { name, train } of recipe.students)
    check(train, `students (${name}): train.model`, vocabSize, recipe.pack.length);
}

function check({ model }: TrainingSettings, where: string, vocabSize: number, length: number): void {
  const { config } = describeModel(parseHfConfig({ vocab_size: vocabSize, ...model } as HfConfigJson, where), where);
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

function tooSmall(what: string, where: string, found: number, least: number, fix: string): HeartcutError {
  return new HeartcutError("HC4010", { what, where, found: String(found), expected: `at least ${least}`, fix });
}
