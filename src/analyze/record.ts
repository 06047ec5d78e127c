/** A figure of all instances, of the kept and of the dropped; null of an empty part. */
export interface Shift {
  all: number;
  kept: number | null;
  dropped: number | null;
}

/** Lowest and highest of a figure over random selections of as many instances: one more of them lies outside with probability 2 / (draws + 1). */
export type ByChance = [low: number, high: number];

/** analysis.json of one selection: what it did to the corpus. */
export interface SelectionAnalysis {
  selection: string;
  instances: { all: number; kept: number };
  tokens: { all: number; kept: number };
  /** Random selections that the ranges by chance are taken over, and the seed they are drawn with. */
  draws: number;
  seed: number;
  diversity: DiversityFigure[];
  domains: {
    /** Jensen-Shannon divergence in bits and total variation distance between the sources of kept and of all tokens. */
    jensenShannonBits: number;
    totalVariation: number;
    random: { jensenShannonBits: ByChance; totalVariation: ByChance };
    /** Shares of the tokens. */
    bySource: { source: string; shareAll: number; shareKept: number }[];
  };
  /** Tokens of an instance. */
  lengths: {
    mean: Shift;
    median: Shift;
    /** Kolmogorov-Smirnov distance of kept from dropped; null where nothing was dropped. */
    ks: number | null;
  };
  duplicates: {
    /** Jaccard similarity of the shingles from which two instances are near-duplicates. */
    threshold: number;
    /** Tokens of a shingle. */
    shingle: number;
    /** Share of the instances that have a near-duplicate in the same part. */
    share: Shift;
    /** Of the kept, over random selections. */
    random: ByChance;
    /** Share of the kept instances whose near-duplicate was dropped. */
    keptWithDropped: number;
    /** Pairs of near-duplicates, and as many as a random selection has of each in the mean. */
    pairs: PairCounts;
    pairsByChance: PairCounts;
  };
}

/** One measure of diversity before and after. */
export interface DiversityFigure {
  /** As docs/analysis.md defines it. */
  measure: string;
  unit: string;
  higherIsMoreDiverse: boolean;
  /** Mean over random selections: what so large a sample of the whole corpus gives. */
  all: number;
  kept: number;
  random: ByChance;
  /** How much each figure was taken on. */
  sample: { size: number; of: "instances" | "tokens" };
}

/** Whether a selection is more or less diverse than all random ones, or among them. */
export function besideChance({
  kept,
  random: [low, high],
  higherIsMoreDiverse,
}: Pick<DiversityFigure, "kept" | "random" | "higherIsMoreDiverse">): "more" | "less" | "among" {
  if (kept >= low && kept <= high) return "among";
  return kept > high === higherIsMoreDiverse ? "more" : "less";
}

/** How many figures of diversity of one more random selection lie outside all others, in the mean. */
export function outsideByChance({ diversity, draws }: Pick<SelectionAnalysis, "diversity" | "draws">): number {
  return (2 * diversity.length) / (draws + 1);
}

/** Pairs by the parts their instances are in. */
export interface PairCounts {
  keptKept: number;
  droppedDropped: number;
  mixed: number;
}

/** near_duplicates.json: how the near-duplicates of a folder of instances were looked for, and at what cost. */
export interface NearDuplicatesSummary {
  instances: number;
  threshold: number;
  shingle: number;
  /** MinHash permutations, what they are drawn with, and the bands and rows they are cut into. */
  permutations: number;
  seed: number;
  bands: number;
  rows: number;
  /** Probability that a pair at the threshold shares a band, so that it is compared. */
  recallAtThreshold: number;
  /** Instances that repeat an earlier one token by token. */
  exactRepeats: number;
  /** Pairs of other instances that shared a band and were compared, and those at or above the threshold. */
  compared: number;
  pairs: number;
  /** Pairs of overfull buckets left out, once a band: the figures are lower bounds where it is not 0. */
  notCompared: number;
}

/** A cheap scorer against the exact one over the same instances. */
export interface ScorerAudit {
  cheap: string;
  exact: string;
  instances: number;
  /** null where one of the scores does not vary. */
  spearman: number | null;
  /** Share of the exact selection that the cheap one keeps too, at each ratio; chance is the ratio. */
  overlap: { ratio: number; shared: number }[];
  /** Held-out loss of a student on the cheap selection minus that on the exact one, where both were trained. */
  regret: Regret[];
}

/** What a student lost by a cheap selection on one held-out set, in nats per token unless a unit is given. */
export interface Regret {
  set: string;
  cheapStudent: string;
  exactStudent: string;
  /** Above 0: the cheap selection is worse. */
  difference: number;
  /** Of the paired comparison in evaluation.json; null where it has none of these two. */
  interval: [number, number] | null;
  unit?: "bits_per_byte";
}

/** How well scores separate documents that people marked good from bad. */
export interface LabelAudit {
  /** Source that was looked at; "all" where none was named. */
  source: string;
  /** Values of the label that count as good, and as bad. */
  good: { label: string; documents: number };
  bad: { label: string; documents: number };
  /** Labelled documents without a scored instance: packing dropped them, or nothing of them was scored. */
  unscored: number;
  resamples: number;
  scores: {
    /** difference, -nll_teacher (low perplexity), … */
    score: string;
    /** Probability that a good document scores above a bad one, ties as half. */
    auroc: number;
    /** 95 % bootstrap over documents. */
    interval: [number, number];
  }[];
  /** Of the first score against each other one, on the same resamples. */
  comparisons: {
    a: string;
    b: string;
    /** AUROC of a minus that of b. */
    difference: number;
    interval: [number, number];
  }[];
}
