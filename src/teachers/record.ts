import type { TopLogProbs } from "../distill/record.ts";
import type { EosIds } from "../models/loss_mask.ts";

/**
 * A causal teacher, whatever stands behind it: weights in this process, a GGUF file, a server, an exported graph.
 * Sequences are token ids of the teacher's own tokenizer; answers come in the order asked.
 */
export interface Teacher {
  /** For messages, lineage and reports: a folder, a file, a server and its model. Never a secret. */
  readonly name: string;
  /** Hash of all that decides its values, as far as it can be known; part of every record made with it. */
  readonly fingerprint: string;
  /** Ids from here on are refused. */
  readonly vocabSize: number;
  /** Longest sequence it can answer for, in tokens. */
  readonly maxTokens: number;
  /**
   * -log p(ids[t+1] | ids[0..t]) in nats: n-1 values for each sequence of n ids.
   * @param options.eosId - packed documents do not see each other; backends that cannot do it refuse
   */
  tokenNll(sequences: readonly Int32Array[], options?: { eosId?: EosIds | undefined }): Promise<Float32Array[]>;
  /** The k likeliest ids at each of the n-1 places; undefined where the backend gives none. */
  topLogProbs?(
    sequences: readonly Int32Array[],
    options: { k: number; eosId?: EosIds | undefined },
  ): Promise<TopLogProbs[]>;
  /** FLOPs of a forward pass per token at context length T; undefined where the size of the model is not known. */
  flopsPerToken?(T: number): number;
  dispose(): Promise<void>;
}
