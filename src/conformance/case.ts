/** Outcome of one golden case. */
export interface CaseResult {
  /** Kind and name, e.g. "indexed_dataset/megatron/uint16". */
  name: string;
  passed: boolean;
  /** Largest absolute error found (0 for exact comparisons that hold). */
  largestError: number;
  /** The tolerance it was held against, or what differed. */
  note: string;
}

/** Folders the goldens lie in. */
export interface GoldenFolders {
  /** Laid out as shared/fixtures. */
  fixtures: string;
  /** Laid out as shared/data: corpora, tokenizers, weights. */
  data: string;
}

/**
 * Runs every case of one kind that is found under the folders, one result after the other.
 * Throws only when a fixture itself cannot be read; a wrong value is a failed result.
 */
export type GoldenKind = (folders: GoldenFolders) => AsyncIterable<CaseResult>;
