/** The likeliest next tokens of a teacher at every label position of one sequence of n ids. */
export interface TopLogProbs {
  /** Ids by falling probability, int32 [n-1, k]. */
  readonly ids: Int32Array;
  /** Their natural log-probabilities under the whole vocabulary, float32 [n-1, k]. */
  readonly logProbs: Float32Array;
}
