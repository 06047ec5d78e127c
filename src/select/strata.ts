import { Random } from "../random.ts";

/** A named group of instances from one end of a ranking, for people to read. */
export interface Stratum {
  /** e.g. "top_1000" or "bottom_0.1%_sample". */
  name: string;
  /** Instance numbers: in order of the ranking for the ends, in drawn order for the samples. */
  instances: Int32Array;
}

/** Strata the method's code writes: both ends of the ranking and random samples of both ends' 0.1, 1 and 10 %. */
export interface StrataOptions {
  /** Instances at each end. */
  ends: number;
  /** Shares of the ranking that are sampled, from each end. */
  shares: readonly number[];
  /** Instances drawn from each share. */
  samples: number;
  seed: number;
}

/** The paper's choice. */
export const PAPER_STRATA: Omit<StrataOptions, "seed"> = { ends: 1000, shares: [0.001, 0.01, 0.1], samples: 1000 };

/** Groups of a ranking worth reading. A stratum is never larger than the ranking; a share has at least one instance.
 * @param order - instances from the best score to the worst   Source: MiniPLM, arXiv:2410.17215 and its code */
export function strata(order: Int32Array, options: StrataOptions): Stratum[] {
  const fromTop = (n: number) => order.slice(0, n);
  const fromBottom = (n: number) => order.slice(Math.max(0, order.length - n)).reverse();
  const out: Stratum[] = [];
  for (const [end, take] of [["top", fromTop] as const, ["bottom", fromBottom] as const]) {
    out.push({ name: `${end}_${options.ends}`, instances: take(options.ends) });
    for (const share of options.shares) {
      const pool = take(Math.max(1, Math.floor(share * order.length)));
      const name = `${end}_${Number((share * 100).toPrecision(12))}%_sample`;
      out.push({ name, instances: sample(pool, options.samples, new Random(options.seed, `select/strata/${name}`)) });
    }
  }
  return out;
}

/** Draws without replacement, at most as many as there are. */
export function sample(pool: Int32Array, count: number, random: Random): Int32Array {
  return random
    .permutation(pool.length)
    .subarray(0, count)
    .map((at) => pool[at]!);
}
