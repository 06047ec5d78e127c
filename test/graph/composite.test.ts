import { describe, it } from "vitest";
import { attention, attentionWithProbabilities } from "../../src/graph/composite/attention.ts";
import { linearCrossEntropy } from "../../src/graph/composite/cross_entropy.ts";
import { add, concat, mul, slice, sum, swiglu } from "../../src/graph/ops/index.ts";
import type { Value } from "../../src/graph/value.ts";
import { checkCase } from "./check.ts";

describe("composites: values and gradients", () => {
  const qkv = (N: number, K: number, T: number, S: number) => [
    { shape: [2, N, T, 4] },
    { shape: [2, K, S, 4] },
    { shape: [2, K, S, 4] },
  ];
  it("attention, plain", () =>
    checkCase("attention", {
      inputs: qkv(2, 2, 3, 5),
      build: (q, k, v) => attention(q, k, v, { scale: 0.5, causal: false }),
    }));
  it("attention, causal in blocks", () =>
    checkCase("attention.causal", {
      inputs: qkv(2, 2, 5, 5),
      build: (q, k, v) => attention(q, k, v, { scale: 0.5, causal: true, block: 2 }),
    }));
  it("attention, grouped keys and a window", () =>
    checkCase("attention.window", {
      inputs: qkv(4, 2, 6, 6),
      build: (q, k, v) => attention(q, k, v, { scale: 0.5, causal: true, window: 3, block: 2 }),
    }));
  it("attention, more keys than queries", () =>
    checkCase("attention.cache", {
      inputs: qkv(2, 1, 2, 5),
      build: (q, k, v) => attention(q, k, v, { scale: 0.5, causal: true, block: 1 }),
    }));
  it("attention with a learned bias, in blocks", () =>
    checkCase("attention.bias", {
      inputs: [...qkv(4, 2, 5, 5), { shape: [1, 4, 5, 5] }],
      build: (q, k, v, bias) => attention(q, k, v, { scale: 1, causal: true, window: 4, block: 2, bias }),
    }));
  it("attention probabilities: rows sum to 1, gradients flow through them and through the result", () =>
    checkCase("attention.probabilities", {
      inputs: [...qkv(4, 2, 3, 5), { shape: [2, 1, 1, 5] }],
      build: (q, k, v, bias) => {
        const out = attentionWithProbabilities(q, k, v, { scale: 0.5, causal: false, bias });
        return concat([out.y, mul(out.probabilities, out.probabilities)], 3);
      },
    }));
  it("linearCrossEntropy", () =>
    checkCase("linearCrossEntropy", {
      inputs: [{ shape: [3, 4] }, { shape: [70, 4] }, { shape: [3], kind: { below: 70 } }],
      build: (h, w, y) => linearCrossEntropy(h, w, y, { tile: 16, logitsBudget: 140 }),
      reference: (h, w, y) =>
        y.map((target, i) => {
          const z = Array.from({ length: 70 }, (_, v) =>
            [0, 1, 2, 3].reduce((s, d) => s + h[4 * i + d]! * w[4 * v + d]!, 0),
          );
          return Math.log(z.reduce((s, x) => s + Math.exp(x), 0)) - z[target]!;
        }),
    }));
  it("slices that cut a value into pieces, leave a gap, overlap or cut another axis", async () => {
    const square = (x: Value, axis: number, start: number, end: number) => {
      const part = slice(x, { axis, start, end });
      return sum(mul(part, part), [0, 1]);
    };
    const total = (...ranges: [axis: number, start: number, end: number][]) => ({
      inputs: [{ shape: [4, 6] }],
      build: (x: Value) => ranges.map((range) => square(x, ...range)).reduce(add),
    });
    await checkCase("pieces", total([1, 2, 3], [1, 3, 6], [1, 0, 2]));
    await checkCase("gap", total([1, 0, 2], [1, 3, 6]));
    await checkCase("open end", total([1, 0, 2], [1, 2, 5]));
    await checkCase("overlap", total([1, 0, 4], [1, 2, 6]));
    await checkCase("two axes", total([1, 0, 3], [0, 3, 4]));
  });
  it("swiglu", () => checkCase("swiglu", { inputs: [{ shape: [2, 3] }, { shape: [2, 3] }], build: swiglu }));
});
