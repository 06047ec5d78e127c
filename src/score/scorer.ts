/**
 * What scoring needs of a model, and nothing more: an engine, a server or a deterministic fake can stand behind it.
 * Sequences may differ in length; those of similar length together run fastest, so the caller buckets them.
 */
export interface TokenNllModel {
  /** For each sequence of n ids the n-1 values -log p(ids[t+1] | ids[0..t]), in nats; in the order given. */
  tokenNll(sequences: readonly Int32Array[]): Promise<Float32Array[]>;
}
