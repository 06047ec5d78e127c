import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ancestors } from "../../src/graph/value.ts";
import { describeModel } from "../../src/models/architecture.ts";
import { lossGraph } from "../../src/models/causal_graphs.ts";
import { createModel, loadModel, saveModel } from "../../src/models/load.ts";
import { Random } from "../../src/random.ts";
import { checkGradients } from "../graph/check.ts";

const TINY = {
  model_type: "llama",
  vocab_size: 50,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  tie_word_embeddings: true,
  max_position_embeddings: 256,
  eos_token_id: 2,
};

const ids = (seed: number, length: number) => {
  const random = new Random(seed, "test/ids");
  return Int32Array.from({ length }, () => 3 + random.below(47));
};
const close = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((worst, x, i) => Math.max(worst, Math.abs(x - b[i]!)), 0);

describe("CausalLM", () => {
  it("scores a sequence the same alone and among others", async () => {
    const model = createModel(TINY, 1);
    const sequences = [5, 40, 17, 2, 130, 17].map((n, i) => ids(i, n));
    const together = await model.tokenNll(sequences);
    expect(together.map((nll) => nll.length)).toEqual(sequences.map((s) => s.length - 1));
    for (const [i, sequence] of sequences.entries()) {
      const [alone] = await model.tokenNll([sequence]);
      expect(close(together[i]!, alone!)).toBeLessThan(1e-5);
    }
    await model.dispose();
  });

  it("hides earlier documents behind a barrier, and only then", async () => {
    const model = createModel(TINY, 1);
    const [first, second] = [ids(1, 9), ids(2, 12)];
    const packed = Int32Array.of(...first, 2, ...second);
    const [open] = await model.tokenNll([packed]);
    const [barred] = await model.tokenNll([packed], { eosId: 2 });
    const [alone] = await model.tokenNll([second]);
    const tail = (nll: Float32Array) => nll.subarray(first.length + 1);
    expect(close(tail(barred!), alone!)).toBeLessThan(1e-5);
    expect(close(tail(open!), alone!)).toBeGreaterThan(1e-3);
    await model.dispose();
  });

  it("generates with a cache what full passes give", async () => {
    for (const config of [TINY, { ...TINY, model_type: "mistral", sliding_window: 5 }]) {
      const model = createModel(config, 3);
      const prompt = ids(4, 7);
      const cached = await model.generate(prompt, { maxNewTokens: 80 });
      let text = prompt;
      for (let i = 0; i < 80; i++) {
        const [logits] = await model.logits(text);
        const last = logits!.subarray(-50);
        const next = last.indexOf(Math.max(...last));
        // Near-ties may fall either way in float32; follow the cached choice there.
        if (next !== cached[i]) expect(last[next]! - last[cached[i]!]!).toBeLessThan(1e-5);
        text = Int32Array.of(...text, cached[i]!);
      }
      await model.dispose();
    }
  });

  it("samples by seed, within top-k and top-p", async () => {
    const model = createModel(TINY, 3);
    const sample = (seed: number, more = {}) =>
      model.generate(ids(4, 3), { maxNewTokens: 20, temperature: 1, seed, ...more });
    expect(await sample(1)).toEqual(await sample(1));
    expect(await sample(1)).not.toEqual(await sample(2));
    const greedy = await model.generate(ids(4, 3), { maxNewTokens: 20 });
    expect(await sample(5, { topK: 1 })).toEqual(greedy);
    expect(await sample(5, { topP: 1e-9 })).toEqual(greedy);
    await model.dispose();
  });

  it("writes a folder that reads back to the same weights, also in half precision and in shards", async () => {
    const model = createModel(TINY, 5);
    const folder = await mkdtemp(join(tmpdir(), "heartcut-model-"));
    await saveModel(model.description, model.weights, join(folder, "f32"));
    await saveModel(model.description, model.weights, join(folder, "bf16"), { dtype: "BF16", maxShardBytes: 2000 });
    const whole = await loadModel(join(folder, "f32"));
    const half = await loadModel(join(folder, "bf16"));
    for (const [name, weight] of model.weights) {
      expect(whole.weights.get(name)).toEqual(weight);
      expect(close(half.weights.get(name)!, weight)).toBeLessThan(0.01);
    }
    expect(JSON.parse(await readFile(join(folder, "bf16", "config.json"), "utf8")).torch_dtype).toBe("bfloat16");
    await Promise.all([model, whole, half].map((m) => m.dispose()));
  });

  it("writes out the defaults in which we and transformers differ", async () => {
    const folder = await mkdtemp(join(tmpdir(), "heartcut-config-"));
    const { num_key_value_heads: _kv, ...bare } = TINY;
    for (const type of ["llama", "qwen2", "mistral"]) {
      const model = createModel({ ...bare, model_type: type }, 1);
      await saveModel(model.description, model.weights, join(folder, type));
      const config = JSON.parse(await readFile(join(folder, type, "config.json"), "utf8")) as Record<string, unknown>;
      expect(config).toMatchObject({
        num_key_value_heads: 4,
        head_dim: 4,
        max_position_embeddings: 256,
        rms_norm_eps: 1e-6,
      });
      expect(config.architectures).toEqual([
        `${type === "qwen2" ? "Qwen2" : type[0]!.toUpperCase() + type.slice(1)}ForCausalLM`,
      ]);
      if (type === "mistral") expect(config.sliding_window).toBeNull();
    }
  });

  it("draws weights with the spread the config asks for", () => {
    const { weights } = createModel({ ...TINY, initializer_range: 0.05, vocab_size: 2000 }, 1);
    const table = weights.get("model.embed_tokens.weight")!;
    const std = Math.sqrt(table.reduce((s, x) => s + x * x, 0) / table.length);
    expect(std).toBeGreaterThan(0.0485);
    expect(std).toBeLessThan(0.0515);
    expect(weights.get("model.norm.weight")!.every((x) => x === 1)).toBe(true);
    expect(createModel(TINY, 1).weights).toEqual(createModel(TINY, 1).weights);
    expect(createModel(TINY, 1).weights).not.toEqual(createModel(TINY, 2).weights);
  });

  it("has gradients that agree with central differences in float64, also with recomputation", async () => {
    const { description, weights } = createModel({ ...TINY, hidden_size: 8, intermediate_size: 8, vocab_size: 20 }, 6);
    for (const recompute of [false, true]) {
      const { loss } = lossGraph(description, { B: 1, T: 4, recompute }, "float64");
      const inputs = ancestors([loss!]).filter((v) => v.origin.kind === "input");
      const feeds: Record<string, Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>> = {
        ids: Int32Array.of(3, 4, 5, 4),
        targets: Int32Array.of(4, 5, 4, 1),
        loss_weights: Float64Array.of(0.4, 0.3, 0.2, 0.1),
      };
      for (const [name, data] of weights) feeds[name] = Float64Array.from(data, (x) => 10 * x);
      const wrt = inputs.filter((v) => v.origin.kind === "input" && weights.has(v.origin.name));
      expect(wrt.length).toBe(weights.size);
      await checkGradients("decoder", loss!, wrt, feeds, new Random(1, "test/decoder"), { stride: 7 });
    }
  });
});

