export interface Schedule {
  /** Peak learning rate. */
  readonly learningRate: number;
  /** Rate at the last step. */
  readonly minLearningRate: number;
  /** Steps of linear warm-up. */
  readonly warmupSteps: number;
}

/** Linear warm-up to the peak, then half a cosine down to the minimum; `step` counts from 0. */
export function learningRateAt(
  { learningRate, minLearningRate, warmupSteps }: Schedule,
  step: number,
  totalSteps: number,
): number {
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return minLearningRate + 0.5 * (learningRate - minLearningRate) * (1 + Math.cos(Math.PI * progress));
}
