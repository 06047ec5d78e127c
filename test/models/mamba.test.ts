import { existsSync } from "node:fs";
import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseHfConfig } from "../../src/formats/hf_config.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { gradients } from "../../src/graph/autodiff.ts";
import { linearCrossEntropy } from "../../src/graph/composite/cross_entropy.ts";
import { neg, reshape, sumAll } from "../../src/graph/ops/index.ts";
import { ancestors, input } from "../../src/graph/value.ts";
import { describeModel } from "../../src/models/architecture.ts";
import { lossGraph } from "../../src/models/causal_graphs.ts";
import { conditionalGraph } from "../../src/models/conditional.ts";
import { generateBatch } from "../../src/models/generate.ts";
import { createModel, loadModel, saveModel } from "../../src/models/load.ts";
import type { Pair } from "../../src/models/pairs.ts";
import { weightInputs } from "../../src/models/weight_inputs.ts";
import { Random } from "../../src/random.ts";
import { Executable } from "../../src/runtime/executable.ts";
import { MINIPLM_ADAMW } from "../../src/train/adamw.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { checkGradients } from "../graph/check.ts";

type Config = Parameters<typeof createModel>[0];

const V = 50;
const MAMBA: Config = {
  model_type: "mamba",
  vocab_size: V,
  hidden_size: 16,
  num_hidden_layers: 2,
  state_size: 4,
  eos_token_id: 2,
  // Wide enough that logits differ: the greedy choice is not a near-tie.
  initializer_range: 0.3,
};
const CONFIGS: Record<string, Config> = {
  mamba: MAMBA,
  "mamba with every switch turned": {
    ...MAMBA,
    state_size: 3,
    expand: 3,
    conv_kernel: 2,
    use_bias: true,
    use_conv_bias: false,
    time_step_rank: 5,
    time_step_init_scheme: "constant",
    rescale_prenorm_residual: true,
    tie_word_embeddings: false,
  },
};

const describing = (config: Config) => describeModel(parseHfConfig(config, "c"), "c");
const ids = (seed: number, length: number) => {
  const random = new Random(seed, "test/mamba");
  return Int32Array.from({ length }, () => 3 + random.below(V - 3));
};
const gap = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((worst, x, i) => Math.max(worst, Number.isNaN(x) ? Infinity : Math.abs(x - b[i]!)), 0);

/** A model whose biases are not the zeros it would start with, so that what reaches padding shows. */
function create(config: Config, seed: number) {
  const model = createModel(config, seed);
  const random = new Random(seed, "test/mamba/bias");
  for (const [name, data] of model.weights)
    if (/(conv1d|in_proj|out_proj)\.bias$/.test(name)) for (const i of data.keys()) data[i] = 0.1 * random.normal();
  return model;
}

