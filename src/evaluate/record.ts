/** Held-out LM loss of one model on one set: mean over instances of per-instance mean NLL, in nats per token. */
export interface HeldOutLoss {
  model: string;
  set: string;
  loss: number;
  /** 95 % bootstrap interval over instances. */
  interval: [number, number];
  instances: number;
  tokens: number;
  bySource: { source: string; loss: number; instances: number }[];
  /** Per-instance means, in instance order: what paired tests need. */
  perInstance: number[];
  /** The same NLLs over the bytes of their text, where those were counted: compares students of different tokenizers. */
  bitsPerByte?: BitsPerByteLoss;
}

/** Held-out loss in bits per byte: sum of the NLLs over the bytes of the scored targets, over the whole set. */
export interface BitsPerByteLoss {
  loss: number;
  /** 95 % bootstrap interval over instances. */
  interval: [number, number];
  /** UTF-8 bytes of the scored targets. */
  bytes: number;
}

/** Two students on the same instances: mean of the per-instance differences (b - a) with a paired bootstrap interval. */
export interface PairedComparison {
  set: string;
  a: string;
  b: string;
  difference: number;
  interval: [number, number];
  /** Share of the instances on which a has the lower loss. */
  aBetter: number;
  /** Where a and b read different tokens: differences are of each text's bits per byte, not of nats per token. */
  unit?: "bits_per_byte";
}

/** Training compute and tokens up to a moment of training. */
export interface Spent {
  flops: number;
  tokens: number;
}

/** Two students on one set at equal loss: what the one that ends lower had spent when it reached the other's final loss. */
export interface ComputeSaved {
  set: string;
  /** The student with the lower final loss, whichever of the two it is, and the other one. */
  better: string;
  other: string;
  /** The other's final loss, in nats per token. */
  targetLoss: number;
  /** What the other spent in all, and what the better one had spent when it was there. */
  spent: { better: Spent; other: Spent };
  /** 1 - the better one's FLOPs / the other's; negative if it took more. */
  savedFlops: number;
  savedTokens: number;
  /** Where the better student was there by its first measurement: it saved at least this much. */
  bound?: true | undefined;
  /** Seeds whose curves were averaged. */
  seeds: { better: number; other: number };
  /** The result in a sentence. */
  statement: string;
}

/** A loss over seeds: the mean, with a 95 % t interval where there are two or more. */
export interface SeededLoss {
  loss: number;
  interval?: [number, number];
  /** Each with its 95 % bootstrap interval over instances. */
  seeds: { seed: number; loss: number; interval: [number, number] }[];
}

/** One student over its seeds. */
export interface SeedSummary extends SeededLoss {
  name: string;
  set: string;
  /** The same in bits per byte, where the bytes of every seed were counted. */
  bitsPerByte?: SeededLoss;
}

/** Two students over their seeds: the mean of the seed differences (b - a), and each pair of seeds alone. */
export interface SeededComparison extends PairedComparison {
  /** What the interval covers: other seeds, or (one pair of seeds only) other instances. */
  intervalOver: "seeds" | "instances";
  seeds: PairedSeed[];
  /** Two-sided p of the paired t test over seeds; absent for one pair, or pairs that all differ equally. */
  p?: number;
  /** The same adjusted by Holm over the students compared with one baseline on this set, or over all pairs of the set where there is none. */
  pHolm?: number;
}

/** One row of a seeded comparison. */
export interface PairedSeed {
  seedA: number;
  seedB: number;
  difference: number;
  interval: [number, number];
  aBetter: number;
}

/** evaluation.json, as far as readers of every version know it. */
export interface Evaluation {
  /** Of every student; then, for context, of the teacher and the reference under these names. */
  losses: HeldOutLoss[];
  comparisons: PairedComparison[];
  /** For the pairs of students whose trainings were measured. */
  computeSaved: ComputeSaved[];
}

/** evaluation.json as the evaluation writes it: the same over seeds, too. */
export interface EvaluationResult extends Evaluation {
  students: SeedSummary[];
  seeded: SeededComparison[];
}
