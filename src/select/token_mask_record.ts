/** Over what the top share of the tokens is taken: the whole corpus, or each instance by itself. */
export type TokenMaskScope = "corpus" | "instance";

/** One row of token_mask.parquet: the bits of one instance. */
export interface TokenMaskRow {
  /** Number in the folder of instances the mask is for. */
  instance: number;
  /** Label positions: its tokens less one. The instance takes ceil(positions / 8) bytes of token_mask.bin. */
  positions: number;
  /** Positions that were scored, and those of them that are kept. */
  scored: number;
  kept: number;
}

/** token_mask.json: which label positions a student's loss counts. */
export interface TokenMaskSummary {
  /** Fingerprint of the instances the mask is for. */
  corpus: string;
  teacher: string;
  reference: string;
  /** Share of the scored positions asked for, and over what. */
  share: number;
  scope: TokenMaskScope;
  instances: number;
  positions: number;
  scored: number;
  kept: number;
  /** Instances without a kept position: nothing of them is learned. */
  emptyInstances: number;
  /** Excess loss in nats of the last kept position, where one cut goes through the corpus. */
  threshold: number | null;
  /** Mean excess loss of the kept and of all scored positions, in nats. */
  meanExcess: { kept: number; all: number };
}
