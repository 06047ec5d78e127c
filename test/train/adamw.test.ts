import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Random } from "../../src/random.ts";
import { adamwStep, gradientNorm } from "../../src/train/adamw.ts";
import { layOut } from "../../src/train/arena.ts";
import { KERNELS_WASM } from "../../src/train/kernels.wasm.ts";
import { DataPlan } from "../../src/train/plan.ts";
import { meanWeights } from "../../src/train/rows.ts";
import { learningRateAt } from "../../src/train/schedule.ts";

const spec = (name: string, shape: number[]) => ({ name, shape, init: { kind: "zeros" } as const });

describe("vector loops", () => {
  it("are what kernels.wat compiles to", async () => {
    const { default: wabt } = await import("wabt");
    const { parseWat } = await wabt();
    const text = await readFile(join(import.meta.dirname, "../../src/train/kernels.wat"), "utf8");
    const { buffer } = parseWat("kernels.wat", text, { simd: true }).toBinary({});
    expect(Buffer.from(buffer).toString("base64")).toBe(KERNELS_WASM);
  });

  it("do AdamW as the formula says, for every length and through the padding", () => {
    const random = new Random(2, "test/adamw");
    for (const n of [1, 3, 4, 5, 7, 16, 33]) {
      const tensors = layOut([spec("a", [n, 1]), spec("b", [n])], true);
      for (const t of tensors) for (let i = 0; i < n; i++) t.arrays.parameter[i] = random.normal();
      const expected = tensors.map((t) => Array.from(t.arrays.parameter, (p) => ({ p, m: 0, v: 0 })));
      for (let step = 1; step <= 3; step++) {
        for (const t of tensors) for (let i = 0; i < n; i++) t.arrays.gradient[i] = random.normal();
        const squares = tensors.flatMap((t) => Array.from(t.arrays.gradient, (g) => g * g));
        const norm = Math.sqrt(squares.reduce((a, b) => a + b, 0));
        expect(gradientNorm(tensors, "gradient")).toBeCloseTo(norm, 6);
        adamwStep(tensors, "gradient", step, 0.01, {
          betas: [0.9, 0.98],
          epsilon: 1e-6,
          weightDecay: 0.1,
          decay: "matrices",
          clip: 1,
        });
        for (const [k, t] of tensors.entries())
          for (const [i, e] of expected[k]!.entries()) {
            const g = t.arrays.gradient[i]! * Math.min(1, 1 / (norm + 1e-6));
            e.m = 0.9 * e.m + 0.1 * g;
            e.v = 0.98 * e.v + 0.02 * g * g;
            const update = e.m / (1 - 0.9 ** step) / (Math.sqrt(e.v / (1 - 0.98 ** step)) + 1e-6);
            e.p = e.p * (k === 0 ? 1 - 0.01 * 0.1 : 1) - 0.01 * update;
            expect(t.arrays.parameter[i]).toBeCloseTo(e.p, 5);
          }
      }
    }
  });

  it("spread tensors over memories, and refuse one that fits none", () => {
    expect(() => layOut([spec("huge", [300_000, 1000])], false)).toThrow(/HC1301.*huge/s);
  });
});

describe("schedule and plan", () => {
  it("warms up linearly, peaks, and ends at the minimum", () => {
    const rate = (step: number) => learningRateAt({ learningRate: 1, minLearningRate: 0.1, warmupSteps: 5 }, step, 20);
    expect([0, 3, 4].map(rate)).toEqual([0.2, 0.8, 1]);
    expect(rate(5)).toBe(1);
    expect(rate(12.5)).toBeCloseTo(0.55, 10);
    expect(rate(20)).toBeCloseTo(0.1, 10);
  });
  it("sees every instance once an epoch, in another order each time, whatever step it is asked for first", () => {
    const sizes = { length: 10, size: (i: number) => 5 + i };
    const plan = new DataPlan(sizes, 4, 1, { epochs: 2 });
    expect(plan.totalSteps).toBe(5);
    const seen = Array.from({ length: 5 }, (_, step) => plan.instancesOf(step)).flat();
    const sorted = (list: number[]) => [...list].sort((a, b) => a - b);
    expect(sorted(seen.slice(0, 10))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(sorted(seen.slice(10))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(seen.slice(0, 10)).not.toEqual(seen.slice(10));
    expect(new DataPlan(sizes, 4, 1, { epochs: 2 }).instancesOf(3)).toEqual(seen.slice(12, 16));
    const budget = new DataPlan(sizes, 4, 1, { tokens: 100 });
    // 8.5 label positions an instance on average, 34 a step.
    expect(budget.totalSteps).toBe(3);
  });
  it("weighs instances equally, or tokens equally, over the whole batch", () => {
    const masks = [Uint8Array.of(1, 1, 0), Uint8Array.of(1), Uint8Array.of(0)];
    expect(meanWeights(masks, "instance").map((w) => [...w])).toEqual([[0.25, 0.25, 0], [0.5], [0]]);
    const third = Math.fround(1 / 3);
    expect(meanWeights(masks, "token").map((w) => [...w])).toEqual([[third, third, 0], [third], [0]]);
  });
});
