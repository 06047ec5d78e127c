import type { Tokenizer } from "../tokenizers/tokenizer.ts";

/** What selection needs of a tokenizer. */
export type Decoder = Pick<Tokenizer, "decode" | "vocabSize" | "specials" | "fingerprint">;

/** Texts of the documents (or pieces of documents) of one instance: split at EOS, BOS left out, empty parts dropped.
 * What a student of another tokenizer family encodes anew. */
export function documentTexts(tokens: Int32Array, tokenizer: Decoder): string[] {
  const { bos, eos } = tokenizer.specials;
  const parts: number[][] = [[]];
  for (const id of tokens) {
    if (id === eos) parts.push([]);
    else if (id !== bos) parts.at(-1)!.push(id);
  }
  return parts.filter((part) => part.length > 0).map((part) => tokenizer.decode(part));
}
