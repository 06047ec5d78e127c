import { HeartcutError } from "../../errors.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { rstrip } from "./python_text.ts";

/** The id that stands in place of an empty context: BOS, else EOS. @throws HeartcutError HC3510 without either */
export function prefixId({ specials: { bos, eos } }: Tokenizer): number {
  const id = bos ?? eos;
  if (id !== undefined) return id;
  throw new HeartcutError("HC3510", {
    what: "the tokenizer has no token to begin a text with",
    expected: "a bos_token or an eos_token",
    why: "a text without a context is asked for behind one of them",
    fix: "name the token in tokenizer_config.json",
  });
}

/**
 * Texts as ids with what the tokenizer puts around a text (`<s>` of Llama), unless the text brings its beginning itself.
 * Source: lm-evaluation-harness 0.4.13, HFLM.tok_encode with add_bos_token left at its default
 */
export async function encodeContexts(tokenizer: Tokenizer, texts: readonly string[]): Promise<Int32Array[]> {
  const { bos, eos } = tokenizer.specials;
  const start = bos ?? eos;
  const written = start === undefined ? "" : tokenizer.decode([start]);
  const begins = texts.map((text) => written !== "" && text.startsWith(written));
  const encoded = new Array<Int32Array>(texts.length);
  for (const addSpecialTokens of [true, false]) {
    const at = texts.flatMap((_, i) => (begins[i] === addSpecialTokens ? [] : [i]));
    const ids = await tokenizer.encodeBatch(
      at.map((i) => texts[i]!),
      { addSpecialTokens },
    );
    for (const [k, i] of at.entries()) encoded[i] = ids[k]!;
  }
  return encoded;
}

/** One text as encodeContexts. */
export async function encodeContext(tokenizer: Tokenizer, text: string): Promise<Int32Array> {
  return (await encodeContexts(tokenizer, [text]))[0]!;
}

/** Ids that are read and ids that are asked for. */
export interface EncodedRequest {
  readonly context: Int32Array;
  readonly continuation: Int32Array;
}

/**
 * Contexts and continuations as ids. Spaces at the end of a context count as the beginning of its continuation; the
 * continuation's ids are those of the whole text behind as many as the context alone has. An empty context is the
 * prefix id, or the continuation's own first id where that is it.
 * @throws HeartcutError HC3510 for an empty context if the tokenizer has no prefix id
 * Source: lm-evaluation-harness 0.4.13, TemplateLM.loglikelihood and _encode_pair
 */
export async function encodeRequests(
  tokenizer: Tokenizer,
  requests: readonly { readonly context: string; readonly continuation: string }[],
): Promise<EncodedRequest[]> {
  const pairs = requests.map(({ context, continuation }) => {
    const kept = rstrip(context);
    return { empty: context === "", context: kept, whole: context + continuation };
  });
  const texts = [...new Set(pairs.filter(({ empty }) => !empty).flatMap(({ context, whole }) => [context, whole]))];
  const encoded = await encodeContexts(tokenizer, texts);
  const ids = new Map(texts.map((text, i) => [text, encoded[i]!]));
  return Promise.all(
    pairs.map(async ({ empty, context, whole }) => {
      if (empty) return behindPrefix(prefixId(tokenizer), await tokenizer.encode(whole));
      const read = ids.get(context)!;
      return { context: read, continuation: ids.get(whole)!.slice(read.length) };
    }),
  );
}

function behindPrefix(prefix: number, ids: Int32Array): EncodedRequest {
  if (ids[0] === prefix) return { context: ids.slice(0, 1), continuation: ids.slice(1) };
  return { context: Int32Array.of(prefix), continuation: ids };
}
