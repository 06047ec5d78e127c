import { HeartcutError } from "../errors.ts";
import type { HfConfigJson } from "../formats/hf_config.ts";
import { type DecoderConfig, type DecoderVariant, parseDecoderConfig, settledJson } from "./decoder_config.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import { countParameters, decoderParameters, type ParameterSpec } from "./parameters.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";

const VARIANTS: Readonly<Record<string, DecoderVariant>> = { llama, mistral, qwen2, qwen3 };

/** Model types that can be built, as `model_type` in config.json names them. */
export const MODEL_TYPES: readonly string[] = Object.keys(VARIANTS);

/** A model as its config describes it, before any weight is read. */
export interface ModelDescription {
  /** The config with every default that is read written out. */
  readonly json: HfConfigJson;
  readonly config: DecoderConfig;
  readonly parameters: readonly ParameterSpec[];
  readonly parameterCount: number;
  /** Weights outside the embedding table and the head. */
  readonly nonEmbeddingParameters: number;
}

/**
 * Reads a canonical HF config.
 * @throws HeartcutError HC1102 for a model type that is not built here, HC1101 for a key that cannot be used
 */
export function describeModel(json: HfConfigJson, where: string): ModelDescription {
  const type = json.model_type;
  const variant = typeof type === "string" && Object.hasOwn(VARIANTS, type) ? VARIANTS[type] : undefined;
  if (variant === undefined)
    throw new HeartcutError("HC1102", {
      what: "this model type cannot be run",
      where: `${where}: model_type`,
      found: String(type),
      expected: `one of ${MODEL_TYPES.join(", ")}`,
    });
  const config = parseDecoderConfig(variant, json, where);
  const parameters = decoderParameters(config);
  const tables = parameters.filter(
    (spec) => spec.shape[0] === config.vocabSize && spec.shape.length === 2 && /embed_tokens|lm_head/.test(spec.name),
  );
  const parameterCount = countParameters(parameters);
  return {
    json: settledJson(variant, config, json),
    config,
    parameters,
    parameterCount,
    nonEmbeddingParameters: parameterCount - countParameters(tables),
  };
}

/**
 * FLOPs of one forward pass per token at context length T: 2 per weight of every matrix product (the head included,
 * embedding look-ups not) plus 4·L·N·H·T for scores and values over the whole context (no discount for causality).
 * Training costs three times that: forward, and twice as much backward.
 * Source: Kaplan et al. 2020, arXiv:2001.08361, section 2.1; attention as in Chowdhery et al. 2022, arXiv:2204.02311, B.
 */
export function forwardFlopsPerToken({ config: c, nonEmbeddingParameters }: ModelDescription, T: number): number {
  return 2 * (nonEmbeddingParameters + c.vocabSize * c.hiddenSize) + 4 * c.layers * c.heads * c.headDim * T;
}
