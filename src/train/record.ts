import type { AdamWOptions } from "./adamw.ts";
import type { PairLimits } from "./answer.ts";
import type { DistillationSettings } from "./distillation/settings.ts";
import type { Objective } from "./objective/objective.ts";
import type { LossName } from "./objective/term.ts";
import type { FineTuneSchedule } from "./schedule.ts";
import type { TrainingCounts } from "./training_set.ts";

/** Losses of pre-training, each as the mean over its own positions of the batch, unweighted; nats but for matched states. */
export interface CausalLosses {
  /** Likelihood of the text. */
  lm: number;
  /** Distance to the teacher, the teacher's own entropy at the same positions, and the KL between the two. */
  kd?: number | undefined;
  teacher_entropy?: number | undefined;
  kl?: number | undefined;
  hidden?: number | undefined;
  attention?: number | undefined;
}

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
      /** With a teacher: the losses that `loss` is made of. */
      losses?: CausalLosses;
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
    }
  | ({ type: "task"; step: number; tokens: number; flops: number } & TaskPoint);

/** What a model in training made of a few questions of a task. */
export interface TaskPoint {
  task: string;
  metric: string;
  value: number;
  /** Questions asked: too few for a result of the task. */
  items: number;
}

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
  /** What of a teacher was learned; absent for the plain language-modelling loss. */
  distillation?: DistillationSettings & { readonly teacher: "online" | "stored" };
  /** Hash of model, data, settings and measurements: the same training need not be done again. */
  fingerprint: string;
  /** The files of the weights, by which it is seen whether they are still whole. */
  weights: { name: string; bytes: number; sha256: string }[];
}

/** One line of metrics.jsonl of a fine-tuning. Losses in nats (attribution: 1 - cosine), each as the mean over its units. */
export type FineTuneLine =
  | {
      type: "train";
      step: number;
      /** Label examples seen so far. */
      examples: number;
      /** Input and target tokens computed so far, padding not counted. */
      tokens: number;
      /** Training FLOPs spent so far on the likelihood of targets. */
      flops: number;
      /** What was minimised: the weighted sum. */
      loss: number;
      /** Each loss that is on, unweighted. */
      losses: Partial<Record<LossName, number>>;
      learning_rate: number;
      /** Global L2 norm of the gradient before clipping. */
      grad_norm: number;
    }
  | {
      type: "eval";
      step: number;
      split: "validation";
      accuracy: number;
      /** NLL of the answers' tokens, mean over tokens; behind the rationale where the layout writes it first and there is one. */
      loss: number;
    };

/** How a model in fine-tuning did on the validation split at one step. */
export interface Evaluation {
  step: number;
  accuracy: number;
  loss: number;
}

/** Settings of a fine-tuning, defaults written out. */
export interface FineTuneSettings {
  batch: { examples: number; places: number };
  optimizer: FineTuneSchedule & AdamWOptions;
  limits: PairLimits;
  evalEvery: number;
  /** First examples of the validation split that were used; null: all. */
  validationExamples: number | null;
  /** Evaluations without a better one that end a training; null: none do. */
  patience: number | null;
}

/** training.json of a fine-tuned model. */
export interface FineTuneSummary {
  model: string;
  parameters: number;
  task: string;
  objective: Objective;
  settings: FineTuneSettings;
  seed: number;
  /** Steps done, and the step whose weights these are: the best one on the validation split, the earlier of equals. */
  steps: number;
  best: Evaluation;
  last: Evaluation;
  examples: number;
  tokens: number;
  flops: number;
  finalLoss: number;
  data: TrainingCounts;
  /** Hash of model, data, settings and measurements: the same training need not be done again. */
  fingerprint: string;
  weights: { name: string; bytes: number; sha256: string }[];
}
