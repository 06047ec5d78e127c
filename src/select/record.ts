/** How instances are chosen. `difference` is Difference Sampling; the rest are its baselines. */
export type SelectionMethod = "difference" | "random" | "lowest_perplexity" | "highest_perplexity" | "all";

/** One row of selection.parquet: a kept instance, in corpus order. */
export interface SelectionRow {
  instance: number;
  tokens: number;
  source: string;
  nll_teacher: number;
  nll_reference: number;
  difference: number;
}

/** selection.json: what was asked for and what came out. */
export interface SelectionSummary {
  name: string;
  method: SelectionMethod;
  /** Share of the instances asked for, where a ratio was asked for. */
  ratio?: number;
  /** Score of the last kept and of the first dropped instance, where the method ranks by a score. */
  threshold?: { lastKept: number; firstDropped: number };
  instances: { kept: number; total: number };
  tokens: { kept: number; total: number };
  bySource: {
    source: string;
    kept: number;
    total: number;
    keptTokens: number;
    totalTokens: number;
    meanDifference: number;
  }[];
  /** Mean difference of the kept, of the dropped and of all. */
  meanDifference: { kept: number; dropped: number; all: number };
  /** Against a selection of the same size by chance: audit figures. */
  audit: { name: string; value: number; note: string }[];
}

/** statistics.json: the distribution of a score as the method's reference code reports it. */
export interface ScoreStatistics {
  score: string;
  count: number;
  min: number;
  max: number;
  mean: number;
  /** Population standard deviation. */
  std: number;
  /** Quantiles by linear interpolation, keys "0.01" … "0.99". */
  quantiles: Record<string, number>;
  /** Equal-width bins from min to max: edges has one more entry than counts. */
  histogram: { edges: number[]; counts: number[]; density: number[]; cumulative: number[] };
  /** Pearson correlation of the two models' mean NLLs. */
  correlation?: number;
}
