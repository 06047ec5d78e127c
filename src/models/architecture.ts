import { HeartcutError } from "../errors.ts";
import type { HfConfigJson } from "../formats/hf_config.ts";
import type { CausalArchitecture, CausalConfig, CausalFamily } from "./causal.ts";
import { decoderFamily } from "./decoder_family.ts";
import { gptNeox } from "./gpt_neox.ts";
import { gpt2 } from "./gpt2.ts";
import { llama } from "./llama.ts";
import { mamba } from "./mamba.ts";
import { mistral } from "./mistral.ts";
import { countParameters, type ParameterSpec } from "./parameters.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";
import { parseT5Config, settledT5Json, T5_KEYS, type T5Config, t5Parameters } from "./t5_config.ts";

/** Every causal family, by its `model_type`. */
const FAMILIES: ReadonlyMap<string, CausalFamily> = new Map(
  [...[llama, mistral, qwen2, qwen3].map(decoderFamily), gpt2, gptNeox, mamba].map((family) => [
    family.modelType,
    family,
  ]),
);

/** Model types that can be built, as `model_type` in config.json names them. */
export const MODEL_TYPES: readonly string[] = [...FAMILIES.keys(), "t5"];

/** Keys of config.json that models of a type read; undefined for a type that is not built. */
export function configKeys(modelType: string): readonly string[] | undefined {
  return modelType === "t5" ? T5_KEYS : FAMILIES.get(modelType)?.keys;
}

const T5_TABLES = ["shared.weight", "lm_head.weight"];

interface Described {
  /** The config with every default that is read written out. */
  readonly json: HfConfigJson;
  readonly parameters: readonly ParameterSpec[];
  readonly parameterCount: number;
  /** Weights outside the embedding table and the head. */
  readonly nonEmbeddingParameters: number;
}

/** A causal model as its config describes it, before any weight is read. */
export interface CausalDescription extends Described {
  readonly kind: "causal";
  readonly config: CausalConfig;
  readonly architecture: CausalArchitecture;
}

/** An encoder-decoder model as its config describes it. */
export interface Seq2SeqDescription extends Described {
  readonly kind: "seq2seq";
  readonly config: T5Config;
}

export type ModelDescription = CausalDescription | Seq2SeqDescription;

/**
 * Reads a canonical HF config.
 * @param tiedHead - encoder-decoder models: whether the head is the embedding table, where the weights decide it
 * @throws HeartcutError HC1102 for a model type that is not built here, HC1101 for a key that cannot be used
 */
export function describeModel(json: HfConfigJson, where: string, tiedHead?: boolean): ModelDescription {
  const type = json.model_type;
  if (type === "t5") {
    const config = parseT5Config(json, where, tiedHead);
    return { kind: "seq2seq", config, json: settledT5Json(config, json), ...counted(t5Parameters(config), T5_TABLES) };
  }
  const family = typeof type === "string" ? FAMILIES.get(type) : undefined;
  if (family === undefined)
    throw new HeartcutError("HC1102", {
      what: "this model type cannot be run",
      where: `${where}: model_type`,
      found: String(type),
      expected: `one of ${MODEL_TYPES.join(", ")}`,
    });
  const described = family.describe(json, where);
  const { config, parameters, tables } = described.architecture;
  return { kind: "causal", config, ...described, ...counted(parameters, tables) };
}

/** Whether a model has attention probabilities to look at or to match. */
export function hasAttention(description: ModelDescription): boolean {
  return description.kind === "seq2seq" || description.architecture.memory.kind === "keys";
}

/** As describeModel, for work that only causal models can do. @throws HeartcutError HC1102 for an encoder-decoder, and as describeModel */
export function describeCausalModel(json: HfConfigJson, where: string): CausalDescription {
  const description = describeModel(json, where);
  if (description.kind === "causal") return description;
  throw new HeartcutError("HC1102", {
    what: "an encoder-decoder model cannot be used as a causal language model",
    where: `${where}: model_type`,
    found: String(json.model_type),
    expected: `one of ${[...FAMILIES.keys()].join(", ")}`,
    fix: "open it with loadLanguageModel, or give a causal model",
  });
}

function counted(parameters: readonly ParameterSpec[], tables: readonly string[]) {
  const parameterCount = countParameters(parameters);
  const inTables = countParameters(parameters.filter(({ name }) => tables.includes(name)));
  return { parameters, parameterCount, nonEmbeddingParameters: parameterCount - inTables };
}

/**
 * FLOPs of one forward pass per token at context length T: 2 per weight (the head included, embedding look-ups not) plus what
 * mixes tokens: attention over the whole context or window (no discount for causality), scans. For matrices that is what
 * their products do, to the last one; of norms and biases it stands for their own share. Training costs three times that:
 * forward, and twice as much backward. docs/compute.md holds it against what graphs do.
 * Source: Kaplan et al. 2020, arXiv:2001.08361, section 2.1; attention as in Chowdhery et al. 2022, arXiv:2204.02311, B.
 */
export function forwardFlopsPerToken(
  { config: c, architecture, nonEmbeddingParameters }: CausalDescription,
  T: number,
): number {
  return 2 * (nonEmbeddingParameters + c.vocabSize * c.hiddenSize) + architecture.mixingFlops(T);
}
