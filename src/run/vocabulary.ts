import { access } from "node:fs/promises";
import { join } from "node:path";
import { readSequencesSummary, SEQUENCES_SUMMARY } from "../capture/sequences_files.ts";
import { tokenizerOfInstances } from "../corpus/convert_files.ts";
import { HeartcutError } from "../errors.ts";
import type { StageContext } from "../progress.ts";
import { readDefinition } from "../tokenizers/definition.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import { tokenizerDifferences } from "./preflight/tokenizer_difference.ts";

/** Larger files have been refused by then: each tokenizer is opened before it is compared. */
const MOST_BYTES = 2 ** 31;

/**
 * Refuses a model that brings a tokenizer with other tokens: its scores of these instances would mean nothing.
 * A model folder without a tokenizer is taken at its word. Of equal ids that text is cut into otherwise, a warning is given.
 * @param context - whom to warn; nobody where a preflight has
 * @throws HeartcutError HC4105 naming the first id that differs
 */
export async function requireSameVocabulary(
  modelFolder: string,
  tokenizer: Tokenizer,
  tokenizerFolder: string,
  context?: StageContext,
): Promise<void> {
  if (!(await isThere(join(modelFolder, "tokenizer.json")))) return;
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
      fix: `choose models of one family, or give everything in this model's tokens (in a recipe: tokenizer: { path: ${modelFolder} })`,
    });
  }
  if (context !== undefined) await warnOfOtherCuts(modelFolder, tokenizerFolder, context);
}

async function warnOfOtherCuts(modelFolder: string, tokenizerFolder: string, context: StageContext): Promise<void> {
  const [one, other] = [
    await readDefinition(modelFolder, MOST_BYTES),
    await readDefinition(tokenizerFolder, MOST_BYTES),
  ];
  const differences = tokenizerDifferences({ one, other, names: ["the model", "the data"] });
  if (differences.every(({ matters }) => matters !== "split")) return;
  const found = differences.map(({ part, text }) => `${part}: ${text}`).join("; ");
  context.report({
    type: "warning",
    stage: context.stage,
    message: `${modelFolder} has the ids of ${tokenizerFolder} and cuts text otherwise: it reads sequences unlike those it has learned, and does worse than it could (${found})`,
  });
}

/**
 * Refuses instances that were made with another tokenizer, where they say with which: their ids would be other text.
 * Those of a selection say nothing, and are taken at their word.
 * @throws HeartcutError HC4105 naming both
 */
export async function requireInstancesIn(
  tokenizer: Pick<Tokenizer, "fingerprint">,
  tokenizerFolder: string,
  instances: readonly string[],
): Promise<void> {
  for (const folder of instances) {
    const made = await fingerprintOfInstances(folder);
    if (made === undefined || made === tokenizer.fingerprint) continue;
    throw new HeartcutError("HC4105", {
      what: "these instances were made with another tokenizer",
      where: folder,
      found: `tokenizer ${made.slice(0, 12)}`,
      expected: `tokenizer ${tokenizer.fingerprint.slice(0, 12)}, that of ${tokenizerFolder}`,
      why: "ids of one tokenizer are other text in another",
      fix: "give --tokenizer with the folder of the tokenizer that made them, or bring them into this one with `heartcut convert`",
    });
  }
}

async function fingerprintOfInstances(folder: string): Promise<string | undefined> {
  if (await isThere(join(folder, SEQUENCES_SUMMARY))) return (await readSequencesSummary(folder)).tokenizer;
  return (await tokenizerOfInstances(folder))?.fingerprint;
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
