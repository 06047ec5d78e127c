/** What happens to tokens that do not fit into the converted instance: dropped, as the reference does, or carried into further ones. */
export type Overflow = "drop" | "carry";

/** One row of convert.parquet: where a converted instance comes from and what it lost. */
export interface ConvertRow {
  instance: number;
  /** Number of the instance it was made from. */
  origin: number;
  /** 0 for the first instance made from its origin; with `carry` the others follow as 1, 2, … */
  piece: number;
  /** Tokens cut off at its end. */
  lost_tokens: number;
  /** Documents of its origin that hold a token, and those whose text could not be kept byte for byte; on its first piece, else 0. */
  documents: number;
  altered_documents: number;
}

/** convert.json: a folder of instances in the tokens of another tokenizer. */
export interface ConvertSummary {
  /** What was converted; `madeBy` is the fingerprint of the tokenizer that its own record names, null where there is none. */
  source: { fingerprint: string; instances: number; tokens: number; madeBy: string | null };
  /** The tokenizer of the source. */
  from: { fingerprint: string; eos: number; bos: number | null };
  /** The tokenizer of this folder; the key is that of pack.json. */
  tokenizer: { fingerprint: string; vocabSize: number; eos: number; bos: number | null };
  options: { contextLength: number; overflow: Overflow; parseSpecials: boolean };
  instances: number;
  tokens: number;
  /** Length of the longest instance, in tokens. */
  maxTokens: number;
  /** Documents and pieces of documents that were encoded anew; empty ones do not count. */
  documents: number;
  /** Of these, how many could not be kept byte for byte: a character cut off by a window, text the new tokenizer does not know. */
  alteredDocuments: number;
  /** Instances that lost their end, and the tokens lost with it. */
  truncatedInstances: number;
  lostTokens: number;
  /** Instances that became several. */
  splitInstances: number;
  /** Instances in which nothing is asked of a model: they hold nothing but end of text. */
  unscoredInstances: number;
}
