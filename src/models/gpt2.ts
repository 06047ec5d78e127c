import * as z from "zod";
import type { HfConfigJson } from "../formats/hf_config.ts";
import type { DType } from "../graph/dtype.ts";
import { add, cast, equal, gather, greater, matmul, mul, reshape, slice, sum, where } from "../graph/ops/index.ts";
import { constant, scalar, scoped, type Value } from "../graph/value.ts";
import { ACTIVATIONS, type ActivationName, activationName } from "./activations.ts";
import { attentionBias } from "./attention_bias.ts";
import { attendCausally, attentionLayers, type LayerOutputs, normed, splitHeads } from "./attention_layers.ts";
import type { CausalConfig, CausalFamily, CausalInputs, CausalOutputs } from "./causal.ts";
import { NEUTRAL, parseKeys, type Refuse, refusing, requireNeutral } from "./config_check.ts";
import type { ParameterSpec } from "./parameters.ts";
import type { Weights } from "./weight_inputs.ts";

const count = z.number().int().positive();

/** The keys of a GPT-2 config.json that are read, under HF's own names; sizes are never guessed. */
const gpt2Json = z.object({
  vocab_size: count,
  n_embd: count,
  n_layer: count,
  n_head: count,
  n_positions: count.default(1024),
  n_inner: count.nullish(),
  activation_function: activationName.default("gelu_new"),
  layer_norm_epsilon: z.number().positive().default(1e-5),
  initializer_range: z.number().positive().default(0.02),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  tie_word_embeddings: z.boolean().default(true),
});

/** Names that transformers takes for the same keys. */
const ALIASES = {
  hidden_size: "n_embd",
  num_hidden_layers: "n_layer",
  num_attention_heads: "n_head",
  max_position_embeddings: "n_positions",
} as const;

/** Keys that change nothing here: dropout of other trainers, the order of a float32 product, heads of other tasks. */
const KEPT = [
  ...["attn_pdrop", "embd_pdrop", "resid_pdrop", "reorder_and_upcast_attn"],
  ...["summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj"],
];

interface Gpt2Config extends CausalConfig {
  readonly heads: number;
  readonly innerSize: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
  readonly initializerRange: number;
  /** Factor on q·k, by layer. */
  readonly scales: readonly number[];
}

/** Keys of relatives that change what is computed, with the value at which they do not. */
function neutralValues(c: Pick<Gpt2Config, "hiddenSize" | "heads" | "maxPositions">) {
  return {
    ...NEUTRAL,
    add_cross_attention: false,
    // Files of before transformers 4 say the context twice.
    n_ctx: c.maxPositions,
    num_key_value_heads: c.heads,
    head_dim: c.hiddenSize / c.heads,
  };
}

/** The config under the names that GPT-2's own files use. */
function ownNames(json: HfConfigJson, refuse: Refuse): HfConfigJson {
  const own = { ...json };
  for (const [alias, key] of Object.entries(ALIASES)) {
    const value = own[alias];
    if (value === undefined) continue;
    if (own[key] !== undefined && own[key] !== value)
      refuse(alias, JSON.stringify(value), `${JSON.stringify(own[key])} as ${key} says, or no such key`);
    own[key] = value;
    delete own[alias];
  }
  return own;
}

function parse(json: HfConfigJson, where: string, refuse: Refuse): Gpt2Config {
  const c = parseKeys(gpt2Json, json, "gpt2", where);
  if (c.n_embd % c.n_head !== 0) refuse("n_head", String(c.n_head), `a divisor of n_embd (${c.n_embd})`);
  const scale = c.scale_attn_weights ? (c.n_embd / c.n_head) ** -0.5 : 1;
  return {
    modelType: "gpt2",
    vocabSize: c.vocab_size,
    hiddenSize: c.n_embd,
    layers: c.n_layer,
    heads: c.n_head,
    innerSize: c.n_inner ?? 4 * c.n_embd,
    activation: c.activation_function,
    epsilon: c.layer_norm_epsilon,
    initializerRange: c.initializer_range,
    scales: Array.from({ length: c.n_layer }, (_, i) => (c.scale_attn_by_inverse_layer_idx ? scale / (i + 1) : scale)),
    tied: c.tie_word_embeddings,
    maxPositions: c.n_positions,
  };
}

