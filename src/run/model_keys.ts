import { configKeys } from "../models/architecture.ts";

/** Keys that are read elsewhere, or kept for other programs. */
const COMMON_KEYS: readonly string[] = [
  "architectures",
  "attention_dropout",
  "bos_token_id",
  "dtype",
  "eos_token_id",
  "pad_token_id",
  "pretraining_tp",
  "torch_dtype",
  "transformers_version",
  "unk_token_id",
  "use_cache",
];

const ROPE_KEYS: readonly string[] = [
  "rope_type",
  "type",
  "rope_theta",
  "partial_rotary_factor",
  "factor",
  "low_freq_factor",
  "high_freq_factor",
  "original_max_position_embeddings",
];

/** A key of a model's config that nothing reads. */
export interface StrayKey {
  path: string[];
  /** Keys that are known in its place. */
  known: readonly string[];
}

/** Keys of a new model's config that its kind of model does not know: a typo there would train another model than meant. */
export function strayModelKeys(model: Readonly<Record<string, unknown>>): StrayKey[] {
  const stray = (value: unknown, known: readonly string[], path: string[]): StrayKey[] =>
    typeof value !== "object" || value === null || Array.isArray(value)
      ? []
      : Object.keys(value)
          .filter((key) => !known.includes(key))
          .map((key) => ({ path: [...path, key], known }));
  const known = typeof model.model_type === "string" ? configKeys(model.model_type) : undefined;
  // A type that is not built is an error of its own.
  if (known === undefined) return [];
  return [
    ...stray(model, [...known, ...COMMON_KEYS], []),
    ...["rope_parameters", "rope_scaling"].flatMap((key) => stray(model[key], ROPE_KEYS, [key])),
  ];
}
