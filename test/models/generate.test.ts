import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it, vi } from "vitest";
import { parseHfConfig } from "../../src/formats/hf_config.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { describeModel } from "../../src/models/architecture.ts";
import { generateBatch } from "../../src/models/generate.ts";
import type { LanguageModel } from "../../src/models/language_model.ts";
import { languageModel, loadLanguageModel } from "../../src/models/load.ts";
import { Sampler } from "../../src/models/sampling.ts";
import { initialWeights } from "../../src/models/weights.ts";
import { Random } from "../../src/random.ts";

const V = 50;
const CAUSAL = {
  vocab_size: V,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 256,
  // Wide enough that logits differ: the greedy choice is not a near-tie.
  initializer_range: 0.3,
};
const T5 = {
  model_type: "t5",
  vocab_size: V,
  d_model: 16,
  d_kv: 4,
  d_ff: 24,
  num_layers: 2,
  num_decoder_layers: 3,
  num_heads: 4,
  relative_attention_num_buckets: 8,
  relative_attention_max_distance: 20,
};
const CONFIGS = {
  llama: { ...CAUSAL, model_type: "llama" },
  mistral: { ...CAUSAL, model_type: "mistral", sliding_window: 5 },
  qwen2: { ...CAUSAL, model_type: "qwen2", tie_word_embeddings: true },
  qwen3: { ...CAUSAL, model_type: "qwen3" },
  gpt2: {
    model_type: "gpt2",
    vocab_size: V,
    n_embd: 16,
    n_layer: 2,
    n_head: 4,
    n_positions: 256,
    initializer_range: 0.3,
  },
  mamba: {
    model_type: "mamba",
    vocab_size: V,
    hidden_size: 16,
    num_hidden_layers: 2,
    state_size: 4,
    initializer_range: 0.3,
  },
  t5: T5,
  "t5-v1.1": { ...T5, feed_forward_proj: "gated-gelu", tie_word_embeddings: false },
};

function create(config: Record<string, string | number | boolean>): LanguageModel {
  const description = describeModel(parseHfConfig(config, "model"), "model");
  return languageModel(description, initialWeights(description, 3));
}

const models = new Map(Object.entries(CONFIGS).map(([name, config]) => [name, create(config)]));
afterAll(async () => {
  for (const model of models.values()) await model.dispose();
});

const ids = (seed: number, length: number) => {
  const random = new Random(seed, "test/ids");
  return Int32Array.from({ length }, () => 3 + random.below(V - 3));
};
const INPUTS = [1, 40, 7, 23, 7, 2, 90, 16, 17].map((length, i) => ids(i, length));

/** Logits of the next token by a full pass over everything so far. */
async function fullPass(model: LanguageModel, input: Int32Array, made: number[]): Promise<Float32Array> {
  const [logits] = await model.targetLogits([{ input, target: Int32Array.of(...made, 0) }]);
  return logits!.subarray(-model.vocabSize);
}

/** Ids are those that full passes choose; where float32 leaves a near-tie, the cached choice is followed. */
async function expectGreedy(model: LanguageModel, input: Int32Array, got: Int32Array, steps: readonly number[]) {
  for (const t of steps) {
    const logits = await fullPass(model, input, [...got.subarray(0, t)]);
    expect(Math.max(...logits) - logits[got[t]!]!, `token ${t}`).toBeLessThan(1e-4);
  }
}

describe.each([...models])("%s", (_name, model) => {
  it("continues every input as full passes do, beyond the first room of the cache", async () => {
    const got = await generateBatch(model, INPUTS, { maxNewTokens: 80 });
    expect(got.map((made) => made.length)).toEqual(INPUTS.map(() => 80));
    const distinct = new Set(got.map((made) => made.join()));
    expect(distinct.size).toBeGreaterThan(1);
    for (const i of [0, 1, 5, 6]) await expectGreedy(model, INPUTS[i]!, got[i]!, [0, 1, 30, 63, 64, 79]);
  });

  it("continues an input the same alone, among others and in small batches, greedily and sampled", async () => {
    for (const settings of [{}, { temperature: 1.2, seed: 7 }, { temperature: 0.8, topK: 9, topP: 0.9, seed: 8 }]) {
      const options = { maxNewTokens: 24, ...settings };
      const together = await generateBatch(model, INPUTS, options);
      expect(await generateBatch(model, INPUTS, { ...options, places: 100 })).toEqual(together);
      for (const i of [0, 1, 4, 6]) {
        const [alone] = await generateBatch(model, [INPUTS[i]!], { ...options, streams: [String(i)] });
        expect(alone).toEqual(together[i]);
      }
    }
  });

  it("goes on with the rows that have not stopped, in a smaller batch when most have", async () => {
    const options = { maxNewTokens: 60, temperature: 1, seed: 2 };
    const free = await generateBatch(model, INPUTS, options);
    // The last text never stops; the others do at their first id that it lacks.
    const stopIds = Array.from({ length: V }, (_, id) => id).filter((id) => !free.at(-1)!.includes(id));
    const heard = INPUTS.map((): number[] => []);
    const executable = vi.spyOn(model, "executable");
    const stopped = await generateBatch(model, INPUTS, {
      ...options,
      stopIds,
      onToken: (id, input) => heard[input]!.push(id),
    });
    const sizes = new Set(executable.mock.calls.map(([, shape]) => (shape as { B: number }).B));
    executable.mockRestore();
    for (const [i, made] of free.entries()) {
      const end = made.findIndex((id) => stopIds.includes(id));
      expect(stopped[i]).toEqual(end < 0 ? made : made.slice(0, end + 1));
    }
    expect(heard).toEqual(stopped.map((made) => [...made]));
    expect([...sizes]).toHaveLength(2);
    expect(new Set(stopped.map((made) => made.length)).size).toBeGreaterThan(2);
  });
});

