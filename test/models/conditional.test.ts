import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseHfConfig } from "../../src/formats/hf_config.ts";
import { openSafetensors, writeSafetensors } from "../../src/formats/safetensors.ts";
import { ancestors } from "../../src/graph/value.ts";
import { describeModel } from "../../src/models/architecture.ts";
import { languageModel, loadLanguageModel, loadModel, saveModel } from "../../src/models/load.ts";
import { bucketPairs, type Pair, pairShape } from "../../src/models/pairs.ts";
import { attendsToStates } from "../../src/models/t5.ts";
import type { T5Config } from "../../src/models/t5_config.ts";
import { initialWeights } from "../../src/models/weights.ts";
import { Random } from "../../src/random.ts";
import { objectiveGraph } from "../../src/train/objective/graph.ts";
import { checkGradients } from "../graph/check.ts";

const T5 = {
  model_type: "t5",
  vocab_size: 40,
  d_model: 16,
  d_kv: 4,
  d_ff: 24,
  num_layers: 2,
  num_heads: 2,
  relative_attention_num_buckets: 8,
  relative_attention_max_distance: 12,
};
const LLAMA = {
  model_type: "llama",
  vocab_size: 40,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  initializer_range: 0.3,
};
const CONFIGS = {
  "t5 v1.0": T5,
  "t5 v1.1": { ...T5, feed_forward_proj: "gated-gelu", tie_word_embeddings: false },
  llama: LLAMA,
  mistral: { ...LLAMA, model_type: "mistral", sliding_window: 4 },
};

const describing = (config: object) => describeModel(parseHfConfig(config as never, "test"), "test");
const make = (config: object, seed = 1) => {
  const description = describing(config);
  return languageModel(description, initialWeights(description, seed), { device: "cpu" });
};
function pairs(count: number, seed = 1): Pair[] {
  const random = new Random(seed, "test/pairs");
  const ids = (length: number) => Int32Array.from({ length }, () => 2 + random.below(38));
  return Array.from({ length: count }, () => ({ input: ids(1 + random.below(30)), target: ids(1 + random.below(7)) }));
}
const gap = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((worst, x, i) => Math.max(worst, Math.abs(x - b[i]!)), 0);

describe.each(Object.entries(CONFIGS))("p(target | input) of %s", (_name, config) => {
  it("is the same alone and in a padded batch of other lengths", async () => {
    const model = make(config);
    const list = pairs(9);
    const together = await model.targetLogProbs(list);
    for (const [i, pair] of list.entries()) {
      const [alone] = await model.targetLogProbs([pair]);
      expect(together[i]).toHaveLength(pair.target.length);
      expect(gap(together[i]!, alone!)).toBeLessThan(1e-5);
    }
    await model.dispose();
  });

  it("agrees with its logits", async () => {
    const model = make(config);
    const list = pairs(3);
    const logits = await model.targetLogits(list);
    for (const [i, logProbs] of (await model.targetLogProbs(list)).entries())
      for (const [t, id] of list[i]!.target.entries()) {
        const row = logits[i]!.subarray(t * 40, (t + 1) * 40);
        expect(row[id]! - Math.log(row.reduce((s, x) => s + Math.exp(x), 0))).toBeCloseTo(logProbs[t]!, 4);
      }
    await model.dispose();
  });

  it("has gradients that agree with central differences in float64, also with recomputation", async () => {
    const small = { ...config, vocab_size: 12 };
    const description = describing(small);
    const weights = initialWeights(description, 2);
    for (const recompute of [false, true]) {
      const { loss } = objectiveGraph(description, { B: 2, S: 4, T: 3 }, [], { dtype: "float64", recompute });
      const inputs = ancestors([loss!]).filter((v) => v.origin.kind === "input");
      const feeds: Record<string, Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>> = {
        input_ids: Int32Array.of(3, 4, 5, 4, 0, 0, 7, 8),
        input_mask: Int32Array.of(1, 1, 1, 1, 0, 0, 1, 1),
        previous_ids: Int32Array.of(0, 4, 5, 0, 6, 2),
        targets: Int32Array.of(4, 5, 1, 6, 2, 1),
        target_weights: Float64Array.of(0.3, 0.2, 0.1, 0.2, 0.2, 0),
      };
      for (const [name, data] of weights) feeds[name] = Float64Array.from(data);
      const wrt = inputs.filter((v) => v.origin.kind === "input" && weights.has(v.origin.name));
      expect(wrt.length).toBe(weights.size);
      await checkGradients("pair loss", loss!, wrt, feeds, new Random(1, "test/pair"), { stride: 11 });
    }
  }, 60_000);
});

