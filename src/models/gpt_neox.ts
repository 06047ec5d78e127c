import * as z from "zod";
import type { HfConfigJson } from "../formats/hf_config.ts";
import { add, gather, reshape, rotary } from "../graph/ops/index.ts";
import { scoped, type Value } from "../graph/value.ts";
import { ACTIVATIONS, type ActivationName, activationName } from "./activations.ts";
import { attentionBias } from "./attention_bias.ts";
import { attendCausally, attentionLayers, type LayerOutputs, linear, normed, splitHeads } from "./attention_layers.ts";
import type { CausalConfig, CausalFamily, CausalInputs, CausalOutputs } from "./causal.ts";
import { NEUTRAL, parseKeys, type Refuse, refusing, requireNeutral } from "./config_check.ts";
import type { ParameterSpec } from "./parameters.ts";
import { ROPE_KEYS, type RopeParameters, ropeSchema, rotaryAt } from "./rope.ts";
import type { Weights } from "./weight_inputs.ts";

const count = z.number().int().positive();
const share = z.number().positive().max(1).default(0.25);

/** The keys of a GPT-NeoX config.json that are read, under HF's own names; sizes are never guessed. */
const neoxJson = z.object({
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  hidden_act: activationName.default("gelu"),
  max_position_embeddings: count.default(2048),
  initializer_range: z.number().positive().default(0.02),
  layer_norm_eps: z.number().positive().default(1e-5),
  use_parallel_residual: z.boolean().default(true),
  attention_bias: z.boolean().default(true),
  tie_word_embeddings: z.boolean().default(false),
  rope_parameters: ropeSchema(share).prefault({ rope_type: "default" }),
});

/** Keys that change nothing here: dropout of other trainers, a flag that decoders carry. */
const KEPT = ["attention_dropout", "classifier_dropout", "hidden_dropout", "is_decoder"];

interface NeoxConfig extends CausalConfig {
  readonly heads: number;
  readonly headDim: number;
  readonly intermediateSize: number;
  readonly activation: ActivationName;
  readonly epsilon: number;
  readonly initializerRange: number;
  readonly rope: RopeParameters;
  /** Features of a head that positions rotate; the rest stays. */
  readonly rotated: number;
  /** Attention and MLP read the same stream and are added together; else one after the other. */
  readonly parallel: boolean;
  /** Whether the projections of attention have a bias. */
  readonly attentionBias: boolean;
}

/** Keys of relatives that change what is computed, with the value at which they do not. */
const neutralValues = (heads: number, headDim: number) => ({
  ...NEUTRAL,
  num_key_value_heads: heads,
  head_dim: headDim,
});

function parse(json: HfConfigJson, where: string, refuse: Refuse): NeoxConfig {
  const c = parseKeys(neoxJson, json, "gpt_neox", where);
  const headDim = c.hidden_size / c.num_attention_heads;
  if (!Number.isInteger(headDim))
    refuse("num_attention_heads", String(c.num_attention_heads), `a divisor of hidden_size (${c.hidden_size})`);
  const rotated = Math.floor(headDim * c.rope_parameters.partial_rotary_factor);
  if (rotated === 0 || rotated % 2 !== 0)
    refuse(
      "partial_rotary_factor",
      `${rotated} of ${headDim} features`,
      "an even number of rotated features per head, at least 2",
    );
  requireNeutral(json, neutralValues(c.num_attention_heads, headDim), "gpt_neox", refuse);
  return {
    modelType: "gpt_neox",
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    headDim,
    activation: c.hidden_act,
    epsilon: c.layer_norm_eps,
    initializerRange: c.initializer_range,
    rope: c.rope_parameters,
    rotated,
    parallel: c.use_parallel_residual,
    attentionBias: c.attention_bias,
    tied: c.tie_word_embeddings,
    maxPositions: c.max_position_embeddings,
  };
}

/** A config with every default that is read written out; transformers' default ids may mean other tokens. */
function settled(c: NeoxConfig, json: HfConfigJson): HfConfigJson {
  return {
    bos_token_id: null,
    eos_token_id: null,
    ...json,
    architectures: ["GPTNeoXForCausalLM"],
    hidden_act: c.activation,
    max_position_embeddings: c.maxPositions,
    initializer_range: c.initializerRange,
    layer_norm_eps: c.epsilon,
    use_parallel_residual: c.parallel,
    attention_bias: c.attentionBias,
    tie_word_embeddings: c.tied,
    rope_parameters: { ...c.rope },
  };
}

