import { createHash } from "node:crypto";
import { HeartcutError } from "../errors.ts";
import { type Definition, readDefinition, type Specials, withoutSpecials } from "./definition.ts";
import { javascriptBackend } from "./javascript.ts";
import { nativeBackend } from "./native.ts";
import { piecesOf } from "./pieces.ts";

export type { Specials } from "./definition.ts";

export interface EncodeOptions {
  /** Adds what the post-processor puts around a text (`<s>` of Llama, `</s>` of T5). Default false. */
  addSpecialTokens?: boolean;
  /** Reads special tokens written in a text as those tokens, as the reference does. Default true. */
  parseSpecials?: boolean;
}

export interface DecodeOptions {
  /** Leaves special tokens out of the text. Default false. */
  skipSpecialTokens?: boolean;
}

/** Text to ids and back, the same for every library behind it. */
export interface Tokenizer {
  /** Which library encodes: `native` (tokenizers, Rust) or `js` (@huggingface/tokenizers). */
  readonly backend: "native" | "js";
  /** Why `auto` did not take the native library; undefined where it did or was not asked to. */
  readonly backendNote: string | undefined;
  /** One more than the largest id, added tokens included: the least number of rows an embedding table needs. */
  readonly vocabSize: number;
  readonly specials: Specials;
  /** Ids the post-processor puts before and after a text; a BOS family has its BOS in `prefix`. */
  readonly prefix: Int32Array;
  readonly suffix: Int32Array;
  /** sha256 of the unpacked tokenizer.json, hex. */
  readonly fingerprint: string;
  encode(text: string, options?: EncodeOptions): Promise<Int32Array>;
  /** Several texts at once, on all cores with the native library. */
  encodeBatch(texts: readonly string[], options?: EncodeOptions): Promise<Int32Array[]>;
  /** Text of ids; an id without a token (a padding row of a model) gives nothing, as in the reference. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions): string;
  /** Text that each id adds: joined they are `decode(ids)`. A character split over tokens stands at its last one. */
  pieces(ids: ArrayLike<number>): string[];
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
}

/** One tokenizer library: what differs between them. */
export interface Backend {
  encodeBatch(texts: readonly string[], addSpecialTokens: boolean): Promise<Int32Array[]>;
  decode(ids: ArrayLike<number>, skipSpecialTokens: boolean): string;
}

export interface LoadTokenizerOptions {
  /** `auto` takes the native library where it loads on this machine, else the pure JavaScript one. Default auto. */
  backend?: "auto" | "native" | "js";
  /** Largest unpacked tokenizer.json that is read, in bytes. Default 128 MiB. */
  maxBytes?: number;
}

/**
 * Opens a Hugging Face tokenizer: a folder with tokenizer.json (or tokenizer.json.gz), or that file itself.
 * tokenizer_config.json, special_tokens_map.json and config.json beside it name the special tokens.
 * @throws HeartcutError HC2001 not found, HC2002 too large, HC2003 malformed, HC2004 refused by or without the library;
 * HC2005 from the encoders where a text has no tokens
 */
export async function loadTokenizer(path: string, options: LoadTokenizerOptions = {}): Promise<Tokenizer> {
  const definition = await readDefinition(path, options.maxBytes ?? 128 * 1024 * 1024);
  const { backend, open, note } = await chooseBackend(options.backend ?? "auto");
  const parsing = openOrExplain(open, definition);
  const around = await whatThePostProcessorAdds(parsing, definition.where);
  let literal: Backend | undefined;
  const backendFor = (encode: EncodeOptions): Backend => {
    if (encode.parseSpecials ?? true) return parsing;
    literal ??= openOrExplain(open, withoutSpecials(definition));
    return literal;
  };
  const encodeBatch = (texts: readonly string[], encode: EncodeOptions = {}) =>
    texts.length === 0 ? Promise.resolve([]) : backendFor(encode).encodeBatch(texts, encode.addSpecialTokens ?? false);
  return {
    backend,
    backendNote: note,
    vocabSize: definition.tokens.length,
    specials: definition.specials,
    ...around,
    fingerprint: createHash("sha256").update(definition.text).digest("hex"),
    encodeBatch,
    encode: async (text, encode) => (await encodeBatch([text], encode))[0]!,
    decode: (ids, decode = {}) => parsing.decode(ids, decode.skipSpecialTokens ?? false),
    pieces: (ids) => piecesOf(ids, (part) => parsing.decode(part, false)),
    idOf: (token) => definition.ids.get(token),
    tokenOf: (id) => definition.tokens[id],
  };
}

type Open = (definition: Definition) => Backend;

async function chooseBackend(
  wanted: "auto" | "native" | "js",
): Promise<{ backend: "native" | "js"; open: Open; note: string | undefined }> {
  if (wanted === "js") return { backend: "js", open: await javascriptBackend(), note: undefined };
  try {
    return { backend: "native", open: await nativeBackend(), note: undefined };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (wanted === "auto") {
      const note = `the native tokenizers library does not load here (${reason.split("\n")[0]})`;
      return { backend: "js", open: await javascriptBackend(), note };
    }
    throw new HeartcutError(
      "HC2004",
      {
        what: "the native tokenizers library does not load on this machine",
        found: reason,
        fix: "set the tokenizer's backend to js (slower, same ids), or install the package tokenizers for this platform",
      },
      { cause: error },
    );
  }
}

function openOrExplain(open: Open, definition: Definition): Backend {
  try {
    return open(definition);
  } catch (error) {
    throw new HeartcutError(
      "HC2004",
      {
        what: "the tokenizer library refuses this tokenizer.json",
        where: definition.where,
        found: error instanceof Error ? error.message : String(error),
        fix: "write it again with the program that made it (tokenizer.save_pretrained), or try the other backend (native, js)",
      },
      { cause: error },
    );
  }
}

async function encodeOrExplain(
  backend: Backend,
  texts: readonly string[],
  addSpecialTokens: boolean,
  where: string,
): Promise<Int32Array[]> {
  try {
    return await backend.encodeBatch(texts, addSpecialTokens);
  } catch (error) {
    throw new HeartcutError(
      "HC2005",
      {
        what: "the tokenizer cannot encode a text",
        where,
        found: error instanceof Error ? error.message : String(error),
        why: "its vocabulary does not cover every text, and it has no token for the unknown",
        fix: "use a tokenizer with an unk_token, byte fallback or byte-level words",
      },
      { cause: error },
    );
  }
}

/** Encodes a probe with and without the post-processor: what stands around it is its prefix and suffix. */
async function whatThePostProcessorAdds(
  backend: Backend,
  where: string,
): Promise<{ prefix: Int32Array; suffix: Int32Array }> {
  const plain = (await encodeOrExplain(backend, ["x"], false, where))[0]!;
  const whole = (await encodeOrExplain(backend, ["x"], true, where))[0]!;
  for (let start = 0; start + plain.length <= whole.length; start++) {
    if (plain.every((id, i) => whole[start + i] === id))
      return { prefix: whole.slice(0, start), suffix: whole.slice(start + plain.length) };
  }
  throw new HeartcutError("HC2003", {
    what: "the post-processor of this tokenizer changes the text's own tokens",
    where,
    found: `"x" alone gives [${plain.join(", ")}], with special tokens [${whole.join(", ")}]`,
    expected: "special tokens put before and after the text only",
  });
}
