import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DISTILLATION_LOSSES,
  type DistillationLossName,
  distillationLoss,
} from "../../src/distill/distillation_losses.ts";
import { linearDistillation, linearDistillationAndNll } from "../../src/distill/linear_distillation.ts";
import { type Distances, forwardKl } from "../../src/distill/losses.ts";
import { sparseDistillation, sparseDistillationAndNll } from "../../src/distill/sparse_distillation.ts";
import { gradients } from "../../src/graph/autodiff.ts";
import { linearCrossEntropy } from "../../src/graph/composite/cross_entropy.ts";
import { DTYPES, type DType, type Shape, sizeOf, type TypedArray } from "../../src/graph/dtype.ts";
import { add, concat, logSoftmax, mul, reshape, shift, sumAll, topK } from "../../src/graph/ops/index.ts";
import { ancestors, constant, input, type Value } from "../../src/graph/value.ts";
import { Random } from "../../src/random.ts";
import { Executable } from "../../src/runtime/executable.ts";
import { checkCase, checkGradients } from "../graph/check.ts";

const R = 5;
const [D, E] = [3, 4];
/** The student has two padding ids more than the teacher. */
const [V, W] = [20, 18];
/** Two rows of the fast path; other losses are cut to one row. */
const SMALL_BUDGET = 2 * V;
const NAMES = Object.keys(DISTILLATION_LOSSES) as DistillationLossName[];

function drawn(name: string, dtype: DType, shape: Shape, factor = 1): Value {
  const random = new Random(5, name);
  const values = Array.from({ length: sizeOf(shape) }, () => factor * random.normal());
  return constant(new DTYPES[dtype].array(values as never) as TypedArray, dtype, shape);
}
const teacherOf = (dtype: DType, vocabulary = W) => ({
  hidden: drawn("teacher.hidden", dtype, [R, E]),
  head: drawn("teacher.head", dtype, [vocabulary, E]),
});
const student = [{ shape: [R, D] }, { shape: [V, D] }];
const targets = { shape: [R], kind: { below: W } };

async function evaluate(outputs: Record<string, Value>, feeds: Record<string, TypedArray> = {}) {
  const executable = await Executable.compile(outputs);
  const out = await executable.run(feeds);
  await executable.dispose();
  return Object.fromEntries(Object.entries(out).map(([name, x]) => [name, Array.from(x as Float64Array)]));
}
const expectClose = (got: number[] | undefined, want: number[] | undefined, tolerance: number, what: string) => {
  expect(got?.length, what).toBe(want?.length);
  for (const [i, x] of want!.entries()) expect(Math.abs(got![i]! - x), `${what}[${i}]`).toBeLessThan(tolerance);
};

/** Plain definitions over probabilities. */
const REFERENCE: Record<DistillationLossName, (p: number[], q: number[]) => number> = {
  cross_entropy: (p, q) => -p.reduce((s, x, i) => s + x * Math.log(q[i]!), 0),
  forward_kl: (p, q) => kl(p, q),
  reverse_kl: (p, q) => kl(q, p),
  total_variation: (p, q) => 0.5 * p.reduce((s, x, i) => s + Math.abs(x - q[i]!), 0),
  generalized_jsd: (p, q) => {
    const m = p.map((x, i) => 0.5 * (x + q[i]!));
    return 0.5 * kl(p, m) + 0.5 * kl(q, m);
  },
  skew_forward_kl: (p, q) =>
    kl(
      p,
      p.map((x, i) => 0.1 * x + 0.9 * q[i]!),
    ),
  skew_reverse_kl: (p, q) =>
    kl(
      q,
      p.map((x, i) => 0.9 * x + 0.1 * q[i]!),
    ),
};
const kl = (p: number[], q: number[]) => p.reduce((s, x, i) => s + x * Math.log(x / q[i]!), 0);
const softmaxOf = (z: number[], temperature: number) => {
  const powers = z.map((x) => Math.exp(x / temperature));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((x) => x / total);
};
const logitsOf = (hidden: number[], head: number[], width: number, row: number, ids: number) =>
  Array.from({ length: ids }, (_, v) => {
    let z = 0;
    for (let d = 0; d < width; d++) z += hidden[row * width + d]! * head[v * width + d]!;
    return z;
  });
const numbersOf = (x: Value) => (x.origin.kind === "constant" ? Array.from(x.origin.data as Float64Array) : []);

