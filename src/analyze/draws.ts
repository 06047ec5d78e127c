import { extent } from "d3-array";
import { Random } from "../random.ts";
import type { ByChance } from "./record.ts";

/** All instances in a random order: its first k are a random selection of k, and their first m a random sample of that.
 * @param draw - number of the draw */
export function drawnOrder(instances: number, seed: number, draw: number): Int32Array {
  return new Random(seed, `analyze/draw-${draw}`).permutation(instances);
}

/** The kept instances in a random order, so that samples of them are drawn as those of the random selections. */
export function keptOrder(kept: Int32Array, seed: number): Int32Array {
  return new Random(seed, "analyze/kept").permutation(kept.length).map((at) => kept[at]!);
}

/** Lowest and highest. @param values - at least one */
export function byChance(values: readonly number[]): ByChance {
  return extent(values) as ByChance;
}
