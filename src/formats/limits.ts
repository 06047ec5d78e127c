/** Budgets for untrusted bytes: a reader stops with HC1006 instead of growing past one. All can be raised per call. */
export interface Limits {
  /** Longest safetensors header, in bytes. */
  safetensorsHeaderBytes: number;
  /** Most tensors of one safetensors file. */
  safetensorsTensors: number;
  /** Most shards named by one model.safetensors.index.json. */
  safetensorsShards: number;
  /** Longest JSON document (config.json, shard index), in bytes. */
  jsonBytes: number;
  /** Deepest nesting of a JSON document. */
  jsonDepth: number;
  /** Longest line of a JSONL file, in bytes. */
  jsonlLineBytes: number;
  /** Largest manifest.jsonl, in bytes. */
  manifestBytes: number;
  /** Most sequences of one .idx file. */
  indexSequences: number;
  /** Most documents of one .idx file. */
  indexDocuments: number;
  /** Most shards of one folder of indexed data. */
  indexShards: number;
  /** Most rows that one Parquet read returns. */
  parquetRows: number;
  /** Longest Parquet footer, in bytes. */
  parquetFooterBytes: number;
}

/** The defaults; header, tensor and shard budgets are those of the Hugging Face JavaScript readers, the rest is sized for one machine. */
export const defaultLimits: Readonly<Limits> = {
  safetensorsHeaderBytes: 25_000_000,
  safetensorsTensors: 200_000,
  safetensorsShards: 10_000,
  jsonBytes: 25_000_000,
  jsonDepth: 64,
  jsonlLineBytes: 64 * 2 ** 20,
  manifestBytes: 256 * 2 ** 20,
  indexSequences: 200_000_000,
  indexDocuments: 200_000_000,
  indexShards: 100_000,
  parquetRows: 500_000_000,
  parquetFooterBytes: 256 * 2 ** 20,
};

/** The defaults with the caller's own values laid over them. */
export function withLimits(own: Partial<Limits> | undefined): Limits {
  return { ...defaultLimits, ...own };
}
