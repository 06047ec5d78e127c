import type { ScalingPoint } from "../../../src/evaluate/scaling/record.ts";
import { Random } from "../../../src/random.ts";
import type { MetricsLine } from "../../../src/train/record.ts";

/** Constants of L(C) = A / C^a + E. */
export interface Law {
  A: number;
  a: number;
  E: number;
}

export const lossAt = ({ A, a, E }: Law, flops: number) => A / flops ** a + E;

/** Evaluations at even steps up to a compute; `seed` shifts the whole curve, noise is log-normal. */
export function curve(law: Law, last: number, { seed = 0, noise = 0, shift = 0, points = 24 } = {}): ScalingPoint[] {
  const random = new Random(seed, "test/curve");
  const own = shift * random.normal();
  return Array.from({ length: points }, (_, i) => {
    const flops = (last * (i + 1)) / points;
    return { flops, loss: lossAt(law, flops) * Math.exp(own + noise * random.normal()), group: `seed ${seed}` };
  });
}

/** The same as lines of metrics.jsonl, with the evaluation before the first step. */
export function metrics(points: readonly ScalingPoint[], set = "pool"): MetricsLine[] {
  const first: MetricsLine = { type: "eval", step: 0, tokens: 0, flops: 0, set, loss: 11 };
  return [
    first,
    ...points.map(
      ({ flops, loss }, i): MetricsLine => ({
        type: "eval",
        step: i + 1,
        tokens: 100 * (i + 1),
        flops: flops!,
        set,
        loss,
      }),
    ),
  ];
}