describe("cross-attention of a T5", () => {
  it("gives the same with keys and values as on the states themselves, which short targets take", async () => {
    const model = make(T5);
    const c = model.description.config as T5Config;
    const input = Int32Array.from({ length: 16 }, (_, i) => 2 + i);
    const target = Int32Array.from({ length: 12 }, (_, i) => 30 - i);
    expect([1, 12].map((T) => attendsToStates(c, T, 16))).toEqual([true, false]);
    const [long] = await model.targetLogits([{ input, target }]);
    const [short] = await model.targetLogits([{ input, target: target.subarray(0, 1) }]);
    expect(gap(short!, long!.subarray(0, 40))).toBeLessThan(1e-5);
    await model.dispose();
  });

  it("has exact gradients on the states too", async () => {
    const description = describing({ ...T5, vocab_size: 12 });
    const { loss } = objectiveGraph(description, { B: 2, S: 6, T: 1 }, [], { dtype: "float64" });
    expect(attendsToStates(description.config as T5Config, 1, 6)).toBe(true);
    const weights = initialWeights(description, 2);
    const wrt = ancestors([loss!]).filter((v) => v.origin.kind === "input" && weights.has(v.origin.name));
    const feeds: Record<string, Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>> = {
      input_ids: Int32Array.of(3, 4, 5, 4, 6, 7, 0, 0, 7, 8, 9, 10),
      input_mask: Int32Array.of(1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1),
      previous_ids: Int32Array.of(0, 0),
      targets: Int32Array.of(3, 9),
      target_weights: Float64Array.of(0.7, 0.3),
    };
    for (const [name, data] of weights) feeds[name] = Float64Array.from(data);
    await checkGradients("short target", loss!, wrt, feeds, new Random(1, "test/short"), { stride: 11 });
  }, 60_000);
});

describe("a T5 on disk", () => {
  it("keeps a head of its own, and reads older files that hold the table three times", async () => {
    const folder = await mkdtemp(join(tmpdir(), "heartcut-t5-"));
    const untied = make(CONFIGS["t5 v1.1"]);
    await saveModel(untied.description, untied.weights, folder);
    const again = await loadLanguageModel(folder, { device: "cpu" });
    expect(again.weights.has("lm_head.weight")).toBe(true);
    const list = pairs(2);
    const want = await untied.targetLogProbs(list);
    for (const [i, row] of (await again.targetLogProbs(list)).entries()) expect(gap(row, want[i]!)).toBe(0);

    const tied = make(T5);
    await saveModel(tied.description, tied.weights, folder);
    const file = join(folder, "model.safetensors");
    const reader = await openSafetensors(file);
    const tensors = [];
    for (const [name, { shape }] of reader.tensors)
      tensors.push({ name, dtype: "F32" as const, shape: [...shape], data: await reader.readFloat32(name) });
    await reader.close();
    const table = tensors.find(({ name }) => name === "shared.weight")!;
    const copies = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"];
    await writeSafetensors(file, [...tensors, ...copies.map((name) => ({ ...table, name }))]);
    const old = await loadLanguageModel(folder, { device: "cpu" });
    expect(old.weights.has("lm_head.weight")).toBe(false);
    const [expected] = await tied.targetLogProbs(list);
    expect(gap((await old.targetLogProbs(list))[0]!, expected!)).toBe(0);
    await expect(loadModel(folder)).rejects.toThrow(/HC1102.*encoder-decoder/s);
    for (const each of [untied, again, tied, old]) await each.dispose();
    await rm(folder, { recursive: true });
  });
  it.each([
    ["feed_forward_proj", "gated-silu"],
    ["relative_attention_num_buckets", 7],
    ["d_kv", "eight"],
  ])("names the key %s it cannot use", (key, value) => {
    expect(() => describing({ ...T5, [key]: value })).toThrow(new RegExp(`HC1101[\\s\\S]*${key}`));
  });
});

describe("pairs", () => {
  it("are grouped by length, each once, within the budget unless alone", () => {
    const list = pairs(60, 3);
    const groups = bucketPairs(list, 200);
    expect(groups.flat().sort((a, b) => a - b)).toEqual(list.map((_, i) => i));
    for (const group of groups) {
      const { B, S, T } = pairShape(group.map((i) => list[i]!));
      if (group.length > 1) expect(B * (S + T)).toBeLessThanOrEqual(200);
    }
  });
});
