import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { attribute } from "../../src/attribute/attribute.ts";
import { gaussLegendre } from "../../src/attribute/gauss_legendre.ts";
import type { ComputedMethod, MethodOptions } from "../../src/attribute/method.ts";
import { METHODS } from "../../src/attribute/methods/index.ts";
import { targetScalars } from "../../src/attribute/scalars.ts";
import { reshape } from "../../src/graph/ops/index.ts";
import { input } from "../../src/graph/value.ts";
import { conditionalGraph } from "../../src/models/conditional.ts";
import { type AnyLanguageModel, createModel } from "../../src/models/load.ts";
import { type Pair, padPairs } from "../../src/models/pairs.ts";
import { weightInputs } from "../../src/models/weight_inputs.ts";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { Executable } from "../../src/runtime/executable.ts";
import { apart, draw, largest, tinyModel, VOCABULARY } from "./fixture.ts";

const models = { t5: tinyModel("t5"), llama: tinyModel("llama") };
const KINDS = ["t5", "llama"] as const;
afterAll(async () => {
  for (const kind of KINDS) await models[kind].dispose();
});

const embeddingOf = (model: AnyLanguageModel): Float32Array =>
  model.weights.get(model.description.kind === "causal" ? "model.embed_tokens.weight" : "shared.weight")!;

/**
 * Gradient of the mean target logit by central differences in float64: only the given input embeddings move, the target's
 * own embeddings stay, whatever table they come from.
 */
async function centralDifferences(model: AnyLanguageModel, pair: Pair): Promise<Float64Array> {
  const [S, T] = [pair.input.length, pair.target.length];
  const D = model.description.config.hiddenSize;
  const conditional = conditionalGraph(model.description, weightInputs(model.description, "float64").get);
  const embeddings = input("embeddings", "float64", [1, S, D]);
  const { hidden } = conditional
    .encode(embeddings, input("input_mask", "int32", [1, S]))
    .decode(input("previous_ids", "int32", [1, T]));
  const targets = reshape(input("targets", "int32", [1, T]), [T]);
  const executable = await Executable.compile({
    logits: targetScalars("logit", hidden, conditional.head, targets),
  });
  const batch = padPairs([pair], { B: 1, S, T }, { startId: model.startId });
  const table = embeddingOf(model);
  const point = new Float64Array(S * D);
  for (const [i, id] of pair.input.entries()) point.set(table.subarray(id * D, (id + 1) * D), i * D);
  const weights = [...model.weights].map(([name, data]) => [name, Float64Array.from(data)]);
  const feeds = {
    ...Object.fromEntries(weights),
    embeddings: point,
    input_mask: batch.inputMask,
    previous_ids: batch.previousIds,
    targets: batch.targets,
  };
  const value = async () =>
    ((await executable.run(feeds)).logits as Float64Array).reduce((sum, logit) => sum + logit / T, 0);
  const gradient = new Float64Array(S * D);
  const step = 1e-5;
  for (let i = 0; i < point.length; i++) {
    const kept = point[i]!;
    point[i] = kept + step;
    const plus = await value();
    point[i] = kept - step;
    gradient[i] = (plus - (await value())) / (2 * step);
    point[i] = kept;
  }
  await executable.dispose();
  return gradient;
}

