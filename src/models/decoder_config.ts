import * as z from "zod";
import type { HfConfigJson, JsonValue } from "../formats/hf_config.ts";
import { NEUTRAL, parseKeys, type Refuse, refusing, requireNeutral } from "./config_check.ts";
import { ROPE_KEYS, type RopeParameters, ropeSchema } from "./rope.ts";

const count = z.number().int().positive();

// Every feature of a head is rotated; a share of them is another architecture.
const ropeParameters = ropeSchema(z.literal(1).nullish());

/** The keys of an HF config.json that the Llama branch reads, under HF's own names; others are kept but not read. */
const decoderJson = z.object({
  model_type: z.string(),
  vocab_size: count,
  hidden_size: count,
  intermediate_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  hidden_act: z.literal("silu").default("silu"),
  max_position_embeddings: count.default(2048),
  initializer_range: z.number().positive().default(0.02),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_parameters: ropeParameters.prefault({ rope_type: "default" }),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  sliding_window: count.nullish(),
  use_sliding_window: z.boolean().optional(),
  max_window_layers: z.number().int().nonnegative().optional(),
  layer_types: z.array(z.enum(["full_attention", "sliding_attention"])).nullish(),
});

export type DecoderJson = z.infer<typeof decoderJson>;

/** Keys of config.json that are read here, in any spelling that formats/hf_config knows, or refused unless they change nothing. */
export const DECODER_KEYS: readonly string[] = [
  ...Object.keys(decoderJson.shape),
  ...ROPE_KEYS,
  ...Object.keys(neutralValues(1)),
];

/** A decoder of the Llama branch, with every default settled: what the graph is built from. */
export interface DecoderConfig {
  readonly modelType: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly epsilon: number;
  readonly rope: RopeParameters;
  readonly tied: boolean;
  readonly maxPositions: number;
  /** Standard deviation of freshly drawn weights. */
  readonly initializerRange: number;
  readonly bias: { readonly qkv: boolean; readonly output: boolean; readonly mlp: boolean };
  /** RMSNorm on each head's query and key. */
  readonly qkNorm: boolean;
  /** Sliding window of each layer; undefined is full attention. */
  readonly windows: readonly (number | undefined)[];
}

/** Keys of relatives of the Llama branch that change what is computed, with the value at which they do not. */
function neutralValues(headDim: number): Record<string, JsonValue> {
  return {
    ...NEUTRAL,
    attention_multiplier: headDim ** -0.5,
    query_pre_attn_scalar: headDim,
    use_parallel_residual: false,
  };
}

/** What one model type of the branch does differently. */
export interface DecoderVariant {
  readonly modelType: string;
  /** Name of the class in transformers that opens it. */
  readonly architecture: string;
  bias(json: DecoderJson): DecoderConfig["bias"];
  readonly qkNorm: boolean;
  /** Head size where the file does not say. */
  headDim(json: DecoderJson): number;
  windows(json: DecoderJson, refuse: Refuse): (number | undefined)[];
}

/**
 * Reads an HF config (canonical spelling) as a decoder of the given variant.
 * Throws HeartcutError HC1101 naming the key where a value is missing or not supported.
 */
export function parseDecoderConfig(variant: DecoderVariant, json: HfConfigJson, where: string): DecoderConfig {
  const c = parseKeys(decoderJson, json, variant.modelType, where);
  const kvHeads = c.num_key_value_heads ?? c.num_attention_heads;
  const headDim = c.head_dim ?? variant.headDim(c);
  const refuse = refusing(variant.modelType, where);
  if (c.num_attention_heads % kvHeads !== 0)
    refuse("num_key_value_heads", String(kvHeads), `a divisor of num_attention_heads (${c.num_attention_heads})`);
  if (!Number.isInteger(headDim) || headDim % 2 !== 0)
    refuse("hidden_size", `head size ${headDim}`, "an even whole number of features per head");
  requireNeutral(json, neutralValues(headDim), variant.modelType, refuse);
  if (c.layer_types && c.layer_types.length !== c.num_hidden_layers)
    refuse("layer_types", `${c.layer_types.length} entries`, `one for each of the ${c.num_hidden_layers} layers`);
  return {
    modelType: variant.modelType,
    vocabSize: c.vocab_size,
    hiddenSize: c.hidden_size,
    intermediateSize: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    kvHeads,
    headDim,
    epsilon: c.rms_norm_eps,
    rope: c.rope_parameters,
    tied: c.tie_word_embeddings,
    maxPositions: c.max_position_embeddings,
    initializerRange: c.initializer_range,
    bias: variant.bias(c),
    qkNorm: variant.qkNorm,
    windows: variant.windows(c, refuse),
  };
}

/** Windows as Qwen writes them: per layer by `layer_types`, or from `max_window_layers` on where switched on. */
export function qwenWindows(json: DecoderJson, refuse: Refuse): (number | undefined)[] {
  const window = json.sliding_window ?? undefined;
  if (json.layer_types?.includes("sliding_attention") && (window === undefined || json.use_sliding_window === false))
    refuse(
      "layer_types",
      `sliding_attention with sliding_window ${window ?? "absent"}, use_sliding_window ${json.use_sliding_window ?? "absent"}`,
      "a window for the layers that slide",
    );
  return Array.from({ length: json.num_hidden_layers }, (_, layer) => {
    if (json.layer_types) return json.layer_types[layer] === "sliding_attention" ? window : undefined;
    return json.use_sliding_window && layer >= (json.max_window_layers ?? 28) ? window : undefined;
  });
}

/** Windows of a family without any. A window that is switched off, as configs turned from another family carry, is none. */
export function noWindows(json: DecoderJson, refuse: Refuse): undefined[] {
  if (json.sliding_window && json.use_sliding_window !== false)
    refuse("sliding_window", String(json.sliding_window), "null: use model_type mistral for windows on every layer");
  if (json.layer_types?.includes("sliding_attention"))
    refuse("layer_types", "sliding_attention", "full_attention in every layer");
  return new Array<undefined>(json.num_hidden_layers).fill(undefined);
}

/** One window on every layer, as Mistral has it. */
export function sameWindows(json: DecoderJson, refuse: Refuse): (number | undefined)[] {
  const window = json.sliding_window ?? undefined;
  const type = window === undefined ? "full_attention" : "sliding_attention";
  const other = json.layer_types?.find((each) => each !== type);
  if (other !== undefined)
    refuse("layer_types", other, `${type} in every layer, since sliding_window is ${window ?? "null"}`);
  return new Array<number | undefined>(json.num_hidden_layers).fill(window);
}

/**
 * A config with every value settled that was left to defaults: ours are the number of attention heads for
 * num_key_value_heads and no window, those of transformers are 32 or 8 and 4,096, depending on the model type.
 */
export function settledJson(variant: DecoderVariant, c: DecoderConfig, json: HfConfigJson): HfConfigJson {
  return {
    ...json,
    architectures: [variant.architecture],
    num_key_value_heads: c.kvHeads,
    head_dim: c.headDim,
    hidden_act: "silu",
    max_position_embeddings: c.maxPositions,
    initializer_range: c.initializerRange,
    rms_norm_eps: c.epsilon,
    rope_parameters: { ...c.rope },
    tie_word_embeddings: c.tied,
    ...(variant.modelType === "mistral" && { sliding_window: c.windows[0] ?? null }),
  };
}