describe("linearDistillation", () => {
  const everything = ({ losses, teacherEntropy, kl: divergence }: Distances) =>
    concat([losses, teacherEntropy, divergence], 0);

  for (const name of NAMES)
    for (const temperature of [1, 2])
      it(`${name} at temperature ${temperature}: loss, entropy and KL over the common ids, whole and in chunks`, async () => {
        const hidden = drawn("hidden", "float64", [R, D]);
        const head = drawn("head", "float64", [V, D]);
        const teacher = teacherOf("float64");
        const of = (logitsBudget?: number) =>
          everything(
            linearDistillation({ hidden, head }, teacher, distillationLoss(name), {
              temperature,
              ...(logitsBudget !== undefined && { logitsBudget }),
            }),
          );
        const got = await evaluate({ whole: of(), chunked: of(SMALL_BUDGET) });
        const rows = Array.from({ length: R }, (_, r) => {
          const p = softmaxOf(logitsOf(numbersOf(teacher.hidden), numbersOf(teacher.head), E, r, W), temperature);
          const q = softmaxOf(logitsOf(numbersOf(hidden), numbersOf(head), D, r, W), temperature);
          return [REFERENCE[name](p, q), REFERENCE.cross_entropy(p, p), kl(p, q)];
        });
        const want = [0, 1, 2].flatMap((part) => rows.map((row) => row[part]!));
        expectClose(got.whole, want, 1e-12, "whole");
        expectClose(got.chunked, want, 1e-12, "chunked");
      });

  // A loss with a rule of its own, one that the walker differentiates, one at another temperature.
  for (const [name, temperature] of [
    ["cross_entropy", 1],
    ["forward_kl", 1],
    ["reverse_kl", 1],
    ["generalized_jsd", 2],
  ] as const)
    for (const [form, logitsBudget] of [
      ["whole", 2 ** 20],
      ["in chunks", SMALL_BUDGET],
    ] as const) {
      const options = { temperature, logitsBudget };
      it(`${name} at temperature ${temperature}, ${form}: gradients`, () =>
        checkCase(`linearDistillation.${name}`, {
          inputs: student,
          build: (hidden, head) =>
            linearDistillation({ hidden, head }, teacherOf(hidden.dtype), distillationLoss(name), options).losses,
        }));
      it(`${name} at temperature ${temperature}, ${form}, beside the NLL: gradients`, () =>
        checkCase(`linearDistillationAndNll.${name}`, {
          inputs: [...student, targets],
          build: (hidden, head, y) => {
            const out = linearDistillationAndNll(
              { hidden, head },
              teacherOf(hidden.dtype),
              y,
              distillationLoss(name),
              options,
            );
            return concat([out.losses, out.nll], 0);
          },
        }));
      it(`${name} at temperature ${temperature}, ${form}: a teacher with more ids than the student`, () =>
        checkCase(`linearDistillation.wide.${name}`, {
          inputs: student,
          build: (hidden, head) =>
            linearDistillation({ hidden, head }, teacherOf(hidden.dtype, V + 3), distillationLoss(name), options)
              .losses,
        }));
    }

  it("the vocabulary in several tiles: gradients", async () => {
    const [ids, width] = [3200, 2];
    const random = new Random(6, "tiles");
    const deviates = (n: number) => Float64Array.from({ length: n }, () => random.normal());
    const hidden = input("hidden", "float64", [2, width]);
    const head = input("head", "float64", [ids, width]);
    const teacher = {
      hidden: constant(deviates(2 * width), "float64", [2, width]),
      head: constant(deviates((ids - 100) * width), "float64", [ids - 100, width]),
    };
    const y = constant(Int32Array.of(7, ids - 1), "int32", [2]);
    const out = linearDistillationAndNll({ hidden, head }, teacher, y, forwardKl, { logitsBudget: ids });
    const feeds = { hidden: deviates(2 * width), head: deviates(ids * width) };
    await checkGradients("tiles", concat([out.losses, out.nll], 0), [hidden, head], feeds, random, { stride: 61 });
    const got = await evaluate({ nll: out.nll, want: linearCrossEntropy(hidden, head, y) }, feeds);
    expectClose(got.nll, got.want, 1e-12, "nll");
  });

  it("entropy and KL let no gradient through", async () => {
    const hidden = input("hidden", "float64", [R, D]);
    const head = input("head", "float64", [V, D]);
    for (const name of ["forward_kl", "reverse_kl"] as const) {
      const out = linearDistillation({ hidden, head }, teacherOf("float64"), distillationLoss(name));
      const [dHidden, dHead] = gradients(sumAll(add(out.kl, out.teacherEntropy)), [hidden, head]);
      const feeds = {
        hidden: new Float64Array(R * D).fill(0.3),
        head: Float64Array.from({ length: V * D }, (_, i) => Math.sin(i)),
      };
      const got = await evaluate({ dHidden: dHidden!, dHead: dHead! }, feeds);
      expect([...got.dHidden!, ...got.dHead!].filter((x) => x !== 0)).toEqual([]);
    }
  });

  it("with a small budget no value of the graph, gradient included, reaches the size of the logits", () => {
    const [rows, ids, width] = [64, 500, 4];
    const budget = 8 * ids;
    for (const name of ["cross_entropy", "reverse_kl"] as const) {
      const hidden = input("hidden", "float32", [rows, width]);
      const head = input("head", "float32", [ids, width]);
      const teacher = {
        hidden: input("teacher", "float32", [rows, width]),
        head: input("teacher_head", "float32", [ids, width]),
      };
      const y = input("targets", "int32", [rows]);
      const out = linearDistillationAndNll({ hidden, head }, teacher, y, distillationLoss(name), {
        logitsBudget: budget,
      });
      const grads = gradients(sumAll(add(out.losses, out.nll)), [hidden, head]);
      const values = ancestors([out.losses, out.nll, out.kl, ...grads]);
      expect(Math.max(...values.map((x) => sizeOf(x.shape)))).toBeLessThanOrEqual(budget);
      // A chunk of the gradient starts when the one before it is done: logits stand behind a chain of gradients.
      const chunks = rows / (name === "cross_entropy" ? 8 : 2);
      const delayed = values.filter(
        (x) => x.origin.kind === "op" && x.origin.op.name === "after" && x.shape[1] === width,
      );
      expect(delayed).toHaveLength(2 * chunks);
      const before = delayed.map((x) => ancestors([x]).filter((y) => delayed.includes(y)).length);
      expect(Math.max(...before)).toBeGreaterThan(chunks - 1);
    }
  });

  it("is 0 for equal models, at least 0 otherwise, and blind to a shift of all logits", async () => {
    const rows = input("rows", "float64", [1, 6]);
    const other = input("other", "float64", [1, 6]);
    const head = constant(
      Float64Array.from({ length: 36 }, (_, i) => (i % 7 === 0 ? 1 : 0)),
      "float64",
      [6, 6],
    );
    const outputs: Record<string, Value> = {};
    for (const name of NAMES) {
      const of = (p: Value, q: Value) =>
        linearDistillation({ hidden: q, head }, { hidden: p, head }, distillationLoss(name));
      outputs[`${name}.zero`] = of(rows, rows).losses;
      outputs[`${name}.entropy`] = of(rows, rows).teacherEntropy;
      outputs[`${name}.value`] = of(rows, other).losses;
      outputs[`${name}.shifted`] = of(shift(rows, 3), shift(other, -2)).losses;
    }
    const executable = await Executable.compile(outputs);
    const logits = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 6, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(logits, logits, async (p, q) => {
        const out = await executable.run({ rows: Float64Array.from(p), other: Float64Array.from(q) });
        for (const name of NAMES) {
          const at = (what: string) => Number(out[`${name}.${what}`]![0]);
          expect(at("zero")).toBeCloseTo(name === "cross_entropy" ? at("entropy") : 0, 10);
          expect(at("value")).toBeGreaterThan(-1e-10);
          expect(at("shifted")).toBeCloseTo(at("value"), 8);
        }
      }),
      { numRuns: 50 },
    );
    await executable.dispose();
  });
});

