/** One line of metrics.jsonl. Losses in nats per token. */
export type MetricsLine =
  | {
      type: "train";
      step: number;
      /** Label positions computed so far, scored or not: what a training's budget of tokens counts too. */
      tokens: number;
      /** Training FLOPs spent so far. */
      flops: number;
      loss: number;
      learning_rate: number;
      /** Global L2 norm of the gradient before clipping. */
      grad_norm: number;
    }
  | {
      type: "eval";
      step: number;
      tokens: number;
      flops: number;
      /** Name of the held-out set. */
      set: string;
      /** Mean over instances of the per-instance mean NLL. */
      loss: number;
    };

/** training.json beside a trained model: what it was and what it cost. */
export interface TrainingSummary {
  model: string;
  parameters: number;
  /** Parameters that are not embedding tables. */
  nonEmbeddingParameters: number;
  steps: number;
  /** Label positions computed, scored or not. */
  tokens: number;
  flops: number;
  data: string;
  seed: number;
  finalLoss: number;
  /** Hash of model, data, settings and measurements: the same training need not be done again. */
  fingerprint: string;
  /** The files of the weights, by which it is seen whether they are still whole. */
  weights: { name: string; bytes: number; sha256: string }[];
}