/** All weights in HF's order and file names; fresh ones as transformers' `_init_weights` draws them. */
function parameters(c: NeoxConfig): ParameterSpec[] {
  const list: ParameterSpec[] = [];
  const D = c.hiddenSize;
  const weight = (name: string, shape: number[]) =>
    list.push({ name: `${name}.weight`, shape, init: { kind: "normal", std: c.initializerRange } });
  const bias = (name: string, width: number) =>
    list.push({ name: `${name}.bias`, shape: [width], init: { kind: "zeros" } });
  const norm = (name: string) => {
    list.push({ name: `${name}.weight`, shape: [D], init: { kind: "ones" } });
    bias(name, D);
  };
  const projection = (name: string, outputs: number, inputs: number, withBias: boolean) => {
    weight(name, [outputs, inputs]);
    if (withBias) bias(name, outputs);
  };
  weight("gpt_neox.embed_in", [c.vocabSize, D]);
  for (let i = 0; i < c.layers; i++) {
    const layer = `gpt_neox.layers.${i}`;
    norm(`${layer}.input_layernorm`);
    norm(`${layer}.post_attention_layernorm`);
    projection(`${layer}.attention.query_key_value`, 3 * D, D, c.attentionBias);
    projection(`${layer}.attention.dense`, D, D, c.attentionBias);
    projection(`${layer}.mlp.dense_h_to_4h`, c.intermediateSize, D, true);
    projection(`${layer}.mlp.dense_4h_to_h`, D, c.intermediateSize, true);
  }
  norm("gpt_neox.final_layer_norm");
  if (!c.tied) weight("embed_out", [c.vocabSize, D]);
  return list;
}

/** Layers of attention and MLP, each behind a LayerNorm of its own, on a residual stream. */
function states(c: NeoxConfig, weights: Weights, inputs: CausalInputs): CausalOutputs {
  const [B, T] = inputs.embeddings.shape as [number, number];
  const rope = scoped("rotary_emb", () => rotaryAt(c.rope, c.rotated, inputs));
  const bias = attentionBias(inputs);
  const attend = (i: number, x: Value, w: Weights): LayerOutputs => {
    const name = `gpt_neox.layers.${i}.attention`;
    const fused = linear(w, `${name}.query_key_value`, x, c.attentionBias);
    const [q, k, v] = splitHeads(fused, { B, N: c.heads, headsFirst: true });
    const turned = (value: Value) => rotary(value, rope.cos, rope.sin);
    const out = attendCausally(inputs, i, turned(q), { k: turned(k), v }, { scale: c.headDim ** -0.5, bias });
    return { ...out, y: linear(w, `${name}.dense`, out.y, c.attentionBias) };
  };
  const mlp = (i: number, x: Value, w: Weights) => {
    const name = `gpt_neox.layers.${i}.mlp`;
    const inner = ACTIVATIONS[c.activation](linear(w, `${name}.dense_h_to_4h`, x, true));
    return linear(w, `${name}.dense_4h_to_h`, inner, true);
  };
  return attentionLayers(weights, inputs, reshape(inputs.embeddings, [B * T, c.hiddenSize]), {
    count: c.layers,
    layer: (i, x, w) => {
      const norm = (name: string, value: Value) => normed(w, `gpt_neox.layers.${i}.${name}`, value, c.epsilon);
      const attended = scoped("attention", () => attend(i, norm("input_layernorm", x), w));
      const middle = add(x, attended.y);
      const read = c.parallel ? x : middle;
      return { ...attended, y: scoped("mlp", () => add(middle, mlp(i, norm("post_attention_layernorm", read), w))) };
    },
    norm: (x) => normed(weights, "gpt_neox.final_layer_norm", x, c.epsilon),
  });
}

/**
 * GPT-NeoX (Pythia): rotary positions on a share of each head, attention and MLP side by side.
 * Source: Black et al. 2022, arXiv:2204.06745; transformers' modeling_gpt_neox.py.
 */
export const gptNeox: CausalFamily = {
  modelType: "gpt_neox",
  keys: [
    ...["model_type", ...Object.keys(neoxJson.shape), ...ROPE_KEYS, "rotary_pct", "rotary_emb_base", ...KEPT],
    ...Object.keys(neutralValues(1, 1)),
  ],
  describe(given, where) {
    const config = parse(given, where, refusing("gpt_neox", where));
    return {
      json: settled(config, given),
      architecture: {
        config,
        parameters: parameters(config),
        tables: ["gpt_neox.embed_in.weight", "embed_out.weight"],
        buffers: /(^|\.)(attention\.(bias|masked_bias)|rotary_emb\.inv_freq)$/,
        prefix: "gpt_neox.",
        memory: {
          kind: "keys",
          K: config.heads,
          H: config.headDim,
          windows: new Array<undefined>(config.layers).fill(undefined),
        },
        mixingFlops: (T) => 4 * config.layers * config.hiddenSize * T,
        embed: (weights, ids) => scoped("embed_in", () => gather(weights("gpt_neox.embed_in.weight"), ids)),
        head: (weights) => weights(config.tied ? "gpt_neox.embed_in.weight" : "embed_out.weight"),
        states: (weights, inputs) => states(config, weights, inputs),
      },
    };
  },
};
