import type { EosIds } from "../models/loss_mask.ts";

/**
 * What scoring needs of a model, and nothing more: an engine, a server or a deterministic fake can stand behind it.
 * Sequences may differ in length; those of similar length together run fastest, so the caller buckets them.
 */
export interface TokenNllModel {
  /**
   * For each sequence of n ids the n-1 values -log p(ids[t+1] | ids[0..t]), in nats; in the order given.
   * @param options.eosId - where given, only ids of the same document are seen: those behind the last EOS among ids[0..t-1]
   */
  tokenNll(sequences: readonly Int32Array[], options?: { eosId?: EosIds | undefined }): Promise<Float32Array[]>;
}
