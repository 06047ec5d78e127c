import { HeartcutError } from "../errors.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { SHARD_INSTANCES } from "./instances.ts";
import type { TextEndOptions } from "./sentence_ends.ts";

/** How documents become instances. Defaults are what the reference does. */
export interface PackOptions extends TextEndOptions {
  /** `packed`: one buffer per source, cut at text ends; `document`: one instance per document, cut off. Default packed. */
  mode?: "packed" | "document";
  /** L: positions the model is trained on; instances have up to L + 1 tokens. */
  contextLength: number;
  /** Whether instances begin with BOS. Default auto: where the tokenizer puts one before a text. */
  bos?: "auto" | boolean;
  /** Special tokens written in a text become those tokens, so that a literal end of text ends a document. Default true. */
  parseEndOfText?: boolean;
  /** See PackerOptions. */
  instanceLimit?: number;
  keepLoneEos?: boolean;
  keepRemainder?: boolean;
  /** Shuffles the instances of each shard. Default true. */
  shuffle?: boolean;
  shardInstances?: number;
  /** Stops once this many instances, or tokens, are packed. */
  maxInstances?: number;
  maxTokens?: number;
  seed: number;
}

/** What became of one source. Tokens count BOS and EOS. */
export interface SourceSummary {
  source: string;
  documents: number;
  /** UTF-8 bytes of its documents. */
  bytes: number;
  instances: number;
  tokens: number;
  /** Left in the buffer at the end and dropped. */
  leftoverTokens: number;
}

/** pack.json */
export interface PackSummary {
  documents: number;
  bytes: number;
  instances: number;
  tokens: number;
  /** Length of the longest instance, in tokens. */
  maxTokens: number;
  leftoverTokens: number;
  /** In order of first appearance. */
  bySource: SourceSummary[];
  skipped: {
    emptyDocuments: number;
    badRows: number;
    /** By the filter: not this pack's business, for the record. */
    filteredOut: number;
    /** Instances without a scored position (nothing but end of text): the reference stops with an assertion at them. */
    unscoredInstances: number;
    singleTokens: number;
    /** Documents that reached instanceLimit, and the tokens dropped with them. */
    documentsCutOff: number;
    tokensOfDocumentsCutOff: number;
  };
  tokenizer: { fingerprint: string; vocabSize: number; eos: number; bos: number | null };
  options: Required<Omit<PackOptions, "bos" | "maxInstances" | "maxTokens">> & {
    maxInstances: number | null;
    maxTokens: number | null;
  };
}

/** The options with their defaults. @throws HeartcutError HC2022 if a number is out of range */
export function resolveOptions(input: PackOptions): PackSummary["options"] {
  const options = {
    mode: input.mode ?? "packed",
    contextLength: input.contextLength,
    parseEndOfText: input.parseEndOfText ?? true,
    brackets: input.brackets ?? "reference",
    cjkStops: input.cjkStops ?? false,
    successor: input.successor ?? "reference",
    instanceLimit: input.instanceLimit ?? 2000,
    keepLoneEos: input.keepLoneEos ?? false,
    keepRemainder: input.keepRemainder ?? false,
    shuffle: input.shuffle ?? true,
    shardInstances: input.shardInstances ?? SHARD_INSTANCES,
    maxInstances: input.maxInstances ?? null,
    maxTokens: input.maxTokens ?? null,
    seed: input.seed,
  } as const;
  const least = { contextLength: 2, instanceLimit: 1, shardInstances: 1, maxInstances: 1, maxTokens: 1 };
  for (const [key, minimum] of Object.entries(least) as [keyof typeof least, number][]) {
    const value = options[key];
    if (value !== null && !(Number.isInteger(value) && value >= minimum))
      throw new HeartcutError("HC2022", {
        what: "a packing option is out of range",
        found: `${key} = ${value}`,
        expected: `a whole number from ${minimum}`,
      });
  }
  return options;
}

/** The tokens that end a document and begin an instance. @throws HeartcutError HC2020 if the tokenizer lacks one */
export function endTokens(tokenizer: Tokenizer, wanted: "auto" | boolean): { eos: number; bos: number | undefined } {
  const { specials, prefix } = tokenizer;
  const { eos } = specials;
  const missing = (name: string) =>
    new HeartcutError("HC2020", {
      what: `the tokenizer has no ${name} token`,
      why: "packed documents are told apart by it",
      fix: `name it in tokenizer_config.json ("${name}_token": "…")${name === "bos" ? ", or set bos: false" : ""}`,
    });
  if (eos === undefined) throw missing("eos");
  if (wanted === false) return { eos, bos: undefined };
  if (wanted === "auto") return { eos, bos: prefix.length > 0 ? (specials.bos ?? prefix[0]) : undefined };
  if (specials.bos === undefined) throw missing("bos");
  return { eos, bos: specials.bos };
}