const FIXTURES = join(import.meta.dirname, "../../../shared/fixtures/models");

describe.skipIf(!existsSync(FIXTURES))("greedy text of transformers (skipped: no shared fixtures)", () => {
  const families = existsSync(FIXTURES) ? readdirSync(FIXTURES) : [];
  const golden = <T>(name: string) => JSON.parse(readFileSync(join(FIXTURES, name, "expected.json"), "utf8")) as T;

  it.each(families.filter((name) => name.startsWith("t5")))("%s, a batch with padding", async (name) => {
    const model = await loadLanguageModel(join(FIXTURES, name));
    const file = await openSafetensors(join(FIXTURES, name, "expected.safetensors"));
    const [B, S] = file.tensors.get("input_ids")!.shape as [number, number];
    const [all, mask] = await Promise.all(
      ["input_ids", "attention_mask"].map(async (tensor) =>
        Int32Array.from((await file.readTyped(tensor)) as ArrayLike<number>, Number),
      ),
    );
    await file.close();
    const inputs = Array.from({ length: B }, (_, row) =>
      all!.slice(row * S, (row + 1) * S).filter((_, i) => mask![row * S + i] === 1),
    );
    expect(new Set(inputs.map((input) => input.length)).size).toBeGreaterThan(1);
    const { greedy } = golden<{ greedy: number[][] }>(name);
    const got = await generateBatch(model, inputs, { maxNewTokens: greedy[0]!.length });
    expect(got.map((made) => [...made])).toEqual(greedy);
    await model.dispose();
  });

  it.each(families.filter((name) => /^(llama|mistral|qwen)/.test(name)))("%s, among others", async (name) => {
    const model = await loadLanguageModel(join(FIXTURES, name));
    const { greedy, greedy_prompt } = golden<{ greedy: number[]; greedy_prompt: number[] }>(name);
    const inputs = [ids(1, 30), Int32Array.from(greedy_prompt), ids(2, 3)];
    const got = await generateBatch(model, inputs, { maxNewTokens: greedy.length });
    expect([...got[1]!]).toEqual(greedy);
    await model.dispose();
  });
});

