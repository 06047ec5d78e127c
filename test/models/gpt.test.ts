import { mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseHfConfig } from "../../src/formats/hf_config.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { ancestors } from "../../src/graph/value.ts";
import { describeModel } from "../../src/models/architecture.ts";
import { lossGraph } from "../../src/models/causal_graphs.ts";
import { createModel, loadModel, saveModel } from "../../src/models/load.ts";
import type { Pair } from "../../src/models/pairs.ts";
import { Random } from "../../src/random.ts";
import { MINIPLM_ADAMW } from "../../src/train/adamw.ts";
import { Trainer } from "../../src/train/trainer.ts";
import { checkGradients } from "../graph/check.ts";

type Config = Parameters<typeof createModel>[0];

const GPT2: Config = {
  model_type: "gpt2",
  vocab_size: 50,
  n_embd: 16,
  n_layer: 2,
  n_head: 4,
  // No multiple of a length class: batches near the end are padded beyond the table of positions.
  n_positions: 90,
  eos_token_id: 2,
  // Wide enough that logits differ: the greedy choice is not a near-tie.
  initializer_range: 0.3,
};
const NEOX: Config = {
  model_type: "gpt_neox",
  vocab_size: 50,
  hidden_size: 32,
  intermediate_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 90,
  eos_token_id: 2,
  initializer_range: 0.3,
};
const CONFIGS: Record<string, Config> = {
  gpt2: GPT2,
  "gpt2 with every switch turned": {
    ...GPT2,
    n_inner: 24,
    activation_function: "relu",
    scale_attn_weights: false,
    scale_attn_by_inverse_layer_idx: true,
    tie_word_embeddings: false,
  },
  gpt_neox: NEOX,
  "gpt_neox with every switch turned": {
    ...NEOX,
    hidden_act: "gelu_new",
    use_parallel_residual: false,
    attention_bias: false,
    tie_word_embeddings: true,
    rotary_pct: 0.5,
    rotary_emb_base: 500,
  },
};

const describing = (config: Config) => describeModel(parseHfConfig(config, "c"), "c");
const ids = (seed: number, length: number) => {
  const random = new Random(seed, "test/gpt");
  return Int32Array.from({ length }, () => 3 + random.below(47));
};
const gap = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((worst, x, i) => Math.max(worst, Math.abs(x - b[i]!)), 0);

