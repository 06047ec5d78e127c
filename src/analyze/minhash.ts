import { Random } from "../random.ts";
import { mix32, shingleCount, shingleHash } from "./shingles.ts";

/** A pair at the threshold is to share a band with at least this probability. */
const WANTED_RECALL = 0.99;

/** How the permutations are cut: `bands` of `rows` each. */
export interface Banding {
  bands: number;
  rows: number;
  /** Probability that a pair at the threshold shares a band. */
  recallAtThreshold: number;
}

/** The longest bands, which compare the fewest pairs, that still find a pair at the threshold with a probability of 0.99.
 * A pair of similarity s shares one of b bands of r rows with probability 1 - (1 - s^r)^b.
 * Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4 */
export function bandingFor(threshold: number, permutations: number): Banding {
  for (let rows = permutations; rows >= 1; rows--) {
    const bands = Math.floor(permutations / rows);
    const recallAtThreshold = 1 - (1 - threshold ** rows) ** bands;
    if (recallAtThreshold >= WANTED_RECALL || rows === 1) return { bands, rows, recallAtThreshold };
  }
  return { bands: 1, rows: 1, recallAtThreshold: threshold };
}

/** MinHash: for each of so many seeded permutations of the 32-bit numbers the smallest image of an instance's shingles. The share
 * of equal places of two signatures estimates their Jaccard similarity with standard error sqrt(J (1 - J) / permutations).
 * Source: Broder 1997 */
export class MinHash {
  private readonly xor: Int32Array;
  private readonly factor: Int32Array;

  constructor(
    readonly permutations: number,
    readonly shingle: number,
    seed: number,
  ) {
    const random = new Random(seed, "analyze/minhash");
    this.xor = Int32Array.from({ length: permutations }, () => random.uint32() | 0);
    // Odd factors make each map a permutation.
    this.factor = Int32Array.from({ length: permutations }, () => random.uint32() | 1);
  }

  /** Signature of an instance, uint32[permutations]; all ones for one without tokens. */
  signature(tokens: Int32Array): Uint32Array {
    const { permutations, shingle, xor, factor } = this;
    const smallest = new Uint32Array(permutations).fill(0xffffffff);
    const count = shingleCount(tokens.length, shingle);
    for (let s = 0; s < count; s++) {
      const x = shingleHash(tokens, s, shingle);
      for (let p = 0; p < permutations; p++) {
        const product = Math.imul(x ^ xor[p]!, factor[p]!);
        const image = (product ^ (product >>> 15)) >>> 0;
        if (image < smallest[p]!) smallest[p] = image;
      }
    }
    return smallest;
  }
}

/** One 32-bit key for a band of a signature: equal bands have equal keys. */
export function bandKey(signature: Uint32Array, band: number, rows: number): number {
  let key = mix32(band + 1);
  for (let p = band * rows; p < (band + 1) * rows; p++) key = mix32(Math.imul(key, 0x01000193) ^ signature[p]!);
  return key;
}