/** A config with every default that is read written out; transformers' default ids lie outside a small vocabulary. */
function settled(c: Gpt2Config, json: HfConfigJson): HfConfigJson {
  return {
    bos_token_id: null,
    eos_token_id: null,
    n_inner: null,
    scale_attn_weights: true,
    scale_attn_by_inverse_layer_idx: false,
    ...json,
    architectures: ["GPT2LMHeadModel"],
    n_positions: c.maxPositions,
    activation_function: c.activation,
    layer_norm_epsilon: c.epsilon,
    initializer_range: c.initializerRange,
    tie_word_embeddings: c.tied,
  };
}

/**
 * All weights in HF's order and names. Fresh ones are normal with `initializer_range`, those that end on the residual stream
 * narrower by the square root of their number, as transformers' GPT-2 `_init_weights` draws them.
 */
function parameters(c: Gpt2Config): ParameterSpec[] {
  const list: ParameterSpec[] = [];
  const D = c.hiddenSize;
  const normal = (name: string, shape: number[], std = c.initializerRange) =>
    list.push({ name: `${name}.weight`, shape, init: { kind: "normal", std } });
  const bias = (name: string, width: number) =>
    list.push({ name: `${name}.bias`, shape: [width], init: { kind: "zeros" } });
  const norm = (name: string) => {
    list.push({ name: `${name}.weight`, shape: [D], init: { kind: "ones" } });
    bias(name, D);
  };
  const projection = (name: string, inputs: number, outputs: number, std?: number) => {
    normal(name, [inputs, outputs], std);
    bias(name, outputs);
  };
  const narrow = c.initializerRange / Math.sqrt(2 * c.layers);
  normal("transformer.wte", [c.vocabSize, D]);
  normal("transformer.wpe", [c.maxPositions, D]);
  for (let i = 0; i < c.layers; i++) {
    const layer = `transformer.h.${i}`;
    norm(`${layer}.ln_1`);
    projection(`${layer}.attn.c_attn`, D, 3 * D);
    projection(`${layer}.attn.c_proj`, D, D, narrow);
    norm(`${layer}.ln_2`);
    projection(`${layer}.mlp.c_fc`, D, c.innerSize);
    projection(`${layer}.mlp.c_proj`, c.innerSize, D, narrow);
  }
  norm("transformer.ln_f");
  if (!c.tied) normal("lm_head", [c.vocabSize, D]);
  return list;
}

/** A linear layer whose weight is stored [inputs, outputs] ("Conv1D"). */
const projected = (weights: Weights, name: string, x: Value) =>
  add(matmul(x, weights(`${name}.weight`)), weights(`${name}.bias`));

/** Number of earlier places of the same document, [B,T]: its positions start anew, as if it stood alone. */
function placesWithin(segments: Value, dtype: DType): Value {
  const [B, T] = segments.shape as [number, number];
  const same = cast(equal(reshape(segments, [B, T, 1]), reshape(segments, [B, 1, T])), dtype);
  const data = Array.from({ length: T * T }, (_, i) => Number(i % T < Math.floor(i / T)));
  const earlier = constant(dtype === "float64" ? Float64Array.from(data) : Float32Array.from(data), dtype, [T, T]);
  return reshape(cast(sum(mul(same, earlier), [2]), "int32"), [B, T]);
}

