import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { HeartcutError } from "../errors.ts";
import { isMissing } from "../formats/file_system.ts";
import type { DocumentMarks } from "../tokenizers/documents.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { CONVERT_SUMMARY, tokenizerOfInstances } from "./convert_files.ts";
import type { Overflow } from "./convert_record.ts";
import { endTokens } from "./pack_options.ts";
import type { InstanceReader } from "./record.ts";

/** Part of the fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "convert-1";

/** Input of the conversion. Defaults are what the reference does. */
export interface ConvertInput {
  /** Folder of instances, and the tokenizer that made them. */
  instances: string;
  from: Tokenizer;
  to: Tokenizer;
  /** Where data_N.bin/.idx, instances.parquet, convert.parquet and convert.json go. */
  folder: string;
  /** L: an instance has up to L + 1 tokens. Default: that of the longest instance of the source. */
  contextLength?: number | undefined;
  /** Default drop. */
  overflow?: Overflow | undefined;
  /** Whether the new instances begin with BOS. Default auto: where the new tokenizer puts one before a text. */
  bos?: "auto" | boolean | undefined;
  /** Special tokens of the new tokenizer written in a text become those tokens. Default true. */
  parseSpecials?: boolean | undefined;
  /** Source instances per shard: what a kill can cost. Default 4096. */
  shardInstances?: number | undefined;
}

/** What a conversion does, all defaults filled in. */
export interface Plan {
  from: Tokenizer;
  to: Tokenizer;
  old: DocumentMarks;
  marks: DocumentMarks;
  /** Tokens of a full instance. */
  chunkLength: number;
  overflow: Overflow;
  parseSpecials: boolean;
  shardInstances: number;
  vocabSize: number;
  madeBy: string | null;
  /** All that decides the bytes of a shard, beside its tokens. */
  settings: readonly unknown[];
}

/** Settles the options and holds the tokenizer against the one that made the instances.
 * @throws HeartcutError HC2020, HC2101, HC2103 */
export async function planOf(input: ConvertInput, source: InstanceReader): Promise<Plan> {
  const { from, to, instances, overflow = "drop", parseSpecials = true, shardInstances = 4096 } = input;
  const made = await tokenizerOfInstances(instances);
  if (made !== undefined && made.fingerprint !== from.fingerprint) {
    throw new HeartcutError("HC2101", {
      what: "these instances were made with another tokenizer",
      where: instances,
      found: `tokenizer ${made.fingerprint.slice(0, 12)}`,
      expected: `${from.fingerprint.slice(0, 12)}, the one they are to be decoded with`,
      why: "ids of one tokenizer are other text in another",
      fix: "name the tokenizer that packed them with --from",
    });
  }
  const old = endTokens(from, made === undefined ? "auto" : made.bos !== null);
  const marks = endTokens(to, input.bos ?? "auto");
  const contextLength = input.contextLength ?? source.maxTokens - 1;
  for (const [name, value, least] of [
    ["contextLength", contextLength, 2],
    ["shardInstances", shardInstances, 1],
  ] as const) {
    if (Number.isInteger(value) && value >= least) continue;
    throw new HeartcutError("HC2103", {
      what: "an option of the conversion is out of range",
      found: `${name} = ${value}`,
      expected: `a whole number from ${least}`,
      fix: name === "contextLength" ? "set the length of the new instances" : "leave it out",
    });
  }
  const chunkLength = contextLength + 1;
  const tokenizers = [from, to].map((tokenizer) => tokenizer.fingerprint);
  const settings = [CODE_VERSION, ...tokenizers, old, marks, chunkLength, overflow, parseSpecials, shardInstances];
  const { vocabSize } = to;
  const madeBy = made?.fingerprint ?? null;
  return { from, to, old, marks, chunkLength, overflow, parseSpecials, shardInstances, vocabSize, madeBy, settings };
}

/** The folder is replaced as a whole, so it must be new, empty, or an earlier conversion. @throws HeartcutError HC2104 */
export async function requireOwnFolder({ folder, instances }: ConvertInput): Promise<void> {
  const refuse = (found: string) => {
    throw new HeartcutError("HC2104", {
      what: "the converted instances would be written over something else",
      where: folder,
      found,
      fix: "choose a new folder with --output",
    });
  };
  if (resolve(folder) === resolve(instances)) refuse("the instances that are converted");
  const names = await readdir(folder).catch((error: unknown): string[] => {
    if (isMissing(error)) return [];
    throw error;
  });
  if (names.length > 0 && !names.includes(CONVERT_SUMMARY)) refuse(names.slice(0, 3).join(", "));
}

/** Refuses ids outside the vocabulary. @throws HeartcutError HC2102 */
export function checkIds(tokens: Int32Array, vocabSize: number, where: string): void {
  const id = tokens.find((each) => each < 0 || each >= vocabSize);
  if (id === undefined) return;
  throw new HeartcutError("HC2102", {
    what: "an instance holds a token id its tokenizer does not have",
    where,
    found: `id ${id}`,
    expected: `0 … ${vocabSize - 1}`,
    fix: "name the tokenizer that packed these instances",
  });
}

/** SHA-256 of settings, as the fingerprint of what follows from them. */
export function hashOf(parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