describe("Sampler", () => {
  /** The distribution that the options ask for, by sorting. */
  function reference(logits: Float32Array, { temperature, topK = Infinity, topP = 1 }: Settings): number[] {
    const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, topK);
    const weights = order.map((i) => Math.exp((logits[i]! - logits[order[0]!]!) / temperature));
    const total = weights.reduce((a, b) => a + b, 0);
    let mass = 0;
    let kept = 0;
    while (kept < order.length && mass < topP * total) mass += weights[kept++]!;
    const p = new Array<number>(logits.length).fill(0);
    for (let i = 0; i < kept; i++) p[order[i]!] = weights[i]! / mass;
    return p;
  }
  interface Settings {
    temperature: number;
    topK?: number;
    topP?: number;
  }

  it("draws each token as often as temperature, top-k and top-p say", () => {
    const random = new Random(1, "test/sampler");
    const logits = Float32Array.from({ length: 40 }, () => 1.5 * random.normal());
    for (const settings of [
      { temperature: 1 },
      { temperature: 0.6, topK: 6 },
      { temperature: 1.5, topP: 0.7 },
      { temperature: 2, topK: 20, topP: 0.5 },
      { temperature: 1, topK: 100, topP: 1 },
    ]) {
      const sampler = new Sampler(settings, logits.length);
      const draws = 40_000;
      const counts = new Array<number>(logits.length).fill(0);
      for (let i = 0; i < draws; i++) counts[sampler.choose(logits, random)]!++;
      for (const [id, p] of reference(logits, settings).entries()) {
        if (p === 0) expect(counts[id]).toBe(0);
        // Five standard deviations: 200 comparisons, one false alarm in ten thousand runs.
        else expect(Math.abs(counts[id]! - draws * p)).toBeLessThan(5 * Math.sqrt(draws * p * (1 - p)) + 1);
      }
    }
  });

  it("never leaves the tokens that top-k and top-p keep, whatever the logits", () => {
    const logit = fc.oneof(
      // No denormals: the engine switches them off in its threads, ours among them.
      fc.integer({ min: -500, max: 500 }).map((n) => n / 10),
      fc.constant(-Infinity),
    );
    fc.assert(
      fc.property(
        fc.array(logit, { minLength: 1, maxLength: 30 }).filter((list) => list.some((x) => x > -Infinity)),
        fc.record({
          temperature: fc.double({ min: 0.05, max: 5, noNaN: true }),
          topK: fc.integer({ min: 1, max: 35 }),
          topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
        }),
        fc.integer(),
        (list, settings, seed) => {
          const logits = Float32Array.from(list);
          const sampler = new Sampler(settings, logits.length);
          const random = new Random(seed, "test/sampler");
          const allowed = reference(logits, settings);
          for (let i = 0; i < 5; i++) expect(allowed[sampler.choose(logits, random)]).toBeGreaterThan(0);
          const greedy = new Sampler({ temperature: 0 }, logits.length).choose(logits, random);
          expect(greedy).toBe(list.indexOf(Math.max(...list)));
        },
      ),
    );
  });
});

describe("bad input", () => {
  const input = ids(1, 5);
  const llama = models.get("llama")!;
  const generate = (inputs: Int32Array[], options: object = {}) =>
    generateBatch(llama, inputs, { maxNewTokens: 4, ...options });

  it.each([
    ["an id outside the vocabulary", [Int32Array.of(1, V)], {}, /HC1105.*id 50/s],
    ["a stop id outside the vocabulary", [input], { stopIds: [V] }, /HC1105.*id 50/s],
    ["an empty input", [input, new Int32Array(0)], {}, /HC1106/],
    ["a text beyond the context", [ids(1, 200)], { maxNewTokens: 100 }, /HC1107.*200 tokens.*256/s],
    ["no new token", [input], { maxNewTokens: 0 }, /HC1140.*maxNewTokens.*0/s],
    ["half a token", [input], { maxNewTokens: 1.5 }, /HC1140.*maxNewTokens.*1\.5/s],
    ["no place", [input], { places: 0 }, /HC1140.*places/s],
    ["a negative temperature", [input], { temperature: -1 }, /HC1140.*temperature.*-1/s],
    ["a temperature that is no number", [input], { temperature: Number.NaN }, /HC1140.*temperature.*NaN/s],
    ["top-k of 0", [input], { temperature: 1, topK: 0 }, /HC1140.*topK.*0/s],
    ["top-p above 1", [input], { temperature: 1, topP: 1.1 }, /HC1140.*topP.*1\.1/s],
    ["top-k without effect", [input], { topK: 5 }, /HC1141.*topK/s],
    ["top-p without effect", [input], { topP: 0.5 }, /HC1141.*topP/s],
    ["streams that do not fit", [input], { streams: ["a", "b"] }, /HC1140.*2 names.*1 inputs/s],
  ])("refuses %s", async (_what, inputs, options, message) => {
    await expect(generate(inputs, options)).rejects.toThrow(message);
  });

  it("takes no input for no output", async () => {
    expect(await generate([])).toEqual([]);
  });

  it("refuses windows on some layers only", async () => {
    const mixed = create({
      ...CAUSAL,
      model_type: "qwen2",
      use_sliding_window: true,
      sliding_window: 4,
      max_window_layers: 1,
    });
    await expect(generateBatch(mixed, [input], { maxNewTokens: 1 })).rejects.toThrow(/HC1108/);
  });

  it("refuses the logits of a model that diverged", async () => {
    const broken = create(CONFIGS.llama);
    broken.weights.get("model.norm.weight")![0] = Number.NaN;
    await expect(generateBatch(broken, [input], { maxNewTokens: 1 })).rejects.toThrow(/HC1142.*finite/s);
    await broken.dispose();
  });

  it("stops between tokens on the signal and hands back nothing", async () => {
    const controller = new AbortController();
    let heard = 0;
    const onToken = () => {
      heard++;
      if (heard === 3) controller.abort();
    };
    await expect(generate([input], { maxNewTokens: 50, onToken, signal: controller.signal })).rejects.toThrow(/HC0130/);
    expect(heard).toBe(3);
  });
});
