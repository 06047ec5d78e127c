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
}

/** evaluation.json */
export interface Evaluation {
  losses: HeldOutLoss[];
  comparisons: PairedComparison[];
}
