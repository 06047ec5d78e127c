import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gradients } from "../../src/graph/autodiff.ts";
import { countFlops } from "../../src/graph/count_flops.ts";
import { add, matmul, mul, reshape, scan, softmax, sumAll, transpose } from "../../src/graph/ops/index.ts";
import { input } from "../../src/graph/value.ts";

const size = fc.integer({ min: 1, max: 9 });

describe("countFlops", () => {
  it("counts 2·M·N·K of products, transposed or stacked, and twice that for their gradients", () => {
    fc.assert(
      fc.property(size, size, size, size, fc.boolean(), fc.boolean(), (M, N, K, B, transA, transB) => {
        const a = input("a", "float32", [B, ...(transA ? [K, M] : [M, K])]);
        const b = input("b", "float32", [B, ...(transB ? [N, K] : [K, N])]);
        const y = matmul(a, b, { transA, transB });
        expect(countFlops({ y })).toEqual({ matmul: 2 * B * M * N * K, scan: 0, elementwise: 0 });
        const [da, db] = gradients(sumAll(y), [a, b]);
        expect(countFlops({ da: da!, db: db! }).matmul).toBe(4 * B * M * N * K);
      }),
    );
  });

  it("counts a value once however often it is read, and moves of data not at all", () => {
    const x = input("x", "float32", [4, 6]);
    const y = mul(x, x);
    const moved = transpose(reshape(y, [6, 4]), [1, 0]);
    expect(countFlops({ y, again: add(y, y), moved })).toEqual({ matmul: 0, scan: 0, elementwise: 48 });
    expect(countFlops({ p: softmax(x) }).elementwise).toBe(5 * 24);
  });

  it("counts a loop's body once per step, whichever of its outputs are used", () => {
    const steps = input("steps", "float32", [7, 3, 5]);
    const weight = input("weight", "float32", [5, 5]);
    const { state, results } = scan(
      ([h], [x], [w]) => {
        const next = add(matmul(h!, w!), x!);
        return { state: [next], results: [mul(next, next)] };
      },
      { state: [input("h", "float32", [3, 5])], sequences: [steps], fixed: [weight] },
    );
    const counted = { matmul: 7 * 2 * 3 * 5 * 5, scan: 7 * (15 + 15), elementwise: 0 };
    expect(countFlops({ last: state[0]! })).toEqual(counted);
    expect(countFlops({ last: state[0]!, all: results[0]! })).toEqual(counted);
  });
});
