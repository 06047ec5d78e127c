import type { CausalDescription } from "../../models/architecture.ts";
import { Amounts } from "../preflight/amounts.ts";
import type { Amount, Corpus } from "../preflight/corpus.ts";
import { type Recipe, ROLES } from "../recipe_schema.ts";

/** Share by which an assumed number of tokens may be wrong. */
export const ASSUMED_WITHIN = 0.2;

/**
 * Bytes of English text for each token of a byte-level BPE vocabulary, where no tokenizer is there to count them. Measured: 2.5
 * to 2.7 at 2,048 ids trained on the text itself, 3.71 to 3.84 at 50,000 (GPT-2, GPT-NeoX), 4.06 at 128,000 (Llama 3).
 */
export function assumedBytesPerToken(vocabSize: number): number {
  return Math.max(1, 2.6 + 0.255 * Math.log2(vocabSize / 2048));
}

/**
 * What a corpus is likely to hold where preflight cannot know: tokenizers that are trained in the run, text made on the spot.
 * @param measured - by preflight; undefined for a corpus made on the spot   @returns undefined where nothing had to be assumed
 */
export function assumedCorpus(
  recipe: Recipe,
  measured: Corpus | undefined,
  models: ReadonlyMap<string, CausalDescription>,
): Corpus | undefined {
  if (measured?.pool !== undefined) return undefined;
  const { corpus, pack } = recipe;
  const textBytes = measured?.textBytes ?? ("demo" in corpus ? corpus.demo.megabytes * 1e6 : 0);
  const idsOf = (name: string | undefined) => {
    const source = name === undefined ? recipe.tokenizer : recipe.tokenizers[name]!;
    if ("train" in source) return source.train.vocabSize;
    const readers = [...recipe.students, ...ROLES.map((role) => ({ ...recipe[role], name: role as string }))];
    const reader = readers.find((each) => each.tokenizer === name && models.has(each.name))?.name;
    return reader === undefined ? undefined : models.get(reader)!.config.vocabSize;
  };
  const tokensPerByte = new Map(measured?.tokensPerByte ?? []);
  for (const name of [undefined, ...Object.keys(recipe.tokenizers)]) {
    const ids = idsOf(name);
    if (!tokensPerByte.has(name) && ids !== undefined) tokensPerByte.set(name, 1 / assumedBytesPerToken(ids));
  }
  const rate = tokensPerByte.get(undefined);
  const amount = (most: number | undefined): Amount | undefined => {
    if (rate === undefined) return undefined;
    const tokens = Math.min(most ?? Number.POSITIVE_INFINITY, rate * textBytes * (1 - corpus.heldOutShare));
    const perInstance = new Amounts(recipe, undefined).meanPositions(undefined) + 1;
    const instances = Math.round(tokens / perInstance);
    return { instances, tokens: Math.round(tokens), positions: Math.round(tokens) - instances };
  };
  const training: { -readonly [K in keyof Corpus["training"]]: Amount } = {};
  for (const role of ROLES) {
    const source = recipe[role];
    // How much `where` leaves is not assumed: only trainings given in epochs ask for it.
    if (!("train" in source) || source.train.where !== undefined || source.train.maxTokens === undefined) continue;
    const part = amount(source.train.maxTokens);
    if (part !== undefined) training[role] = part;
  }
  return {
    files: measured?.files ?? 0,
    fileBytes: measured?.fileBytes ?? textBytes,
    textBytes,
    whole: false,
    sampleBytes: measured?.sampleBytes ?? 0,
    tokensPerByte,
    pool: amount(pack.maxTokens),
    ...(pack.maxTokens !== undefined && { uncut: amount(undefined) }),
    training,
  };
}