describe("gradient", () => {
  it("is what calculus gives where the model is one norm and one product", async () => {
    const model = tinyModel("llama", 3, { num_hidden_layers: 1 });
    for (const [name, data] of model.weights) if (/o_proj|down_proj/.test(name)) data.fill(0);
    const [first, last, target] = [7, 9, 12];
    const { scores, targetLogits } = await attribute(model, {
      input: Int32Array.of(first, last),
      target: Int32Array.of(target),
    });
    // Nothing but the last embedding e reaches the logit z = Σ w_i g_i e_i / r, r = sqrt(mean e² + ε).
    const D = 16;
    const row = (id: number) => embeddingOf(model).subarray(id * D, (id + 1) * D);
    const [e, w] = [row(last), row(target)];
    const g = model.weights.get("model.norm.weight")!;
    const r = Math.sqrt(e.reduce((sum, x) => sum + x * x, 0) / D + 1e-6);
    const wg = Array.from(w, (x, i) => x * g[i]!);
    const dot = wg.reduce((sum, x, i) => sum + x * e[i]!, 0);
    const expected = wg.reduce((sum, x, i) => sum + Math.abs(x / r - (dot * e[i]!) / (D * r ** 3)), 0);
    expect(scores[0]).toBe(0);
    expect(scores[1]).toBeCloseTo(expected, 3);
    expect(targetLogits![0]).toBeCloseTo(dot / r, 3);
    await model.dispose();
  });

  it.each(KINDS)("lands on the input alone, repeated tokens apart: central differences, %s", async (kind) => {
    // The target's tokens stand in the input too, one of them twice, and all come from one table.
    const pair = { input: Int32Array.of(5, 8, 5, 20, 1), target: Int32Array.of(5, 20, 33, 1) };
    const gradient = await centralDifferences(models[kind], pair);
    const D = gradient.length / pair.input.length;
    const rows = Array.from(pair.input, (_, i) => gradient.subarray(i * D, (i + 1) * D));
    const l1 = rows.map((row) => row.reduce((sum, x) => sum + Math.abs(x), 0));
    const l2 = rows.map((row) => Math.hypot(...row));
    expect(apart((await attribute(models[kind], pair)).scores, l1)).toBeLessThan(1e-4);
    expect(apart((await attribute(models[kind], { ...pair, norm: "l2" })).scores, l2)).toBeLessThan(1e-4);
    expect(Math.abs(l1[0]! - l1[2]!)).toBeGreaterThan(1e-3 * largest(l1));
    const table = embeddingOf(models[kind]);
    const timesInput = rows.map((row, i) => row.reduce((sum, x, d) => sum + x * table[pair.input[i]! * D + d]!, 0));
    const { scores } = await attribute(models[kind], { ...pair, method: "input_x_gradient" });
    expect(apart(scores, timesInput)).toBeLessThan(1e-4);
  });

  it("takes the norm first or last: equal for one target token, else at least as large", async () => {
    const pair = { input: draw(1, 9), target: draw(2, 5) };
    const one = { input: pair.input, target: pair.target.slice(0, 1) };
    const last = { aggregate: "norm_then_mean" } as const;
    const [a, b] = [await attribute(models.t5, one), await attribute(models.t5, { ...one, ...last })];
    expect(apart(a.scores, b.scores)).toBeLessThan(1e-6);
    const [mean, norms] = [await attribute(models.t5, pair), await attribute(models.t5, { ...pair, ...last })];
    expect(norms.scores.every((x, i) => x >= mean.scores[i]! * (1 - 1e-5))).toBe(true);
    expect(apart(norms.scores, mean.scores)).toBeGreaterThan(1e-2);
  });

  it("contrasts two answers: the difference of what each gives alone", async () => {
    for (const kind of KINDS) {
      const [gold, other] = [draw(4, 3), draw(5, 6)];
      const ask = { input: draw(3, 8), method: "input_x_gradient" } as const;
      const both = await attribute(models[kind], { ...ask, target: gold, other, scalar: "contrastive" });
      const [a, b] = [
        await attribute(models[kind], { ...ask, target: gold }),
        await attribute(models[kind], { ...ask, target: other }),
      ];
      const difference = a.scores.map((x, i) => x - b.scores[i]!);
      expect(apart(both.scores, difference)).toBeLessThan(1e-4);
      expect(both.targetLogits).toEqual(a.targetLogits);
    }
  });
});