describe("sparse distillation", () => {
  const dense = (x: Value, logits: Value) => topK(logSoftmax(logits), x.shape[0]! - 1);

  for (const name of NAMES)
    for (const temperature of [1, 2])
      it(`${name} at temperature ${temperature}: all ids but one are the whole vocabulary`, async () => {
        const hidden = drawn("hidden", "float64", [R, D]);
        const head = drawn("head", "float64", [W, D]);
        const y = constant(Int32Array.of(0, 3, 17, 4, 4), "int32", [R]);
        const logits = drawn("teacher", "float64", [R, W]);
        const { values: logProbs, indices: ids } = dense(head, logits);
        const identity = drawn("identity", "float64", [W, W], 0);
        if (identity.origin.kind === "constant") for (let v = 0; v < W; v++) identity.origin.data[v * W + v] = 1;
        const loss = distillationLoss(name);
        const options = { temperature };
        const nll = linearCrossEntropy(hidden, head, y);
        const forms: Record<string, Distances> = {
          want: linearDistillation({ hidden, head }, { hidden: logits, head: identity }, loss, options),
          fromNll: sparseDistillation({ hidden, head, nll, targets: y }, { ids, logProbs }, loss, options),
          shared: sparseDistillationAndNll({ hidden, head }, y, { ids, logProbs }, loss, {
            ...options,
            logitsBudget: 2 * W,
          }),
        };
        const got = await evaluate(
          Object.fromEntries(
            Object.entries(forms).flatMap(([form, out]) =>
              Object.entries(out).map(([part, x]) => [`${form}.${part}`, x as Value]),
            ),
          ),
        );
        for (const form of ["fromNll", "shared"])
          for (const part of ["losses", "teacherEntropy", "kl"])
            expectClose(got[`${form}.${part}`], got[`want.${part}`], 1e-9, `${form}.${part}`);
        expectClose(got["shared.nll"], (await evaluate({ nll })).nll, 1e-12, "nll");
      });

  it("the rest is one class: few ids against a computation by hand", async () => {
    const [p, q] = [
      [0.5, 0.2, 0.2, 0.1],
      [0.1, 0.6, 0.2, 0.1],
    ];
    const hidden = constant(Float64Array.from(q.map(Math.log)), "float64", [1, 4]);
    const head = constant(
      Float64Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? 1 : 0)),
      "float64",
      [4, 4],
    );
    const teacher = {
      ids: constant(Int32Array.of(0, 2), "int32", [1, 2]),
      logProbs: constant(Float64Array.of(Math.log(p[0]!), Math.log(p[2]!)), "float64", [1, 2]),
    };
    const logsumexp = constant(Float64Array.of(0), "float64", [1]);
    const classes = [
      [0.5, 0.2, 0.3],
      [0.1, 0.2, 0.7],
    ] as const;
    const got = await evaluate({ ...sparseDistillation({ hidden, head, logsumexp }, teacher, forwardKl) });
    expectClose(got.losses, [kl([...classes[0]], [...classes[1]])], 1e-12, "losses");
    // Softened: p^(1/2) of the three classes, normalised.
    const soften = (x: readonly number[]) => softmaxOf(x.map(Math.log), 2);
    const warm = await evaluate({
      ...sparseDistillation({ hidden, head, logsumexp }, teacher, forwardKl, { temperature: 2 }),
    });
    expectClose(warm.losses, [kl(soften(classes[0]), soften(classes[1]))], 1e-12, "softened");
  });

  const stored = (dtype: DType) => {
    const ids = constant(
      Int32Array.from({ length: R * 3 }, (_, i) => (i * 7) % W),
      "int32",
      [R, 3],
    );
    return { ids, logProbs: drawn("stored", dtype, [R, 3], 0) };
  };
  const teacher = (dtype: DType) => {
    const { ids, logProbs } = stored(dtype);
    return { ids, logProbs: shift(logProbs, Math.log(0.2)) };
  };
  for (const name of ["forward_kl", "reverse_kl"] as const) {
    it(`${name} beside an NLL: gradients`, () =>
      checkCase(`sparse.${name}`, {
        inputs: [...student, targets],
        build: (hidden, head, y) => {
          const nll = linearCrossEntropy(hidden, head, y);
          const out = sparseDistillation(
            { hidden, head, nll, targets: y },
            teacher(hidden.dtype),
            distillationLoss(name),
            {
              temperature: 2,
            },
          );
          return concat([out.losses, nll], 0);
        },
      }));
    it(`${name} sharing the logits, in chunks: gradients`, () =>
      checkCase(`sparse.shared.${name}`, {
        inputs: [...student, targets],
        build: (hidden, head, y) => {
          const out = sparseDistillationAndNll({ hidden, head }, y, teacher(hidden.dtype), distillationLoss(name), {
            logitsBudget: SMALL_BUDGET,
          });
          return concat([mul(out.losses, out.losses), out.nll], 0);
        },
      }));
  }
});

describe("names and numbers", () => {
  it("refuses what has no effect or cannot be", () => {
    const [x, one] = [drawn("x", "float64", [R, D]), drawn("one", "float64", [R, 1])];
    const head = { hidden: x, head: x };
    expect(() => distillationLoss("forward_kld" as never)).toThrow(/HC1401[\s\S]*write forward_kl/);
    expect(() => distillationLoss("forward_kl", 0.5)).toThrow(/HC1402[\s\S]*no effect/);
    expect(() => distillationLoss("generalized_jsd", 1)).toThrow(/HC1402[\s\S]*between 0 and 1/);
    expect(() => linearDistillation(head, head, forwardKl, { temperature: 0 })).toThrow("HC1403");
    expect(() => linearDistillation(head, { hidden: reshape(x, [D, R]), head: x }, forwardKl)).toThrow(
      "equally many rows",
    );
    expect(() => sparseDistillationAndNll(head, one, { ids: one, logProbs: x }, forwardKl)).toThrow("[R,K]");
  });
});