describe.each(Object.entries(CONFIGS))("%s", (_name, config) => {
  it("scores a text the same alone and among others, over several chunks", async () => {
    const model = create(config, 1);
    const texts = [5, 200, 40, 2, 66, 17].map((n, i) => ids(i, n));
    const together = await model.tokenNll(texts);
    for (const [i, text] of texts.entries()) {
      const logits = (await model.logits(text.slice(0, -1)))[0]!;
      const alone = Array.from(text.subarray(1), (id, t) => {
        const row = logits.subarray(t * V, (t + 1) * V);
        return Math.log(row.reduce((s, x) => s + Math.exp(x), 0)) - row[id]!;
      });
      expect(gap(together[i]!, alone)).toBeLessThan(3e-5);
    }
    await model.dispose();
  });

  it("reads a document behind a barrier as if it stood alone", async () => {
    const model = create(config, 1);
    for (const length of [1, 2, 9, 100]) {
      const [first, second] = [ids(1, length), ids(2, 12)];
      const packed = Int32Array.of(...first, 2, ...second);
      const tail = (nll: Float32Array) => nll.subarray(first.length + 1);
      const [alone] = await model.tokenNll([second]);
      const [barred] = await model.tokenNll([packed], { eosId: 2 });
      const [open] = await model.tokenNll([packed]);
      expect(gap(tail(barred!), alone!)).toBeLessThan(3e-5);
      expect(gap(tail(open!), alone!)).toBeGreaterThan(1e-3);
    }
    await model.dispose();
  });

  it("does not see padding, on either side", async () => {
    const model = create(config, 1);
    const text = ids(1, 20);
    const [alone] = await model.logits(text);
    for (const before of [0, 1, 7, 90]) {
      const after = 90 - before;
      const padded = Int32Array.of(...ids(2, before), ...text, ...ids(3, after));
      const mask = Int32Array.from(padded, (_, i) => Number(i >= before && i < before + 20));
      const [logits] = await model.logits([padded], [mask]);
      expect(gap(alone!, logits!.subarray(before * V, (before + 20) * V))).toBeLessThan(1e-5);
    }
    await model.dispose();
  });

  it("answers pairs the same alone and in a padded batch", async () => {
    const model = create(config, 1);
    const lengths = [
      [30, 3],
      [1, 7],
      [84, 7],
      [12, 1],
    ];
    const pairs = lengths.map(([s, t], i): Pair => ({ input: ids(i, s!), target: ids(9 + i, t!) }));
    const together = await model.targetLogProbs(pairs);
    for (const [i, { input: given, target }] of pairs.entries()) {
      const [nll] = await model.tokenNll([Int32Array.of(...given, ...target)]);
      const alone = nll!.slice(-target.length).map((x) => -x);
      expect(gap(together[i]!, alone)).toBeLessThan(3e-5);
    }
    await model.dispose();
  });

  it("generates from its state what full passes give, in a batch as alone, while rows leave it", async () => {
    const model = create(config, 3);
    const prompts = [7, 1, 70, 2, 20, 3, 3, 16, 17].map((n, i) => ids(i, n));
    const options = { maxNewTokens: 40 };
    const together = await generateBatch(model, prompts, options);
    expect(new Set(together.map((made) => made.join())).size).toBeGreaterThan(1);
    for (const [i, prompt] of prompts.entries()) {
      const made = together[i]!;
      const [logits] = await model.logits(Int32Array.of(...prompt, ...made.subarray(0, -1)));
      for (const [t, id] of made.entries()) {
        const row = logits!.subarray((prompt.length - 1 + t) * V, (prompt.length + t) * V);
        expect(Math.max(...row) - row[id]!, `token ${t}`).toBeLessThan(1e-4);
      }
    }
    const sampled = { maxNewTokens: 60, temperature: 1, seed: 2 };
    const free = await generateBatch(model, prompts, sampled);
    const stopIds = Array.from({ length: V }, (_, id) => id).filter((id) => !free.at(-1)!.includes(id));
    const stopped = await generateBatch(model, prompts, { ...sampled, stopIds });
    for (const [i, made] of free.entries()) {
      const end = made.findIndex((id) => stopIds.includes(id));
      expect(stopped[i]).toEqual(end < 0 ? made : made.slice(0, end + 1));
      const [alone] = await generateBatch(model, [prompts[i]!], { ...sampled, streams: [String(i)] });
      expect(alone).toEqual(made);
    }
    await model.dispose();
  });

  it.each([
    ["causal", undefined],
    ["segments", Int32Array.of(0, 0, 0, 1, 1, 1, 0, 1, 1, 2, 2, -1)],
    ["padding", Int32Array.of(1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1)],
  ] as const)("has exact gradients in float64, also with recomputation (%s)", async (visibility, visible) => {
    const description = describing({ ...config, vocab_size: 12 });
    if (description.kind !== "causal") throw new Error("expected a causal model");
    const { weights } = create({ ...config, vocab_size: 12 }, 6);
    for (const recompute of visibility === "causal" ? [false, true] : [true]) {
      const { loss } = lossGraph(description, { B: 2, T: 6, visibility, recompute }, "float64");
      const inputs = ancestors([loss!]).filter(({ origin }) => origin.kind === "input" && weights.has(origin.name));
      expect(inputs).toHaveLength(weights.size);
      const feeds: Record<string, Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>> = {
        ids: Int32Array.of(3, 4, 5, 4, 7, 2, 3, 3, 9, 1, 6, 0),
        targets: Int32Array.of(4, 5, 4, 7, 2, 8, 3, 9, 1, 6, 5, 0),
        loss_weights: Float64Array.of(0.2, 0.1, 0.1, 0.3, 0.2, 0, 0, 0, 0.1, 0.2, 0.1, 0.1),
        ...(visible && { visibility: Int32Array.from(visible) }),
      };
      for (const [name, data] of weights) feeds[name] = Float64Array.from(data);
      await checkGradients("loss", loss!, inputs, feeds, new Random(1, "test/mamba"), { stride: 41 });
    }
  });

  it("learns in 50 steps, and reads back what it wrote", async () => {
    const { description, weights } = createModel({ ...config, initializer_range: 0.1 }, 1);
    const trainer = new Trainer(description, weights, {
      length: 24,
      microBatch: 4,
      accumulates: true,
      device: "cpu",
      recompute: false,
      lossNormalization: "token",
      documentBarrier: true,
      adamw: MINIPLM_ADAMW,
    });
    // Each token follows from the one before.
    const texts = Array.from({ length: 8 }, (_, i) => {
      const text = [3 + i];
      while (text.length < 25) text.push(3 + ((text.at(-1)! * 7 + 1) % 20));
      return Int32Array.from(text);
    });
    const losses: number[] = [];
    for (let step = 1; step <= 50; step++) losses.push((await trainer.step(texts, step, 5e-3)).loss);
    expect(losses[0]).toBeGreaterThan(Math.log(V) - 0.3);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
    const folder = await mkdtemp(join(tmpdir(), "heartcut-mamba-"));
    await saveModel(description, trainer.weights, folder);
    const again = await loadModel(folder);
    expect([...again.weights.keys()]).toEqual([...trainer.weights.keys()]);
    const want = await trainer.model.logits(texts[0]!);
    expect(gap((await again.logits(texts[0]!))[0]!, want[0]!)).toBe(0);
    await again.dispose();
    await trainer.dispose();
  });
});

