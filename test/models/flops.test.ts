import { describe, expect, it } from "vitest";
import type { HfConfigJson } from "../../src/formats/hf_config.ts";
import { countFlops } from "../../src/graph/count_flops.ts";
import { matmul } from "../../src/graph/ops/index.ts";
import { input } from "../../src/graph/value.ts";
import {
  type CausalDescription,
  describeCausalModel,
  describeModel,
  forwardFlopsPerToken,
} from "../../src/models/architecture.ts";
import { lossGraph, nllGraph } from "../../src/models/causal_graphs.ts";
import { targetNllGraph } from "../../src/models/conditional_graphs.ts";
import { topLogProbsGraph } from "../../src/models/top_log_probs.ts";
import { weightInputs } from "../../src/models/weight_inputs.ts";
import { distillationGraph } from "../../src/train/distillation/graph.ts";
import { teacherGraph, teacherInputs } from "../../src/train/distillation/teacher.ts";
import { pairFlops } from "../../src/train/flops.ts";

const sizes = {
  vocab_size: 512,
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 1024,
};
const CONFIGS = {
  llama: { ...sizes, num_key_value_heads: 2, tie_word_embeddings: false },
  qwen2: { ...sizes, num_key_value_heads: 2, tie_word_embeddings: true },
  gpt2: { vocab_size: 512, n_embd: 64, n_layer: 2, n_head: 4, n_positions: 1024 },
  gpt_neox: sizes,
  mamba: { vocab_size: 512, hidden_size: 64, num_hidden_layers: 2, state_size: 16 },
};
type Family = keyof typeof CONFIGS;
const families = Object.keys(CONFIGS) as Family[];
const withAttention = families.filter((family) => family !== "mamba");
const describeFamily = (family: Family, more: object = {}): CausalDescription =>
  describeCausalModel({ model_type: family, ...CONFIGS[family], ...more } as HfConfigJson, family);

const B = 2;
/** Norms, biases, convolutions and single vectors: 2 each are stated, no matrix product counts them. */
const vectors = ({ parameters }: CausalDescription) =>
  parameters
    .filter(({ shape }) => shape.length !== 2)
    .reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
const stated = (d: CausalDescription, T: number) => B * T * forwardFlopsPerToken(d, T);
const products = (d: CausalDescription, T: number) => stated(d, T) - B * T * 2 * vectors(d);

describe("stated FLOPs against counted graphs", () => {
  it.each(withAttention)("%s: a forward pass has exactly the matrix products that are stated", (family) => {
    const d = describeFamily(family);
    for (const T of [16, 128]) {
      const counted = countFlops(nllGraph(d, { B, T }));
      expect(counted.matmul).toBe(products(d, T));
      expect(counted.scan).toBe(0);
      // What is not counted as products grows with the width, they with its square: 5 % at 64.
      expect(counted.elementwise / stated(d, T)).toBeLessThan(0.06);
    }
  });

  it("mamba: products and the scan are exactly what is stated, where texts are one chunk", () => {
    const d = describeFamily("mamba");
    const { parameters, config } = d;
    const [T, E, N] = [24, 128, 16];
    const counted = countFlops(nllGraph(d, { B, T }));
    // A_log's two FLOPs per weight are dt·A and its exponential, which are done inside the scan.
    const own = vectors(d);
    expect(counted.matmul + counted.scan).toBe(stated(d, T) - B * T * 2 * own);
    expect(counted.scan).toBe(B * T * 5 * config.layers * E * N);
    expect(parameters.some(({ name }) => name.endsWith("A_log"))).toBe(true);
    // Chunks side by side run the recurrence a second time: a pass of 5 per channel and state more, and little else.
    const [long, more] = [512, B * 512 * 5 * config.layers * E * N];
    const chunked = countFlops(nllGraph(d, { B, T: long }));
    const extra = chunked.matmul + chunked.scan - (stated(d, long) - B * long * 2 * own);
    expect(extra / more).toBeGreaterThan(1);
    expect(extra / more).toBeLessThan(1.1);
  });

  it("skips keys that no query of a block may see: (blocks + 1) / (2 blocks) of the attention that is stated", () => {
    const [T, blocks] = [512, 4];
    for (const family of withAttention) {
      const d = describeFamily(family);
      const attention = B * T * d.architecture.mixingFlops(T);
      const skipped = attention * (1 - (blocks + 1) / (2 * blocks));
      expect(countFlops(nllGraph(d, { B, T })).matmul).toBe(products(d, T) - skipped);
    }
  });

  it("counts no more attention than a sliding window has", () => {
    const window = 32;
    const d = describeFamily("llama");
    const mistral = describeCausalModel(
      { model_type: "mistral", ...sizes, num_key_value_heads: 2, sliding_window: window } as HfConfigJson,
      "mistral",
    );
    expect(mistral.architecture.mixingFlops(512)).toBe(d.architecture.mixingFlops(window));
    expect(mistral.architecture.mixingFlops(16)).toBe(d.architecture.mixingFlops(16));
  });

  it("t5: a pair's forward pass has exactly the matrix products that are stated", () => {
    const config = { model_type: "t5", vocab_size: 512, d_model: 64, d_kv: 16, d_ff: 128, num_layers: 2, num_heads: 4 };
    const d = describeModel(config as HfConfigJson, "t5", true);
    const pair = (S: number, T: number) => ({ input: new Int32Array(S), target: new Int32Array(T) });
    for (const [S, T] of [
      [32, 32],
      [64, 16],
    ] as const)
      expect(countFlops(targetNllGraph(d, { B, S, T })).matmul).toBe(B * pairFlops(d, pair(S, T)));
    // Short targets attend to the states themselves, which takes fewer products.
    const short = countFlops(targetNllGraph(d, { B, S: 32, T: 4 })).matmul / (B * pairFlops(d, pair(32, 4)));
    expect(short).toBeGreaterThan(0.85);
    expect(short).toBeLessThan(1);
  });
});