describe.each(Object.entries(CONFIGS))("%s", (_name, config) => {
  it("scores a text the same alone and among others, up to the end of its context", async () => {
    const model = createModel(config, 1);
    const texts = [5, 91, 40, 2, 66, 17].map((n, i) => ids(i, n));
    const together = await model.tokenNll(texts);
    for (const [i, text] of texts.entries()) {
      const logits = (await model.logits(text.slice(0, -1)))[0]!;
      const alone = Array.from(text.subarray(1), (id, t) => {
        const row = logits.subarray(t * 50, (t + 1) * 50);
        return Math.log(row.reduce((s, x) => s + Math.exp(x), 0)) - row[id]!;
      });
      expect(together[i]).toHaveLength(text.length - 1);
      expect(gap(together[i]!, alone)).toBeLessThan(3e-5);
    }
    await model.dispose();
  });

  it("reads a document behind a barrier as if it stood alone", async () => {
    const model = createModel(config, 1);
    const [first, second] = [ids(1, 9), ids(2, 12)];
    const packed = Int32Array.of(...first, 2, ...second);
    const tail = (nll: Float32Array) => nll.subarray(first.length + 1);
    const [alone] = await model.tokenNll([second]);
    const [barred] = await model.tokenNll([packed], { eosId: 2 });
    const [open] = await model.tokenNll([packed]);
    expect(gap(tail(barred!), alone!)).toBeLessThan(3e-5);
    expect(gap(tail(open!), alone!)).toBeGreaterThan(1e-2);
    await model.dispose();
  });

  it("answers pairs the same alone and in a padded batch, up to the end of its context", async () => {
    const model = createModel(config, 1);
    const pairs = [
      [30, 3],
      [1, 7],
      [84, 7],
      [12, 1],
    ].map(([input, target], i): Pair => ({ input: ids(i, input!), target: ids(9 + i, target!) }));
    const together = await model.targetLogProbs(pairs);
    for (const [i, { input, target }] of pairs.entries()) {
      const [nll] = await model.tokenNll([Int32Array.of(...input, ...target)]);
      expect(
        gap(
          together[i]!,
          nll!.slice(-target.length).map((x) => -x),
        ),
      ).toBeLessThan(3e-5);
    }
    await model.dispose();
  });

  it("generates with a cache what full passes give, to the last position", async () => {
    const model = createModel(config, 3);
    const prompts = [ids(4, 7), ids(5, 20)];
    for (const prompt of prompts) {
      const made = await model.generate(prompt, { maxNewTokens: 90 - prompt.length });
      const [logits] = await model.logits(Int32Array.of(...prompt, ...made.subarray(0, -1)));
      for (const [i, id] of made.entries()) {
        const row = logits!.subarray((prompt.length - 1 + i) * 50, (prompt.length + i) * 50);
        expect(Math.max(...row) - row[id]!, `token ${i}`).toBeLessThan(1e-4);
      }
    }
    await model.dispose();
  });

  it.each([
    ["causal", undefined],
    ["segments", Int32Array.of(0, 0, 0, 1, 1, 1, 0, 1, 1, 2, 2, -1)],
    ["padding", Int32Array.of(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0)],
  ] as const)("has exact gradients in float64, also with recomputation (%s)", async (visibility, visible) => {
    const description = describing({ ...config, vocab_size: 12 });
    if (description.kind !== "causal") throw new Error("expected a causal model");
    const { weights } = createModel({ ...config, vocab_size: 12 }, 6);
    for (const recompute of visibility === "causal" ? [false, true] : [true]) {
      const { loss } = lossGraph(description, { B: 2, T: 6, visibility, recompute }, "float64");
      const inputs = ancestors([loss!]).filter(({ origin }) => origin.kind === "input" && weights.has(origin.name));
      expect(inputs).toHaveLength(weights.size);
      const feeds: Record<string, Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>> = {
        ids: Int32Array.of(3, 4, 5, 4, 7, 2, 3, 3, 9, 1, 6, 0),
        targets: Int32Array.of(4, 5, 4, 7, 2, 8, 3, 9, 1, 6, 5, 0),
        loss_weights: Float64Array.of(0.2, 0.1, 0.1, 0.3, 0.2, 0.1, 0.1, 0.3, 0.1, 0.2, 0.1, 0),
        ...(visible && { visibility: Int32Array.from(visible) }),
      };
      for (const [name, data] of weights) feeds[name] = Float64Array.from(data);
      await checkGradients("loss", loss!, inputs, feeds, new Random(1, "test/gpt"), { stride: 41 });
    }
  });

  it("learns in 50 steps, and reads back what it wrote", async () => {
    const { description, weights } = createModel({ ...config, initializer_range: 0.02 }, 1);
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
    expect(losses[0]).toBeGreaterThan(Math.log(50) - 0.3);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
    const folder = await mkdtemp(join(tmpdir(), "heartcut-gpt-"));
    await saveModel(description, trainer.weights, folder);
    const again = await loadModel(folder);
    expect([...again.weights.keys()]).toEqual([...trainer.weights.keys()]);
    const want = await trainer.model.logits(texts[0]!);
    expect(gap((await again.logits(texts[0]!))[0]!, want[0]!)).toBe(0);
    await again.dispose();
    await trainer.dispose();
  });
});

describe("files of other ages", () => {
  it.each([
    [GPT2, "transformer.", ["h.0.attn.bias", "h.1.attn.masked_bias"], "lm_head.weight"],
    [
      NEOX,
      "gpt_neox.",
      ["layers.0.attention.bias", "layers.1.attention.masked_bias", "layers.0.attention.rotary_emb.inv_freq"],
      "",
    ],
  ])("reads weights without prefix and with old buffers: $model_type", async (config, prefix, buffers, head) => {
    const { description, weights } = createModel(config, 1);
    const folder = await mkdtemp(join(tmpdir(), "heartcut-gpt-"));
    await saveModel(description, weights, folder);
    const tensors = description.parameters.map(({ name, shape }) => ({
      name: name.startsWith(prefix) ? name.slice(prefix.length) : name,
      dtype: "F32" as const,
      shape: [...shape],
      data: weights.get(name)!,
    }));
    const others = [...buffers, head].filter((name) => name !== "");
    await writeSafetensors(join(folder, "model.safetensors"), [
      ...tensors,
      ...others.map((name) => ({ name, dtype: "F32" as const, shape: [2], data: Float32Array.of(1, 2) })),
    ]);
    const model = await loadModel(folder);
    expect(model.weights).toEqual(weights);
    await model.dispose();
  });

  it("takes transformers' other names for GPT-2's sizes, unless they disagree", () => {
    const { n_embd, n_layer, n_head, n_positions, ...rest } = GPT2 as Record<string, number>;
    const others = {
      hidden_size: n_embd!,
      num_hidden_layers: n_layer!,
      num_attention_heads: n_head!,
      max_position_embeddings: n_positions!,
    };
    expect(describing({ ...rest, ...others }).json).toEqual(describing(GPT2).json);
    expect(() => describing({ ...GPT2, hidden_size: 32 })).toThrow(/HC1101[\s\S]*hidden_size[\s\S]*16 as n_embd says/);
  });

  it("writes out the defaults that it read", async () => {
    const folder = await mkdtemp(join(tmpdir(), "heartcut-gpt-"));
    const written = async (config: Config) => {
      const { description, weights } = createModel(config, 1);
      await saveModel(description, weights, folder);
      return JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
    };
    expect(await written(GPT2)).toMatchObject({
      architectures: ["GPT2LMHeadModel"],
      bos_token_id: null,
      eos_token_id: 2,
      n_inner: null,
      activation_function: "gelu_new",
      layer_norm_epsilon: 1e-5,
      scale_attn_weights: true,
      scale_attn_by_inverse_layer_idx: false,
      tie_word_embeddings: true,
    });
    expect(await written({ ...NEOX, rotary_pct: 0.5 })).toMatchObject({
      architectures: ["GPTNeoXForCausalLM"],
      hidden_act: "gelu",
      layer_norm_eps: 1e-5,
      use_parallel_residual: true,
      attention_bias: true,
      tie_word_embeddings: false,
      rotary_pct: 0.5,
      rotary_emb_base: 10000,
      rope_parameters: { partial_rotary_factor: 0.5, rope_theta: 10000, rope_type: "default" },
    });
  });
});