it("draws fresh weights as transformers does", () => {
  const config = { ...MAMBA, hidden_size: 128, initializer_range: 0.1, num_hidden_layers: 4, state_size: 16 };
  const weightsOf = (more: Config) => createModel({ ...config, ...more }, 1).weights;
  const weights = weightsOf({});
  const mixer = (name: string, from = weights) => from.get(`backbone.layers.1.mixer.${name}`)!;
  const bound = (data: Float32Array) => data.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
  const spread = (data: Float32Array) => Math.sqrt(data.reduce((s, x) => s + x * x, 0) / data.length);
  expect(mixer("A_log").subarray(16, 32)).toEqual(Float32Array.from({ length: 16 }, (_, n) => Math.log(n + 1)));
  expect(mixer("D").every((x) => x === 1)).toBe(true);
  for (const name of ["in_proj.weight", "x_proj.weight"]) expect(spread(mixer(name))).toBeCloseTo(0.1, 2);
  for (const [name, width] of [
    ["conv1d.weight", 4 ** -0.5],
    ["out_proj.weight", 256 ** -0.5],
    ["dt_proj.weight", 8 ** -0.5],
  ] as const) {
    expect(bound(mixer(name))).toBeLessThanOrEqual(Math.fround(width));
    expect(spread(mixer(name)) / width).toBeCloseTo(3 ** -0.5, 1);
  }
  const steps = Array.from(mixer("dt_proj.bias"), (x) => Math.log(Math.log1p(Math.exp(x)))).sort((a, b) => a - b);
  expect(steps[0]).toBeGreaterThan(Math.log(0.001) - 1e-4);
  expect(steps.at(-1)).toBeLessThan(Math.log(0.1) + 1e-4);
  expect(steps[128]! - (Math.log(0.001) + Math.log(0.1)) / 2).toBeCloseTo(0, 0);
  const other = weightsOf({ time_step_init_scheme: "constant", time_step_scale: 2, rescale_prenorm_residual: true });
  expect(mixer("dt_proj.weight", other).every((x) => x === Math.fround(2 * 8 ** -0.5))).toBe(true);
  expect(bound(mixer("out_proj.weight", other))).toBeLessThanOrEqual(Math.fround(256 ** -0.5 / 2));
});

