import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attentionMatching } from "../../src/distill/attention_matching.ts";
import { hiddenMatching, uniformLayers } from "../../src/distill/hidden_matching.ts";
import { universalLogitDistillation } from "../../src/distill/universal_logit_distillation.ts";
import { DTYPES, type TypedArray } from "../../src/graph/dtype.ts";
import { concat, reshape, softmax } from "../../src/graph/ops/index.ts";
import { constant, input, type Value } from "../../src/graph/value.ts";
import { Executable } from "../../src/runtime/executable.ts";
import { checkCase } from "../graph/check.ts";

const dot = (a: number[], b: number[]) => a.reduce((s, x, i) => s + x * b[i]!, 0);
const rowsOf = (flat: number[], width: number) =>
  Array.from({ length: flat.length / width }, (_, r) => flat.slice(r * width, (r + 1) * width));
const softmaxOf = (z: number[]) => {
  const powers = z.map((x) => Math.exp(x));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / total);
};

describe("hiddenMatching", () => {
  const mse = (a: number[], b: number[]) => a.reduce((s, x, i) => s + (x - b[i]!) ** 2, 0) / a.length;
  const oneLessCosine = (a: number[], b: number[]) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

  for (const [loss, distance] of [
    ["mse", mse],
    ["cosine", oneLessCosine],
  ] as const) {
    it(`${loss}: equal widths`, () =>
      checkCase(`hidden.${loss}`, {
        inputs: [{ shape: [3, 4] }, { shape: [3, 4] }],
        build: (s, t) => hiddenMatching(s, t, undefined, loss),
        reference: (s, t) => rowsOf(s, 4).map((row, r) => distance(row, rowsOf(t, 4)[r]!)),
      }));
    it(`${loss}: a projection to the teacher's width`, () =>
      checkCase(`hidden.projected.${loss}`, {
        inputs: [{ shape: [3, 2] }, { shape: [3, 5] }, { shape: [5, 2] }],
        build: (s, t, p) => hiddenMatching(s, t, p, loss),
        reference: (s, t, p) =>
          rowsOf(s, 2).map((row, r) =>
            distance(
              rowsOf(p, 2).map((column) => dot(row, column)),
              rowsOf(t, 5)[r]!,
            ),
          ),
      }));
  }

  it("refuses widths that differ, without a projection and with one of the wrong shape", () => {
    const of = (shape: number[]) => input("x", "float32", shape);
    expect(() => hiddenMatching(of([3, 4]), of([3, 5]), undefined, "mse")).toThrow(/HC1405[\s\S]*4 in the student, 5/);
    expect(() => hiddenMatching(of([3, 4]), of([3, 5]), of([4, 5]), "mse")).toThrow("a projection [5,4]");
    expect(() => hiddenMatching(of([3, 4]), of([2, 4]), undefined, "mse")).toThrow("[R,D] and [R,E]");
  });
});

describe("uniformLayers", () => {
  it("ends of equal stretches, the last with the last", () => {
    expect(uniformLayers(4, 12)).toEqual([2, 5, 8, 11]);
    expect(uniformLayers(12, 12)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(uniformLayers(4, 10)).toEqual([2, 4, 7, 9]);
    expect(uniformLayers(3, 2)).toEqual([0, 1, 1]);
    expect(() => uniformLayers(0, 4)).toThrow("HC1404");
  });
  it("never falls and stays within the teacher", () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 80 }), (M, N) => {
        const layers = uniformLayers(M, N);
        expect(layers).toHaveLength(M);
        expect(layers.at(-1)).toBe(N - 1);
        expect(layers.every((layer, m) => layer >= (layers[m - 1] ?? 0) && layer < N)).toBe(true);
      }),
    ));
});

