/** Timed batches below which their spread says little. */
const FEW_BATCHES = 5;

/** What makes a measurement of this machine less than it looks, in sentences. @param load - mean of processes that wanted to run, before it */
export function measurementWarnings({
  batches,
  load,
  cores,
}: {
  readonly batches: number;
  readonly load: number;
  readonly cores: number;
}): string[] {
  return [
    ...(batches < FEW_BATCHES
      ? [
          `only ${batches} ${batches === 1 ? "batch" : "batches"} of each kind timed: their spread says little of other batches; give --batches 20`,
        ]
      : []),
    ...(load > cores
      ? [
          `the machine is busy: ${load.toFixed(1)} processes for ${cores} ${cores === 1 ? "core" : "cores"} before the measurement; on an idle one the recipe takes less time`,
        ]
      : []),
  ];
}
