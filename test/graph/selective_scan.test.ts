import { describe, expect, it } from "vitest";
import { type SelectiveScanInputs, selectiveScan } from "../../src/graph/composite/selective_scan.ts";
import type { DType, TypedArray } from "../../src/graph/dtype.ts";
import { concat, reshape } from "../../src/graph/ops/index.ts";
import { input, type Value } from "../../src/graph/value.ts";
import { Random } from "../../src/random.ts";
import { Executable } from "../../src/runtime/executable.ts";
import { checkGradients } from "./check.ts";

interface Sizes {
  B: number;
  T: number;
  E: number;
  N: number;
}
type Feeds = Record<"x" | "dt" | "A" | "B" | "C" | "reset" | "initial", Float64Array<ArrayBuffer>>;

function draw({ B, T, E, N }: Sizes, seed: number, scale = { dt: 1, A: 1 }): Feeds {
  const random = new Random(seed, "test/selective_scan");
  const normal = (size: number) => Float64Array.from({ length: size }, () => random.normal());
  return {
    x: normal(B * T * E),
    dt: normal(B * T * E).map((v) => Math.abs(v) * scale.dt),
    A: normal(N * E).map((v) => -Math.abs(v) * scale.A),
    B: normal(B * T * N),
    C: normal(B * T * N),
    reset: Float64Array.from({ length: B * T }, () => Number(random.uniform() < 0.2)),
    initial: normal(B * N * E),
  };
}

/** The recurrence token by token, in doubles. */
function recurrence({ B, T, E, N }: Sizes, f: Feeds, given: { reset: boolean; initial: boolean }) {
  const y = new Float64Array(B * T * E);
  const final = new Float64Array(B * N * E);
  for (let b = 0; b < B; b++)
    for (let e = 0; e < E; e++)
      for (let n = 0; n < N; n++) {
        let h = given.initial ? f.initial[(b * N + n) * E + e]! : 0;
        for (let t = 0; t < T; t++) {
          const at = b * T + t;
          if (given.reset && f.reset[at] === 1) h = 0;
          const dt = f.dt[at * E + e]!;
          h = Math.exp(dt * f.A[n * E + e]!) * h + dt * f.B[at * N + n]! * f.x[at * E + e]!;
          y[at * E + e]! += f.C[at * N + n]! * h;
        }
        final[(b * N + n) * E + e] = h;
      }
  return { y, final };
}

function build(
  { B, T, E, N }: Sizes,
  dtype: DType,
  more: Partial<Record<"reset" | "initial", boolean>>,
  chunk?: number,
) {
  const shapes = { x: [B, T, E], dt: [B, T, E], A: [N, E], B: [B, T, N], C: [B, T, N] };
  const values = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, input(name, dtype, shape)]),
  ) as Record<keyof typeof shapes, Value>;
  const given: SelectiveScanInputs = {
    ...values,
    reset: more.reset ? input("reset", dtype, [B, T]) : undefined,
    initial: more.initial ? input("initial", dtype, [B, N, E]) : undefined,
    chunk,
    // Channels in two groups.
    statesBudget: (B * T * N * E) / 2,
  };
  return { values, ...selectiveScan(given) };
}

const SIZES: Sizes = { B: 2, T: 7, E: 20, N: 3 };
const VARIANTS = [{}, { reset: true }, { initial: true }, { reset: true, initial: true }];
const CHUNKS = [1, 2, 3, 7, undefined];

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((m, v, i) => Math.max(m, Number.isFinite(v) ? Math.abs(v - b[i]!) : Infinity), 0);

describe("selectiveScan", () => {
  it.each(VARIANTS)("equals the recurrence for chunks of any length, with %o", async (more) => {
    const feeds = draw(SIZES, 1);
    const want = recurrence(SIZES, feeds, { reset: false, initial: false, ...more });
    for (const chunk of CHUNKS) {
      const { y, final } = build(SIZES, "float64", more, chunk);
      const graph = await Executable.compile({ y, final });
      const got = await graph.run(feeds);
      expect(largest(got.y as Float64Array, want.y)).toBeLessThan(1e-12);
      expect(largest(got.final as Float64Array, want.final)).toBeLessThan(1e-12);
      await graph.dispose();
    }
  });

  it.each(VARIANTS)("has the gradients of central differences, with %o", async (more) => {
    for (const chunk of [3, undefined]) {
      const { values, y } = build(SIZES, "float64", more, chunk);
      const feeds: Record<string, TypedArray> = draw(SIZES, 2);
      await checkGradients("selectiveScan", y, Object.values(values), feeds, new Random(3, "test"), { stride: 3 });
    }
  });

  it("stays finite and exact over 2,048 tokens, whether states fade at once or hardly at all", async () => {
    const sizes = { B: 1, T: 2048, E: 16, N: 4 };
    for (const scale of [
      { dt: 1, A: 1 },
      { dt: 50, A: 50 },
      { dt: 1e-4, A: 1 },
      { dt: 1e3, A: 1e-9 },
    ]) {
      const feeds = draw(sizes, 4, scale);
      const single = Object.fromEntries(Object.entries(feeds).map(([k, v]) => [k, Float32Array.from(v)]));
      const rounded = Object.fromEntries(Object.entries(single).map(([k, v]) => [k, Float64Array.from(v)])) as Feeds;
      const want = recurrence(sizes, rounded, { reset: false, initial: false });
      const outputs = [undefined, 2048].map((chunk) => {
        const { y, final } = build(sizes, "float32", {}, chunk);
        return concat([reshape(y, [2048 * 16]), reshape(final, [4 * 16])], 0);
      });
      const all = Float64Array.of(...want.y, ...want.final);
      const size = all.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      for (const y of outputs) {
        const graph = await Executable.compile({ y });
        expect(largest((await graph.run(single)).y as Float32Array, all) / size).toBeLessThan(1e-5);
        await graph.dispose();
      }
    }
  });
});
