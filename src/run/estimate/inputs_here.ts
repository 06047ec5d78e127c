import { access } from "node:fs/promises";
import { join } from "node:path";
import { findFiles } from "../../corpus/files.ts";
import { HeartcutError } from "../../errors.ts";
import { tokenizerSource } from "../check_models.ts";
import { type Recipe, ROLES } from "../recipe_schema.ts";

/**
 * Makes sure that what an estimate reads of a recipe's inputs is on this machine, and names all that is not at once.
 * @throws HeartcutError HC4357
 */
export async function requireInputs(recipe: Recipe): Promise<void> {
  const missing: string[] = [];
  for (const role of ROLES) {
    const source = recipe[role];
    if ("path" in source && !(await isThere(join(source.path, "config.json"))))
      missing.push(`${role}: ${join(source.path, "config.json")}`);
  }
  for (const name of [undefined, ...Object.keys(recipe.tokenizers)]) {
    const source = tokenizerSource(recipe, name);
    if ("path" in source && !(await isThere(source.path)))
      missing.push(`${name === undefined ? "tokenizer" : `tokenizers.${name}`}: ${source.path}`);
  }
  if ("path" in recipe.corpus) missing.push(...(await missingCorpus(recipe.corpus)));
  if (missing.length === 0) return;
  throw new HeartcutError("HC4357", {
    what: "an estimate reads inputs that are not on this machine",
    where: recipe.name,
    found: `missing: ${missing.join("; ")}`,
    why: "shapes come from config.json, the number of tokens from the tokenizer and a sample of the text; no weights are read",
    fix: "bring config.json, the tokenizer's files and some of the text, or name others: --set teacher.path=…, --set tokenizer.path=…, --set corpus.path=…",
  });
}

async function missingCorpus({ path, format }: Extract<Recipe["corpus"], { path: unknown }>): Promise<string[]> {
  const missing: string[] = [];
  for (const each of [path].flat())
    try {
      await findFiles([each], format);
    } catch (error) {
      if (!(error instanceof HeartcutError) || error.code !== "HC2010") throw error;
      missing.push(`corpus.path: ${each}`);
    }
  return missing;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
