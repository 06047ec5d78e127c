/** One raw text with its origin. */
export interface Document {
  /** Unique within its corpus; `<file>:<row>` where the input names none. */
  id: string;
  text: string;
  /** Domain the packer keeps apart and the report counts by; "unknown" where the input names none. */
  source: string;
  /** Further string columns the recipe asked to carry, e.g. { quality: "high" }. */
  tags: Record<string, string>;
}

/** One packed training instance: the tokens of one or more documents of one source. */
export interface Instance {
  /** Up to L+1 token ids (input and shifted label share them). */
  tokens: Int32Array;
  source: string;
  /** Ids of the documents that gave its first and last token. */
  firstDocument: string;
  lastDocument: string;
}

/** One row of instances.parquet, in the order of the .bin/.idx items. */
export interface InstanceRow {
  instance: number;
  tokens: number;
  source: string;
  first_document: string;
  last_document: string;
}

/**
 * Read access to a folder of packed instances (data_0.bin/.idx … and instances.parquet).
 * Instances are numbered through all shards, 0 … length-1.
 */
export interface InstanceReader {
  readonly folder: string;
  readonly length: number;
  /** Length of the longest instance, in tokens. */
  readonly maxTokens: number;
  readonly totalTokens: number;
  /** Number of tokens of instance i, without reading them. */
  size(i: number): number;
  /** The token ids of instance i: a fresh array. Reads a few kilobytes, synchronously. */
  read(i: number): Int32Array;
  /** All rows of instances.parquet. */
  rows(): Promise<InstanceRow[]>;
  close(): void;
}
