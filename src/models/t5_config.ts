import * as z from "zod";
import type { HfConfigJson } from "../formats/hf_config.ts";
import { parseKeys } from "./config_check.ts";
import type { ParameterSpec } from "./parameters.ts";

const count = z.number().int().positive();

/** The keys of a T5 config.json that are read, under HF's own names. */
const t5Json = z.object({
  vocab_size: count,
  d_model: count,
  d_kv: count,
  d_ff: count,
  num_layers: count,
  num_decoder_layers: count.nullish(),
  num_heads: count,
  relative_attention_num_buckets: count.multipleOf(2).default(32),
  relative_attention_max_distance: count.default(128),
  layer_norm_epsilon: z.number().positive().default(1e-6),
  initializer_factor: z.number().positive().default(1),
  dropout_rate: z.number().min(0).lt(1).default(0.1),
  feed_forward_proj: z.enum(["relu", "gated-gelu"]).default("relu"),
  tie_word_embeddings: z.boolean().default(true),
  scale_decoder_outputs: z.boolean().optional(),
  decoder_start_token_id: z.number().int().nonnegative().nullish(),
  pad_token_id: z.number().int().nonnegative().default(0),
  eos_token_id: z.number().int().nonnegative().default(1),
});

/** Keys of config.json that are read here, or say again what others say. */
export const T5_KEYS: readonly string[] = [
  ...["model_type", ...Object.keys(t5Json.shape)],
  ...["dense_act_fn", "classifier_dropout", "is_decoder", "is_encoder_decoder", "is_gated_act", "n_positions"],
];

/** An encoder-decoder of the T5 branch, with every default settled. */
export interface T5Config {
  readonly modelType: "t5";
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly headDim: number;
  readonly intermediateSize: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly heads: number;
  /** Relative positions are told apart in so many classes, up to this distance. */
  readonly buckets: number;
  readonly maxDistance: number;
  readonly epsilon: number;
  readonly initializerFactor: number;
  /** Share of elements dropped in training: embeddings, inner states of the feed-forward, results of every sub-layer. */
  readonly dropoutRate: number;
  /** v1.1 and Flan: gelu(wi_0 x) ∘ wi_1 x; v1.0: relu(wi x). */
  readonly gated: boolean;
  /** The head is the embedding table. */
  readonly tied: boolean;
  /** Hidden states are divided by sqrt(D) before the head, as v1.0 does. */
  readonly scaleOutputs: boolean;
  readonly decoderStartId: number;
}

/**
 * Reads an HF config (canonical spelling) of a T5.
 * @param tiedHead - whether the weights have no head of their own: files of v1.1 say `tie_word_embeddings` both ways
 * @throws HeartcutError HC1101 naming the key where a value is missing or not supported
 */
export function parseT5Config(json: HfConfigJson, where: string, tiedHead?: boolean): T5Config {
  const c = parseKeys(t5Json, json, "t5", where);
  return {
    modelType: "t5",
    vocabSize: c.vocab_size,
    hiddenSize: c.d_model,
    headDim: c.d_kv,
    intermediateSize: c.d_ff,
    encoderLayers: c.num_layers,
    decoderLayers: c.num_decoder_layers ?? c.num_layers,
    heads: c.num_heads,
    buckets: c.relative_attention_num_buckets,
    maxDistance: c.relative_attention_max_distance,
    epsilon: c.layer_norm_epsilon,
    initializerFactor: c.initializer_factor,
    dropoutRate: c.dropout_rate,
    gated: c.feed_forward_proj === "gated-gelu",
    tied: tiedHead ?? c.tie_word_embeddings,
    // Until transformers 5, tie_word_embeddings: false meant both: a head of its own, and no scaling.
    scaleOutputs: c.scale_decoder_outputs ?? c.tie_word_embeddings,
    decoderStartId: c.decoder_start_token_id ?? c.pad_token_id,
  };
}

/** A config with every value settled that was left to defaults, for transformers of today and before. */
export function settledT5Json(c: T5Config, json: HfConfigJson): HfConfigJson {
  return {
    ...json,
    architectures: ["T5ForConditionalGeneration"],
    is_encoder_decoder: true,
    num_decoder_layers: c.decoderLayers,
    relative_attention_num_buckets: c.buckets,
    relative_attention_max_distance: c.maxDistance,
    layer_norm_epsilon: c.epsilon,
    initializer_factor: c.initializerFactor,
    dropout_rate: c.dropoutRate,
    feed_forward_proj: c.gated ? "gated-gelu" : "relu",
    tie_word_embeddings: c.tied,
    scale_decoder_outputs: c.scaleOutputs,
    decoder_start_token_id: c.decoderStartId,
    pad_token_id: json.pad_token_id ?? 0,
    eos_token_id: json.eos_token_id ?? 1,
  };
}

/**
 * All weights of a T5 in HF's names. Fresh ones are drawn as transformers' T5 `_init_weights` draws them: each projection
 * with the standard deviation that keeps unscaled attention and the residual stream at one size.
 */
export function t5Parameters(c: T5Config): ParameterSpec[] {
  const list: ParameterSpec[] = [];
  const { hiddenSize: D, intermediateSize: F, headDim: H, heads: N } = c;
  const normal = (name: string, shape: number[], std: number) =>
    list.push({ name: `${name}.weight`, shape, init: { kind: "normal", std: c.initializerFactor * std } });
  const norm = (name: string) => {
    // T5 scales its norms too; ones is what every released factor (1) gives.
    list.push({ name: `${name}.weight`, shape: [D], init: { kind: "ones" } });
  };
  const attention = (name: string, relative: boolean) => {
    normal(`${name}.q`, [N * H, D], (D * H) ** -0.5);
    normal(`${name}.k`, [N * H, D], D ** -0.5);
    normal(`${name}.v`, [N * H, D], D ** -0.5);
    normal(`${name}.o`, [D, N * H], (N * H) ** -0.5);
    if (relative) normal(`${name}.relative_attention_bias`, [c.buckets, N], D ** -0.5);
  };
  const feedForward = (name: string) => {
    for (const part of c.gated ? ["wi_0", "wi_1"] : ["wi"]) normal(`${name}.${part}`, [F, D], D ** -0.5);
    normal(`${name}.wo`, [D, F], F ** -0.5);
  };
  normal("shared", [c.vocabSize, D], 1);
  for (let i = 0; i < c.encoderLayers; i++) {
    const layer = `encoder.block.${i}.layer`;
    attention(`${layer}.0.SelfAttention`, i === 0);
    norm(`${layer}.0.layer_norm`);
    feedForward(`${layer}.1.DenseReluDense`);
    norm(`${layer}.1.layer_norm`);
  }
  norm("encoder.final_layer_norm");
  for (let i = 0; i < c.decoderLayers; i++) {
    const layer = `decoder.block.${i}.layer`;
    attention(`${layer}.0.SelfAttention`, i === 0);
    norm(`${layer}.0.layer_norm`);
    attention(`${layer}.1.EncDecAttention`, false);
    norm(`${layer}.1.layer_norm`);
    feedForward(`${layer}.2.DenseReluDense`);
    norm(`${layer}.2.layer_norm`);
  }
  norm("decoder.final_layer_norm");
  if (!c.tied) normal("lm_head", [c.vocabSize, D], 1);
  return list;
}
