import { open, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { HeartcutError, printable } from "../errors.ts";
import { findUnsafePart } from "./definition_checks.ts";

/** Ids of the tokens with a role; undefined where the tokenizer has none. */
export interface Specials {
  bos: number | undefined;
  eos: number | undefined;
  pad: number | undefined;
  unk: number | undefined;
}

/** A parsed and checked tokenizer.json with what its neighbours say about special tokens. */
export interface Definition {
  /** The file, for messages. */
  where: string;
  /** Unpacked text of tokenizer.json as it stands on disk. */
  text: string;
  /** The parsed object, with padding and truncation taken out and `model.type` filled in. */
  json: TokenizerJson;
  /** tokenizer_config.json, empty where absent. */
  config: Record<string, unknown>;
  /** Token of each id, added tokens included. */
  tokens: (string | undefined)[];
  ids: ReadonlyMap<string, number>;
  /** Contents of the added tokens marked special. */
  special: ReadonlySet<string>;
  specials: Specials;
}

export interface TokenizerJson {
  model: { type: string; vocab: Record<string, number> | [string, number][]; [key: string]: unknown };
  added_tokens: { id: number; content: string; special: boolean; [key: string]: unknown }[];
  [key: string]: unknown;
}

/** No published vocabulary comes near; a larger id would make tables of its size. */
const MAX_ID = 4_000_000;
const MAX_SIDE_FILE = 4 * 1024 * 1024;

/** Reads tokenizer.json(.gz) from a folder or by its own path, and its neighbours. @throws HeartcutError HC2001-HC2003 */
export async function readDefinition(path: string, maxBytes: number): Promise<Definition> {
  const where = await findFile(path);
  const text = await readText(where, maxBytes);
  const json = checked(parseObject(text, where), where);
  const tokens: (string | undefined)[] = [];
  const ids = new Map<string, number>();
  const place = (token: string, id: unknown) => {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) > MAX_ID)
      throw malformed(where, `token ${quoted(token)} has id ${String(id)}`, `whole numbers from 0 to ${MAX_ID}`);
    ids.set(token, id as number);
    tokens[id as number] = token;
  };
  if (Array.isArray(json.model.vocab)) {
    json.model.vocab.forEach((entry, id) => {
      if (!Array.isArray(entry) || typeof entry[0] !== "string" || typeof entry[1] !== "number")
        throw malformed(where, `model.vocab[${id}] = ${quoted(JSON.stringify(entry))}`, "[piece, score]");
      place(entry[0], id);
    });
  } else for (const [token, id] of Object.entries(json.model.vocab)) place(token, id);
  for (const added of json.added_tokens) place(added.content, added.id);
  if (tokens.length === 0) throw malformed(where, "an empty vocabulary", "at least one token");
  const folder = dirname(where);
  const config = await readSide(join(folder, "tokenizer_config.json"));
  const special = new Set(json.added_tokens.filter((added) => added.special).map((added) => added.content));
  const sides = [config, await readSide(join(folder, "special_tokens_map.json"))];
  const specials = findSpecials(sides, await readSide(join(folder, "config.json")), ids, tokens);
  return { where, text, json, config, tokens, ids, special, specials };
}

/**
 * The same tokenizer without its special tokens, so that `<s>` written in a text is four characters.
 * A Unigram model has them as pieces too and would still match them: their score is put below any path.
 */
export function withoutSpecials(definition: Definition): Definition {
  const { json, special } = definition;
  const vocab = Array.isArray(json.model.vocab)
    ? json.model.vocab.map(([piece, score]): [string, number] => [piece, special.has(piece) ? -1e6 : score])
    : json.model.vocab;
  const added_tokens = json.added_tokens.filter((added) => !added.special);
  return { ...definition, json: { ...json, added_tokens, model: { ...json.model, vocab } } };
}

async function findFile(path: string): Promise<string> {
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile()) return path;
  if (stats?.isDirectory()) {
    for (const name of ["tokenizer.json", "tokenizer.json.gz"]) {
      const file = join(path, name);
      if ((await stat(file).catch(() => undefined))?.isFile()) return file;
    }
  }
  throw new HeartcutError("HC2001", {
    what: stats ? "this folder has no tokenizer.json" : "there is no tokenizer at this path",
    where: path,
    expected: "a folder with tokenizer.json, or that file",
    fix: "a model with only tokenizer.model or vocab.json: AutoTokenizer.from_pretrained(…).save_pretrained(…) of transformers writes tokenizer.json",
  });
}

