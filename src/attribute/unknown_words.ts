import type { Tokenizer } from "../tokenizers/tokenizer.ts";

/** What of a text a tokenizer has no token for. */
export interface UnknownWords {
  /** Tokens of the text, and how many of them stand for the unknown (`<unk>`). */
  tokens: number;
  unknown: number;
  /** The words that hold these, each once, without the punctuation around them where that is known. */
  words: string[];
}

/** Finds the words of a text that a model reads as its token for the unknown: all such words look the same to it. */
export async function unknownWords(tokenizer: Tokenizer, text: string): Promise<UnknownWords> {
  const { unk } = tokenizer.specials;
  const countIn = (ids: Int32Array) => ids.reduce((count, id) => (id === unk ? count + 1 : count), 0);
  const ids = await tokenizer.encode(text);
  const unknown = countIn(ids);
  // Words are asked for one by one: where in a text a token for the unknown stands, its ids alone do not say.
  const unknownAmong = async (parts: string[]) => {
    const distinct = [...new Set(parts)];
    const encoded = await tokenizer.encodeBatch(distinct);
    return distinct.filter((_, i) => countIn(encoded[i]!) > 0);
  };
  const words: string[] = [];
  for (const word of unknown === 0 ? [] : await unknownAmong(text.match(/\S+/g) ?? [])) {
    const parts = await unknownAmong(word.match(/[\p{L}\p{M}\p{N}]+|[^\p{L}\p{M}\p{N}]+/gu)!);
    words.push(...(parts.length === 0 ? [word] : parts));
  }
  return { tokens: ids.length, unknown, words: [...new Set(words)] };
}