describe("bad input", () => {
  const folderWith = async (change: (config: Record<string, unknown>) => void) => {
    const model = createModel(TINY, 1);
    const folder = await mkdtemp(join(tmpdir(), "heartcut-bad-"));
    await saveModel(model.description, model.weights, folder);
    const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
    change(config);
    await writeFile(join(folder, "config.json"), JSON.stringify(config));
    return folder;
  };
  it("names the tensor whose shape does not fit", async () => {
    const folder = await folderWith((config) => {
      config.vocab_size = 51;
    });
    await expect(loadModel(folder)).rejects.toThrow(/HC1103.*embed_tokens/s);
  });
  it("names the model type it does not know", async () => {
    const folder = await folderWith((config) => {
      config.model_type = "toString";
    });
    await expect(loadModel(folder)).rejects.toThrow(/HC1102.*toString.*llama/s);
  });
  it.each([
    ["partial_rotary_factor", {}, { rope_parameters: { rope_type: "default", partial_rotary_factor: 0.5 } }],
    ["sliding_window", { use_sliding_window: false }, { sliding_window: 64 }],
    ["layer_types", {}, { layer_types: ["full_attention", "sliding_attention"] }],
    ["layer_types", { layer_types: ["full_attention", "full_attention"] }, { layer_types: ["full_attention"] }],
    ["layer_types", {}, { model_type: "qwen2", layer_types: ["full_attention", "sliding_attention"] }],
    [
      "layer_types",
      {},
      { model_type: "mistral", sliding_window: 64, layer_types: ["full_attention", "full_attention"] },
    ],
    ["attention_multiplier", { attention_multiplier: 0.5 }, { attention_multiplier: 0.25 }],
    ["logits_scaling", { logits_scaling: 1, pretraining_tp: 2 }, { logits_scaling: 8 }],
    ["final_logit_softcapping", { final_logit_softcapping: null }, { final_logit_softcapping: 30 }],
    ["num_local_experts", { num_local_experts: 0 }, { num_local_experts: 8 }],
  ])("refuses %s that would change the numbers, and no harmless one", (key, harmless, harmful) => {
    expect(describeModel({ ...TINY, ...harmless }, "c").parameterCount).toBeGreaterThan(0);
    expect(() => describeModel({ ...TINY, ...harmful }, "c")).toThrow(new RegExp(`HC1101[\\s\\S]*${key}`));
  });
  it("names the key that cannot be used", async () => {
    const folder = await folderWith((config) => {
      config.hidden_act = "gelu";
    });
    await expect(loadModel(folder)).rejects.toThrow(/HC1101.*hidden_act/s);
  });
  it("refuses ids outside the vocabulary, empty prompts and texts beyond the context", async () => {
    const model = createModel(TINY, 1);
    await expect(model.tokenNll([Int32Array.of(1, 50)])).rejects.toThrow(/HC1105.*id 50/s);
    await expect(model.generate(new Int32Array(0), { maxNewTokens: 1 })).rejects.toThrow(/HC1106/);
    await expect(model.generate(ids(1, 200), { maxNewTokens: 100 })).rejects.toThrow(/HC1107.*256/s);
    await model.dispose();
  });
});