describe("training", () => {
  it.each(withAttention)("%s: forward and backward are three forward passes, gains of norms aside", (family) => {
    const d = describeFamily(family);
    const T = 128;
    const [forward, both] = [countFlops(nllGraph(d, { B, T })), countFlops(lossGraph(d, { B, T }))];
    expect(both.matmul / forward.matmul).toBeGreaterThanOrEqual(3);
    expect(both.matmul / forward.matmul).toBeLessThan(3.005);
    expect(both.matmul / (3 * stated(d, T))).toBeGreaterThan(0.98);
    expect(both.matmul / (3 * stated(d, T))).toBeLessThan(1.002);
    // Layers once more, but for the product that ends each; the head not.
    const again = countFlops(lossGraph(d, { B, T, recompute: true })).matmul - both.matmul;
    const head = 2 * B * T * d.config.vocabSize * d.config.hiddenSize;
    expect(again / (forward.matmul - head)).toBeGreaterThan(0.7);
    expect(again / (forward.matmul - head)).toBeLessThan(0.9);
  });

  it("mamba: a scan's way back runs the recurrence again and is dearer than two forward passes", () => {
    const d = describeFamily("mamba");
    const T = 24;
    const [forward, both] = [countFlops(nllGraph(d, { B, T })), countFlops(lossGraph(d, { B, T }))];
    expect((both.matmul + both.scan) / (3 * (forward.matmul + forward.scan))).toBeGreaterThan(1);
    expect((both.matmul + both.scan) / (3 * (forward.matmul + forward.scan))).toBeLessThan(1.2);
  });

  it("beside a teacher: three passes of the student and one of the teacher; stored outputs cost no products", () => {
    const student = describeFamily("llama");
    const teacher = describeFamily("llama", { hidden_size: 128, intermediate_size: 256 });
    const T = 64;
    const shape = { B, T, segments: false, recompute: false };
    const settings = { weight: 0.5, loss: "cross_entropy", temperature: 1 } as const;
    const read = teacherGraph(teacher, shape, { layerStates: false, attention: false });
    const beside = distillationGraph(student, [], shape, settings, { online: teacherInputs(teacher, read) });
    const counted = countFlops(beside).matmul + countFlops(read).matmul;
    expect(counted / (3 * stated(student, T) + stated(teacher, T))).toBeCloseTo(1, 2);
    const stored = countFlops(distillationGraph(student, [], shape, settings, { storedK: 8 })).matmul;
    expect(stored / (3 * stated(student, T))).toBeCloseTo(1, 2);
  });
});

describe("reading and writing", () => {
  it("a capture is a scoring pass: finding the likeliest tokens is no product", () => {
    const d = describeFamily("llama");
    expect(countFlops(topLogProbsGraph(d, { B, T: 64 }, 8)).matmul).toBe(countFlops(nllGraph(d, { B, T: 64 })).matmul);
  });

  it("a step of a cached generation costs a token at the context it has reached", () => {
    const d = describeFamily("llama");
    const [S, head] = [47, weightInputs(d, "float32")];
    const cache = (part: string) => input(part, "float32", [B, 2, S, 16]);
    const past = Array.from({ length: 2 }, (_, i) => ({ k: cache(`k${i}`), v: cache(`v${i}`) }));
    const embeddings = d.architecture.embed(head.get, input("ids", "int32", [B, 1]));
    const positions = input("positions", "int32", [B, 1]);
    const bias = input("bias", "float32", [B, 1, 1, S + 1]);
    const { hidden } = d.architecture.states(head.get, { embeddings, positions, past, bias });
    const logits = matmul(hidden, d.architecture.head(head.get), { transB: true });
    expect(countFlops({ logits }).matmul).toBe(B * (forwardFlopsPerToken(d, S + 1) - 2 * vectors(d)));
  });
});
