import { access } from "node:fs/promises";
import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";

/**
 * Refuses a model that brings a tokenizer with other tokens: its scores of these instances would mean nothing.
 * A model folder without a tokenizer is taken at its word.
 * @throws HeartcutError HC4105 naming the first id that differs
 */
export async function requireSameVocabulary(
  modelFolder: string,
  tokenizer: Tokenizer,
  tokenizerFolder: string,
): Promise<void> {
  const there = await access(join(modelFolder, "tokenizer.json")).then(
    () => true,
    () => false,
  );
  if (!there) return;
  const own = await loadTokenizer(modelFolder);
  if (own.fingerprint === tokenizer.fingerprint) return;
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    const [expected, found] = [tokenizer.tokenOf(id), own.tokenOf(id)];
    if (expected === found) continue;
    throw new HeartcutError("HC4105", {
      what: "the model was made for another tokenizer",
      where: modelFolder,
      found: `id ${id} is ${JSON.stringify(found ?? null)} to the model`,
      expected: `${JSON.stringify(expected ?? null)}, as in ${tokenizerFolder}`,
      why: "teacher, reference and students must read the same tokens to be compared",
      fix: `set tokenizer: { path: ${modelFolder} } in the recipe, or choose models of one family`,
    });
  }
}