describe("all methods", () => {
  const variants: [ComputedMethod, MethodOptions][] = [
    ["gradient", {}],
    ["gradient", { norm: "l2", scalar: "log_probability" }],
    ["gradient", { scalar: "max_logit", aggregate: "norm_then_mean" }],
    ["input_x_gradient", { absolute: true }],
    ["integrated_gradients", { steps: 4, baseline: "mean" }],
    ["attention", {}],
    ["attention_rollout", {}],
    ["random", { seed: 3 }],
  ];

  it("cover every method", () => {
    expect(new Set(variants.map(([method]) => method))).toEqual(new Set(Object.keys(METHODS)));
  });

  it.each(KINDS.flatMap((kind) => variants.map(([method, options]) => [kind, method, options] as const)))(
    "%s %s %o: a pair has the same scores alone and among others, and twice the same",
    async (kind, method, options) => {
      const model = models[kind];
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.integer({ min: 1, max: 21 }), fc.integer({ min: 1, max: 6 })), {
            minLength: 2,
            maxLength: 5,
          }),
          fc.constantFrom(40, 4096),
          async (lengths, batchPlaces) => {
            const pairs = lengths.map(([n, m], i) => ({ input: draw(i, n), target: draw(100 + i, m) }));
            const ids = pairs.map((_, i) => `pair ${i}`);
            const request = {
              input: pairs.map((pair) => pair.input),
              target: pairs.map((pair) => pair.target),
              ids,
              method,
              batchPlaces,
              ...options,
            };
            const together = await attribute(model, request);
            expect(await attribute(model, request)).toEqual(together);
            for (const [i, pair] of pairs.entries()) {
              const [alone] = await attribute(model, {
                input: [pair.input],
                target: [pair.target],
                ids: [ids[i]!],
                method,
                ...options,
              });
              expect(together[i]!.scores).toHaveLength(pair.input.length);
              expect(apart(together[i]!.scores, alone!.scores)).toBeLessThan(1e-5);
            }
          },
        ),
        { numRuns: 4, seed: 11 },
      );
    },
  );

  it("attention adds up: one input token gets all of a cross-attention, causal tokens at most what there is", async () => {
    const one = { input: draw(1, 1), target: draw(2, 4) };
    for (const method of ["attention", "attention_rollout"] as const)
      expect((await attribute(models.t5, { ...one, method })).scores[0]).toBeCloseTo(1, 5);
    const several = { input: draw(3, 7), target: draw(4, 3) };
    for (const method of ["attention", "attention_rollout"] as const) {
      const total = async (model: AnyLanguageModel) =>
        (await attribute(model, { ...several, method })).scores.reduce((a, b) => a + b);
      expect(await total(models.t5)).toBeCloseTo(1, 5);
      expect(await total(models.llama)).toBeLessThan(1);
    }
  });

  it("a model without attention is asked by gradients alone", async () => {
    const config = { model_type: "mamba", vocab_size: 60, hidden_size: 8, num_hidden_layers: 1, state_size: 4 };
    const mamba = createModel(config, 1, { device: "cpu" });
    const pair = { input: draw(3, 7), target: draw(4, 3) };
    for (const method of ["attention", "attention_rollout"] as const)
      await expect(attribute(mamba, { ...pair, method })).rejects.toThrow(/HC6110.*mamba/s);
    const { scores } = await attribute(mamba, { ...pair, method: "input_x_gradient" });
    expect(scores).toHaveLength(7);
    expect(scores.every(Number.isFinite)).toBe(true);
    await mamba.dispose();
  });

  it("random scores come from seed and id alone", async () => {
    const request = { input: draw(1, 6), target: draw(2, 2), method: "random" } as const;
    const scores = async (more: object) => {
      const [result] = await attribute(models.t5, {
        ...request,
        input: [request.input],
        target: [request.target],
        ...more,
      });
      return result!.scores;
    };
    expect(await scores({ ids: ["a"] })).toEqual(await scores({ ids: ["a"] }));
    expect(await scores({ ids: ["a"] })).not.toEqual(await scores({ ids: ["b"] }));
    expect(await scores({ ids: ["a"], seed: 1 })).not.toEqual(await scores({ ids: ["a"], seed: 2 }));
  });
});