it("draws fresh weights as transformers does", () => {
  const { weights } = createModel({ ...GPT2, n_embd: 64, initializer_range: 0.02, n_layer: 8 }, 1);
  const spread = (name: string) => {
    const data = weights.get(`transformer.${name}.weight`)!;
    return Math.sqrt(data.reduce((s, x) => s + x * x, 0) / data.length);
  };
  for (const name of ["h.0.attn.c_attn", "h.7.mlp.c_fc", "wpe", "wte"]) expect(spread(name)).toBeCloseTo(0.02, 3);
  for (const name of ["h.0.attn.c_proj", "h.7.mlp.c_proj"]) expect(spread(name)).toBeCloseTo(0.005, 3);
  expect(spread("h.3.ln_1")).toBe(1);
  expect(weights.get("transformer.h.3.mlp.c_fc.bias")!.every((x) => x === 0)).toBe(true);
});

describe("bad input", () => {
  it.each<["gpt2" | "gpt_neox", string, Config]>([
    ["gpt2", "add_cross_attention", { add_cross_attention: true }],
    ["gpt2", "n_ctx", { n_ctx: 45 }],
    ["gpt2", "num_key_value_heads", { num_key_value_heads: 2 }],
    ["gpt2", "head_dim", { head_dim: 8 }],
    ["gpt2", "n_head", { n_head: 3 }],
    ["gpt2", "n_embd", { n_embd: 16.5 }],
    ["gpt2", "n_layer", { n_layer: null }],
    ["gpt2", "activation_function", { activation_function: "quick_gelu" }],
    ["gpt2", "scale_attn_weights", { scale_attn_weights: "yes" }],
    ["gpt2", "logit_scale", { logit_scale: 2 }],
    ["gpt2", "final_logit_softcapping", { final_logit_softcapping: 30 }],
    ["gpt_neox", "num_attention_heads", { num_attention_heads: 5 }],
    ["gpt_neox", "partial_rotary_factor", { rotary_pct: 0.4 }],
    ["gpt_neox", "partial_rotary_factor", { rotary_pct: 1.5 }],
    ["gpt_neox", "rope_type", { rope_scaling: { type: "dynamic", factor: 2 } }],
    ["gpt_neox", "intermediate_size", { intermediate_size: 0 }],
    ["gpt_neox", "hidden_act", { hidden_act: "mish" }],
    ["gpt_neox", "num_key_value_heads", { num_key_value_heads: 1 }],
    ["gpt_neox", "alibi", { alibi: true }],
  ])("refuses a %s config by its %s", (type, key, harmful) => {
    expect(() => describing({ ...CONFIGS[type]!, ...harmful })).toThrow(new RegExp(`HC1101[\\s\\S]*${key}`));
  });
  it("takes keys that change nothing", () => {
    const kept = { n_ctx: 90, reorder_and_upcast_attn: true, resid_pdrop: 0.1, num_key_value_heads: 4, head_dim: 4 };
    expect(describing({ ...GPT2, ...kept }).parameterCount).toBe(describing(GPT2).parameterCount);
  });
  it("refuses texts beyond GPT-2's learned positions, however they come", async () => {
    const model = createModel(GPT2, 1);
    const long = ids(1, 92);
    const weights = new Float32Array(91).fill(1);
    const batch = { B: 1, T: 91, ids: long.slice(0, 91), targets: long.slice(1), lossWeights: weights };
    await expect(model.logits(long)).rejects.toThrow(/HC1107.*92 tokens.*at most 90/s);
    await expect(model.tokenNll([ids(1, 4), long])).rejects.toThrow(/HC1107.*91 tokens/s);
    await expect(model.targetLogProbs([{ input: long.slice(0, 88), target: ids(2, 4) }])).rejects.toThrow(/HC1107/);
    await expect(model.batchNll(batch)).rejects.toThrow(/HC1107/);
    await expect(model.lossAndGradients(batch)).rejects.toThrow(/HC1107/);
    await expect(model.generate(ids(1, 80), { maxNewTokens: 11 })).rejects.toThrow(/HC1107/);
    await model.dispose();
  });
});