async function readText(where: string, maxBytes: number): Promise<string> {
  const tooLarge = (found: string) =>
    new HeartcutError("HC2002", {
      what: "tokenizer file is larger than the limit",
      where,
      found,
      expected: `at most ${maxBytes} bytes unpacked`,
      fix: "raise maxBytes if you trust this file",
    });
  const file = await open(where);
  let bytes: Buffer;
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw tooLarge(`${size} bytes`);
    bytes = await file.readFile();
  } finally {
    await file.close();
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    try {
      bytes = await promisify(gunzip)(bytes, { maxOutputLength: maxBytes });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge("more when unpacked");
      throw malformed(where, `broken gzip data (${(error as Error).message})`, "a gzip file", error);
    }
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw malformed(where, "bytes that are not UTF-8", "JSON text", error);
  }
}

function parseObject(text: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw malformed(where, printable((error as Error).message), "JSON", error);
  }
  if (!isObject(value)) throw malformed(where, "JSON that is no object", "an object");
  return value;
}

function checked(json: Record<string, unknown>, where: string): TokenizerJson {
  const { model } = json;
  if (!isObject(model)) throw malformed(where, "no object `model`", "the layout of Hugging Face's tokenizer.json");
  if (!isObject(model.vocab) && !Array.isArray(model.vocab))
    throw malformed(where, "no `model.vocab`", "an object token → id, or a list of [piece, score]");
  const added = json.added_tokens ?? [];
  if (!Array.isArray(added)) throw malformed(where, "`added_tokens` is no list", "a list");
  for (const [i, token] of added.entries()) {
    if (!isObject(token) || typeof token.content !== "string" || token.content === "")
      throw malformed(where, `added_tokens[${i}] has no content`, "{ id, content, special, … }");
    if (typeof token.special !== "boolean") throw malformed(where, `added_tokens[${i}].special`, "true or false");
  }
  const unsafe = findUnsafePart(json);
  if (unsafe) throw malformed(where, printable(unsafe.found).slice(0, 200), unsafe.expected);
  // Files of 2019-2021 (gpt2) have no model.type; a list of scores is Unigram, merges mean BPE.
  const type = model.type ?? (Array.isArray(model.vocab) ? "Unigram" : "merges" in model ? "BPE" : "WordPiece");
  // Padding and truncation saved with a tokenizer would silently cut every text.
  const whole = { ...json, padding: null, truncation: null, added_tokens: added, model: { ...model, type } };
  return whole as unknown as TokenizerJson;
}

const ROLES = ["bos", "eos", "pad", "unk"] as const;
const WELL_KNOWN: Record<(typeof ROLES)[number], string[]> = {
  bos: ["<s>", "<|begin_of_text|>", "<bos>", "[CLS]"],
  eos: ["</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>", "[SEP]"],
  pad: ["<pad>", "<|padding|>", "[PAD]"],
  unk: ["<unk>", "[UNK]"],
};

/** First word wins: tokenizer_config.json, special_tokens_map.json, ids of config.json, then the usual names. A null means "none". */
function findSpecials(
  sides: Record<string, unknown>[],
  model: Record<string, unknown>,
  ids: ReadonlyMap<string, number>,
  tokens: (string | undefined)[],
): Specials {
  const specials: Specials = { bos: undefined, eos: undefined, pad: undefined, unk: undefined };
  for (const role of ROLES) {
    const side = sides.find((candidate) => `${role}_token` in candidate);
    if (side) {
      const value = side[`${role}_token`];
      const content = isObject(value) ? value.content : value;
      if (typeof content === "string") specials[role] = ids.get(content);
      continue;
    }
    const stated = model[`${role}_token_id`];
    const id = Array.isArray(stated) ? stated[0] : stated;
    if (typeof id === "number" && tokens[id] !== undefined) specials[role] = id;
    else {
      const name = WELL_KNOWN[role].find((candidate) => ids.has(candidate));
      if (name !== undefined) specials[role] = ids.get(name);
    }
  }
  return specials;
}

async function readSide(file: string): Promise<Record<string, unknown>> {
  const stats = await stat(file).catch(() => undefined);
  if (!stats?.isFile()) return {};
  return parseObject(await readText(file, MAX_SIDE_FILE), file);
}

function malformed(where: string, found: string, expected: string, cause?: unknown): HeartcutError {
  return new HeartcutError("HC2003", { what: `${basename(where)} is malformed`, where, found, expected }, { cause });
}

function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return `"${printable(short)}"`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