describe("integrated gradients", () => {
  it("quadrature: known nodes, exact for polynomials, weights that sum to 1", () => {
    expect(Array.from(gaussLegendre(1).nodes)).toEqual([0.5]);
    const three = gaussLegendre(3);
    const side = Math.sqrt(0.6) / 2;
    for (const [i, x] of [0.5 - side, 0.5, 0.5 + side].entries()) expect(three.nodes[i]).toBeCloseTo(x, 14);
    for (const [i, w] of [5 / 18, 8 / 18, 5 / 18].entries()) expect(three.weights[i]).toBeCloseTo(w, 14);
    for (const n of [2, 5, 32, 1024]) {
      const { nodes, weights } = gaussLegendre(n);
      const integral = (power: number) => nodes.reduce((sum, x, i) => sum + weights[i]! * x ** power, 0);
      for (const power of [0, 1, 2 * n - 1]) expect(integral(power)).toBeCloseTo(1 / (power + 1), 12);
    }
  });

  it("completes from the pad and the mean embedding, and warns where it does not", async () => {
    const events: ProgressEvent[] = [];
    const context = { ...quietContext("attribute"), report: (event: ProgressEvent) => void events.push(event) };
    const pair = { input: draw(1, 9), target: draw(2, 4), method: "integrated_gradients" } as const;
    for (const kind of KINDS)
      for (const baseline of ["pad", "mean"] as const) {
        const result = await attribute(models[kind], { ...pair, baseline, steps: 128 }, context);
        const { input: atInput, baseline: atBaseline, delta } = result.completeness!;
        const total = result.scores.reduce((a, b) => a + b, 0);
        expect(total).toBeCloseTo(atInput - atBaseline + delta, 4);
        expect(Math.abs(delta)).toBeLessThan(0.05 * Math.abs(atInput - atBaseline));
        const logits = result.targetLogits!;
        expect(atInput).toBeCloseTo(logits.reduce((a, b) => a + b, 0) / logits.length, 5);
      }
    expect(events).toEqual([]);
    await attribute(models.t5, { ...pair, baseline: "zero", steps: 2 }, context);
    expect(events).toMatchObject([{ type: "warning", message: expect.stringMatching(/in 1 of 1 examples/) }]);
  });

  it("starts where it is told to: the mean of the table, or a given id", async () => {
    const pair = { input: Int32Array.of(7, 7, 7), target: draw(2, 2), method: "integrated_gradients" } as const;
    const itself = await attribute(models.llama, { ...pair, padId: 7 });
    expect(largest(itself.scores)).toBe(0);
    const model = tinyModel("llama", 5);
    const table = embeddingOf(model);
    for (let id = 1; id < VOCABULARY; id++) table.copyWithin(id * 16, 0, 16);
    const equal = await attribute(model, { ...pair, baseline: "mean" });
    expect(largest(equal.scores)).toBeLessThan(1e-4);
    await model.dispose();
  });
});

describe("mistakes", () => {
  const pair = { input: draw(1, 4), target: draw(2, 2) };
  const cases: [string, RegExp, () => Promise<unknown>][] = [
    [
      "an option of another method",
      /HC6101: .*gradient takes no option steps/,
      () => attribute(models.t5, { ...pair, steps: 3 }),
    ],
    [
      "a misspelt option",
      /HC6101[\s\S]*write norm/,
      () => attribute(models.t5, { ...pair, nrom: "l1" } as typeof pair),
    ],
    [
      "a value out of range",
      /HC6102[\s\S]*steps/,
      () => attribute(models.t5, { ...pair, method: "integrated_gradients", steps: 0 }),
    ],
    [
      "a pad id that has no effect",
      /HC6102[\s\S]*padId has no effect with baseline zero/,
      () => attribute(models.t5, { ...pair, method: "integrated_gradients", baseline: "zero", padId: 0 }),
    ],
    ["an unknown method", /HC6102/, () => attribute(models.t5, { ...pair, method: "lime" as "random" })],
    [
      "pairs that do not match",
      /HC6104[\s\S]*1 of target/,
      () => attribute(models.t5, { input: [pair.input, pair.input], target: [pair.target] }),
    ],
    ["an empty input", /HC6104[\s\S]*no tokens/, () => attribute(models.t5, { ...pair, input: new Int32Array() })],
    ["no other answer", /HC6104[\s\S]*needs another/, () => attribute(models.t5, { ...pair, scalar: "contrastive" })],
    [
      "an other answer without effect",
      /HC6104[\s\S]*no effect/,
      () => attribute(models.t5, { ...pair, other: pair.target }),
    ],
    ["an unknown id", /HC1105/, () => attribute(models.t5, { ...pair, input: Int32Array.of(VOCABULARY) })],
  ];
  it.each(cases)("%s", async (_, message, act) => {
    await expect(act()).rejects.toThrow(message);
  });

  it("a model without a padding token, and one whose weights are not numbers", async () => {
    const bare = tinyModel("llama", 1, { pad_token_id: null });
    await expect(attribute(bare, { ...pair, method: "integrated_gradients" })).rejects.toThrow(/HC6103[\s\S]*padId/);
    bare.weights.get("model.norm.weight")![0] = Number.NaN;
    await expect(attribute(bare, pair)).rejects.toThrow(/HC6105[\s\S]*NaN/);
    await bare.dispose();
  });
});