it("writes out the defaults that it read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "heartcut-mamba-"));
  const { description, weights } = createModel(MAMBA, 1);
  await saveModel(description, weights, folder);
  expect(JSON.parse(await readFile(join(folder, "config.json"), "utf8"))).toMatchObject({
    architectures: ["MambaForCausalLM"],
    bos_token_id: null,
    eos_token_id: 2,
    pad_token_id: null,
    intermediate_size: 32,
    expand: 2,
    conv_kernel: 4,
    time_step_rank: 1,
    tie_word_embeddings: true,
    use_bias: false,
    use_conv_bias: true,
  });
});

describe("bad input", () => {
  it.each<[string, Config]>([
    ["hidden_size", { hidden_size: null }],
    ["conv_kernel", { conv_kernel: 1 }],
    ["expand", { expand: 1.5 }],
    ["intermediate_size", { intermediate_size: 48 }],
    ["hidden_act", { hidden_act: "relu" }],
    ["rms_norm", { rms_norm: false }],
    ["time_step_rank", { time_step_rank: "small" }],
    ["time_step_max", { time_step_max: 1e-4 }],
    ["time_step_init_scheme", { time_step_init_scheme: "normal" }],
    ["use_bias", { use_bias: "no" }],
    ["logits_scaling", { logits_scaling: 8 }],
  ])("refuses a config by its %s", (key, harmful) => {
    expect(() => describing({ ...MAMBA, ...harmful })).toThrow(new RegExp(`HC1101[\\s\\S]*${key}`));
  });

  it("takes keys that change nothing, and texts of any length", () => {
    const kept = { use_mambapy: true, residual_in_fp32: false, intermediate_size: 32, d_model: 16, n_layer: 2 };
    const { config, parameterCount } = describing({ ...MAMBA, ...kept });
    expect(parameterCount).toBe(describing(MAMBA).parameterCount);
    expect(config).toMatchObject({ maxPositions: Infinity });
  });
});

const GOLDEN = join(import.meta.dirname, "../../../shared/fixtures/models/mamba");

it.skipIf(!existsSync(GOLDEN))("gradients to the embeddings are PyTorch's (skipped: no shared fixtures)", async () => {
  const model = await loadModel(GOLDEN);
  const file = await openSafetensors(join(GOLDEN, "expected.safetensors"));
  const want = await file.readFloat32("attr.grad");
  const [S, D] = file.tensors.get("attr.grad")!.shape as [number, number];
  const all = Int32Array.from((await file.readTyped("input_ids")) as BigInt64Array, Number);
  await file.close();
  const graph = conditionalGraph(model.description, weightInputs(model.description, "float32").get);
  const embeddings = graph.embed(input("input_ids", "int32", [1, S]));
  const encoded = graph.encode(embeddings, input("mask", "int32", [1, S]));
  const { hidden } = encoded.decode(input("previous", "int32", [1, 1]));
  const nll = linearCrossEntropy(hidden, graph.head, input("target", "int32", [1]));
  const [gradient] = gradients(neg(sumAll(nll)), [embeddings]);
  const executable = await Executable.compile({ gradient: reshape(gradient!, [S, D]) });
  const mask = new Int32Array(S).fill(1);
  const feeds = { input_ids: all.slice(0, S), mask, previous: new Int32Array(1), target: all.slice(S, S + 1) };
  const got = (await executable.run(model.feeds(feeds))).gradient as Float32Array;
  expect(gap(got, want)).toBeLessThan(1e-5 * want.reduce((m, x) => Math.max(m, Math.abs(x)), 0));
  await model.dispose();
});
