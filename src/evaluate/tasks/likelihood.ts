import type { AskedSequence } from "../../models/branches.ts";

export type { AskedSequence };

/** What a model says to one sequence. */
export interface Likelihood {
  /** Sum of log p over the ids asked for, nats. */
  readonly logLikelihood: number;
  /** Whether each of them is the likeliest one at its place, so that greedy decoding would write them. */
  readonly greedy: boolean;
}

/** A causal model as tasks ask it. */
export interface LikelihoodModel {
  readonly vocabSize: number;
  /** Longest sequence the model reads, in tokens: one more can be asked for. */
  readonly maxPositions: number;
  /**
   * @param groups - sequences of one group may share their beginning, which is then computed once
   * @param signal - stops between batches: throws Interrupted
   * @param onRead - told after each batch how many sequences have been read so far
   * @returns in the order given, whatever the batches
   */
  likelihoods(
    groups: readonly (readonly AskedSequence[])[],
    signal?: AbortSignal,
    onRead?: (sequences: number) => void,
  ): Promise<Likelihood[][]>;
}