/** Learned positions, [B,T,D] or [1,T,D]. Places beyond the table hold padding, since longer texts are refused. */
function positionsOf(c: Gpt2Config, weights: Weights, { embeddings, positions, segments }: CausalInputs): Value {
  const T = embeddings.shape[1]!;
  const table = weights("transformer.wpe.weight");
  if (positions === undefined && segments === undefined && T <= c.maxPositions)
    return reshape(slice(table, { axis: 0, start: 0, end: T }), [1, T, c.hiddenSize]);
  const inOrder = () =>
    segments === undefined
      ? constant(
          Int32Array.from({ length: T }, (_, t) => t),
          "int32",
          [1, T],
        )
      : placesWithin(segments, embeddings.dtype);
  const given = positions ?? inOrder();
  const last = scalar(c.maxPositions - 1, "int32");
  return gather(table, T <= c.maxPositions ? given : where(greater(given, last), last, given));
}

/** Layers of attention and MLP, each behind a LayerNorm, on a residual stream that starts with learned positions. */
function states(c: Gpt2Config, weights: Weights, inputs: CausalInputs): CausalOutputs {
  const [B, T] = inputs.embeddings.shape as [number, number];
  const bias = attentionBias(inputs);
  const placed = scoped("wpe", () => add(inputs.embeddings, positionsOf(c, weights, inputs)));
  const attend = (i: number, x: Value, w: Weights): LayerOutputs => {
    const name = `transformer.h.${i}.attn`;
    const [q, k, v] = splitHeads(projected(w, `${name}.c_attn`, x), { B, N: c.heads, headsFirst: false });
    const out = attendCausally(inputs, i, q, { k, v }, { scale: c.scales[i]!, bias });
    return { ...out, y: projected(w, `${name}.c_proj`, out.y) };
  };
  const mlp = (i: number, x: Value, w: Weights) => {
    const name = `transformer.h.${i}.mlp`;
    return projected(w, `${name}.c_proj`, ACTIVATIONS[c.activation](projected(w, `${name}.c_fc`, x)));
  };
  return attentionLayers(weights, inputs, reshape(placed, [B * T, c.hiddenSize]), {
    count: c.layers,
    layer: (i, x, w) => {
      const norm = (name: string, value: Value) => normed(w, `transformer.h.${i}.${name}`, value, c.epsilon);
      const attended = scoped("attn", () => attend(i, norm("ln_1", x), w));
      const middle = add(x, attended.y);
      return { ...attended, y: scoped("mlp", () => add(middle, mlp(i, norm("ln_2", middle), w))) };
    },
    norm: (x) => normed(weights, "transformer.ln_f", x, c.epsilon),
  });
}

/** GPT-2: learned positions, LayerNorm with bias, one activation. Source: Radford et al. 2019; transformers' modeling_gpt2.py. */
export const gpt2: CausalFamily = {
  modelType: "gpt2",
  keys: [
    ...["model_type", ...Object.keys(gpt2Json.shape), ...Object.keys(ALIASES), ...KEPT],
    ...Object.keys(neutralValues({ hiddenSize: 1, heads: 1, maxPositions: 1 })),
  ],
  describe(given, where) {
    const refuse = refusing("gpt2", where);
    const json = ownNames(given, refuse);
    const config = parse(json, where, refuse);
    requireNeutral(json, neutralValues(config), "gpt2", refuse);
    return {
      json: settled(config, json),
      architecture: {
        config,
        parameters: parameters(config),
        tables: ["transformer.wte.weight", "transformer.wpe.weight", "lm_head.weight"],
        buffers: /(^|\.)attn\.(bias|masked_bias)$/,
        prefix: "transformer.",
        positionRows: config.maxPositions,
        memory: {
          kind: "keys",
          K: config.heads,
          H: config.hiddenSize / config.heads,
          windows: config.scales.map(() => undefined),
        },
        mixingFlops: (T) => 4 * config.layers * config.hiddenSize * T,
        embed: (weights, ids) => scoped("wte", () => gather(weights("transformer.wte.weight"), ids)),
        head: (weights) => weights(config.tied ? "transformer.wte.weight" : "lm_head.weight"),
        states: (weights, inputs) => states(config, weights, inputs),
      },
    };
  },
};
