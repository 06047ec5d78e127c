import { compileFilter } from "../../corpus/filter.ts";
import { endTokens } from "../../corpus/pack_options.ts";
import { documentInstance, Packer } from "../../corpus/packer.ts";
import type { Document } from "../../corpus/record.ts";
import { type MayEnd, sentenceEndTokens, textEndRule } from "../../corpus/sentence_ends.ts";
import { checkpointSignal, type StageContext } from "../../progress.ts";
import { loadTokenizer } from "../../tokenizers/tokenizer.ts";
import { tokenizerSource } from "../check_models.ts";
import type { Recipe } from "../recipe_schema.ts";
import type { Amount } from "./corpus.ts";

/** Texts encoded at once. */
const BATCH = 256;

/** A sample of documents, encoded as the run will, to be packed as the run will. */
export class PackingTrial {
  private constructor(
    private readonly recipe: Recipe,
    private readonly documents: readonly Document[],
    private readonly ids: readonly Int32Array[],
    private readonly ends: { eos: number; bos: number | undefined; mayEnd: MayEnd },
  ) {}

  /** @returns undefined where the tokenizer is trained in the run, or cannot end a document */
  static async encode(
    recipe: Recipe,
    documents: readonly Document[],
    context: StageContext,
  ): Promise<PackingTrial | undefined> {
    const { tokenizer: source, pack } = recipe;
    if (!("path" in source)) return undefined;
    const tokenizer = await loadTokenizer(source.path);
    const { decode, vocabSize } = tokenizer;
    if (tokenizer.specials.eos === undefined) return undefined;
    const { eos, bos } = endTokens(tokenizer, pack.bos ?? "auto");
    const mayEnd = textEndRule(decode, sentenceEndTokens(decode, vocabSize, eos, pack), eos, pack);
    const ids: Int32Array[] = [];
    for (let start = 0; start < documents.length; start += BATCH) {
      await checkpointSignal(context);
      const texts = documents.slice(start, start + BATCH).map(({ text }) => text);
      for (const each of await tokenizer.encodeBatch(texts, { parseSpecials: pack.parseEndOfText ?? true }))
        ids.push(each);
    }
    return new PackingTrial(recipe, documents, ids, { eos, bos, mayEnd });
  }

  /** Tokens of the sample, document ends included. */
  get tokens(): number {
    return this.ids.reduce((sum, { length }) => sum + length + 1, 0);
  }

  /**
   * What the wanted documents of the training side make.
   * @param scale - bytes of the corpus for each of the sample; undefined where the sample is the corpus
   */
  pack(where: Record<string, string[]> | undefined, maxTokens: number | undefined, scale: number | undefined): Amount {
    const { corpus, pack, seed } = this.recipe;
    const tags = "demo" in corpus ? [] : corpus.tags;
    const { heldOutShare } = corpus;
    const wanted = compileFilter({ split: "train", heldOutShare, seed, ...(where && { where }) }, tags);
    const chunkLength = pack.length + 1;
    const { instanceLimit, keepLoneEos, keepRemainder } = pack;
    const packer = new Packer({
      chunkLength,
      ...this.ends,
      instanceLimit,
      keepLoneEos,
      keepRemainder,
    });
    let [instances, tokens] = [0, 0];
    const count = (made: Iterable<{ tokens: Int32Array }>) => {
      for (const instance of made) {
        instances++;
        tokens += instance.tokens.length;
      }
    };
    for (const [i, document] of this.documents.entries()) {
      if (!wanted(document)) continue;
      const { source, id } = document;
      if (pack.mode === "document") count([documentInstance(source, id, this.ids[i]!, { chunkLength, ...this.ends })]);
      else count(packer.add(source, id, this.ids[i]!));
    }
    count(packer.finish());
    const left = [...packer.leftovers().values()].reduce((sum, rest) => sum + rest.length, 0);
    // What is left over of a sample would be filled up by what follows it.
    const grown = scale === undefined ? 1 : scale * (1 + left / Math.max(1, tokens));
    const share = Math.min(grown, (maxTokens ?? Number.POSITIVE_INFINITY) / Math.max(1, tokens));
    [instances, tokens] = [Math.round(instances * share), Math.round(tokens * share)];
    return { instances, tokens, positions: tokens - instances };
  }
}

/**
 * Tokens for each byte of a sample, document ends included, by every tokenizer that is brought along.
 * @param trial - the sample in the recipe's own tokens
 */
export async function tokensPerByte(
  recipe: Recipe,
  documents: readonly Document[],
  bytes: number,
  trial: PackingTrial | undefined,
): Promise<Map<string | undefined, number>> {
  const { teacher, reference, students } = recipe;
  const rates = new Map<string | undefined, number>();
  if (trial !== undefined) rates.set(undefined, trial.tokens / Math.max(1, bytes));
  for (const name of new Set([teacher, reference, ...students].map(({ tokenizer }) => tokenizer))) {
    const source = tokenizerSource(recipe, name);
    if (name === undefined || !("path" in source)) continue;
    const tokenizer = await loadTokenizer(source.path);
    let tokens = documents.length;
    for (let start = 0; start < documents.length; start += BATCH) {
      const texts = documents.slice(start, start + BATCH).map(({ text }) => text);
      for (const ids of await tokenizer.encodeBatch(texts)) tokens += ids.length;
    }
    rates.set(name, tokens / Math.max(1, bytes));
  }
  return rates;
}