describe("attentionMatching", () => {
  const [B, N, M, T, S] = [2, 2, 3, 2, 3];
  // Causal but for the last key, which stands for padding; the second query of row 1 sees nothing.
  const visible = [1, 0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0];
  const maskOf = (x: Value) => constant(new DTYPES[x.dtype].array(visible as never) as TypedArray, x.dtype, [B, T, S]);
  const averaged = (flat: number[], heads: number) =>
    Array.from({ length: B * T }, (_, i) => {
      const [b, t] = [Math.floor(i / T), i % T];
      const rows = Array.from({ length: heads }, (_, n) => softmaxOf(rowsOf(flat, S)[(b * heads + n) * T + t]!));
      return rows[0]!.map((_, s) => rows.reduce((sum, row) => sum + row[s]!, 0) / heads);
    });
  const inputs = [{ shape: [B, N, T, S] }, { shape: [B, M, T, S] }];
  const reference = (of: (p: number[], q: number[]) => number) => (s: number[], t: number[]) =>
    averaged(s, N).map((q, i) => {
      const seen = [0, 1, 2].filter((key) => visible[i * S + key] === 1);
      const at = (x: number[]) => seen.map((key) => x[key]!);
      return seen.length === 0 ? 0 : of(at(averaged(t, M)[i]!), at(q));
    });

  it("mse: mean over the keys a query may see", () =>
    checkCase("attention.mse", {
      inputs,
      build: (s, t) => attentionMatching(softmax(s), softmax(t), maskOf(s), "mse"),
      reference: reference((p, q) => p.reduce((sum, x, i) => sum + (x - q[i]!) ** 2, 0) / p.length),
    }));
  it("kl of the means over heads", () =>
    checkCase("attention.kl", {
      inputs,
      build: (s, t) => attentionMatching(softmax(s), softmax(t), maskOf(s), "kl"),
      reference: reference((p, q) => p.reduce((sum, x, i) => sum + x * Math.log(x / q[i]!), 0)),
    }));
  it("is finite where attention underflows to 0", async () => {
    const student = constant(Float32Array.of(1, 0), "float32", [1, 1, 1, 2]);
    const teacher = constant(Float32Array.of(0, 1), "float32", [1, 1, 1, 2]);
    const mask = constant(Float32Array.of(1, 1), "float32", [1, 1, 2]);
    const executable = await Executable.compile({ kl: attentionMatching(student, teacher, mask, "kl") });
    expect(Number((await executable.run({})).kl![0])).toBeCloseTo(-Math.log(1e-9), 4);
    await executable.dispose();
  });
});

describe("universalLogitDistillation", () => {
  const reference = (s: number[], t: number[]) => {
    const sorted = (z: number[]) => softmaxOf(z).sort((a, b) => b - a);
    const [q, p] = [sorted(s), sorted(t)];
    const longer = q.length > p.length ? q : p;
    return longer.reduce((sum, _, i) => sum + Math.abs((q[i] ?? 0) - (p[i] ?? 0)), 0);
  };

  for (const [V, W] of [
    [4, 6],
    [6, 4],
  ] as const)
    it(`student of ${V} ids, teacher of ${W}: values and gradients to both`, () =>
      checkCase(`universal.${V}`, {
        inputs: [{ shape: [3, V] }, { shape: [3, W] }],
        build: universalLogitDistillation,
        reference: (s, t) => rowsOf(s, V).map((row, r) => reference(row, rowsOf(t, W)[r]!)),
      }));

  it("does not ask which id a probability belongs to, nor for the level of the logits; 0 for equal models", async () => {
    const [student, teacher] = [input("student", "float64", [1, 5]), input("teacher", "float64", [1, 7])];
    const same = universalLogitDistillation(student, student);
    const value = universalLogitDistillation(student, teacher);
    const executable = await Executable.compile({
      both: concat(
        [value, same].map((x) => reshape(x, [1])),
        0,
      ),
    });
    const run = async (s: number[], t: number[]) => {
      const out = (await executable.run({ student: Float64Array.from(s), teacher: Float64Array.from(t) })).both!;
      return [Number(out[0]), Number(out[1])] as const;
    };
    const logit = fc.double({ min: -20, max: 20, noNaN: true });
    const row = (n: number) => fc.array(logit, { minLength: n, maxLength: n });
    await fc.assert(
      fc.asyncProperty(row(5), row(7), fc.nat(6), logit, async (s, t, turn, level) => {
        const [value, same] = await run(s, t);
        const moved = [...t.slice(turn), ...t.slice(0, turn)].map((x) => x + level);
        const [again] = await run([...s].reverse(), moved);
        expect(same).toBe(0);
        expect(value).toBeLessThanOrEqual(2);
        expect(again).toBeCloseTo(value, 9);
      }),
      { numRuns: 50 },
    );
    await executable.dispose();
  });
});
