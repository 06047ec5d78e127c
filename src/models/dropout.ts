import type { TypedArray } from "../graph/dtype.ts";
import { cast, mul, scale } from "../graph/ops/index.ts";
import { input, type Value } from "../graph/value.ts";
import type { Random } from "../random.ts";

/** Drops elements of x in training. `site` names the place in the model: one mask each, also where a layer is recomputed. */
export type Dropout = (x: Value, site: string) => Value;

/**
 * Inverted dropout whose masks are fed: drawn outside the graph, they are a function of seed and step alone, the same on
 * every device and after a resume. The rate is a multiple of 1/256, so that one random byte decides an element.
 * Source: Srivastava et al. 2014, JMLR 15.
 */
export class DropoutMasks {
  /** Bytes below it drop. */
  private readonly threshold: number;
  private readonly sites = new Map<string, { mask: Value; size: number }>();

  /** @param rate - share of the elements that is dropped, from 0 to below 1; from 255/256 on one in 256 is kept */
  constructor(rate: number) {
    // A rate that rounded up to 1 would drop everything, and scale what is left by infinity.
    this.threshold = Math.min(255, Math.round(rate * 256));
  }

  /** Puts dropout on a value; the identity at rate 0. */
  readonly apply: Dropout = (x, site) => {
    if (this.threshold === 0) return x;
    let known = this.sites.get(site);
    if (known === undefined) {
      known = { mask: input(`dropout.${site}`, "uint8", x.shape), size: x.shape.reduce((n, m) => n * m, 1) };
      this.sites.set(site, known);
    }
    return mul(x, scale(cast(known.mask, x.dtype), 256 / (256 - this.threshold)));
  };

  /** Fresh masks for one run of the graph. */
  feeds(random: Random): Record<string, TypedArray> {
    const feeds: Record<string, TypedArray> = {};
    for (const [site, { size }] of this.sites) {
      const words = new Uint32Array(Math.ceil(size / 4));
      for (let i = 0; i < words.length; i++) words[i] = random.uint32();
      const mask = new Uint8Array(words.buffer, 0, size);
      for (let i = 0; i < size; i++) mask[i] = mask[i]! < this.threshold ? 0 : 1;
      feeds[`dropout.${site}`] = mask;
    }
    return feeds;
  }
}
