/** Keys of `config.json` that models of the Llama branch read, or that are known to change nothing they compute. */
const MODEL_KEYS: readonly string[] = [
  "model_type",
  "vocab_size",
  "hidden_size",
  "intermediate_size",
  "num_hidden_layers",
  "num_attention_heads",
  "num_key_value_heads",
  "head_dim",
  "hidden_act",
  "max_position_embeddings",
  "initializer_range",
  "rms_norm_eps",
  "rope_parameters",
  "rope_theta",
  "rope_scaling",
  "partial_rotary_factor",
  "tie_word_embeddings",
  "attention_bias",
  "mlp_bias",
  "sliding_window",
  "use_sliding_window",
  "max_window_layers",
  "layer_types",
  // Read elsewhere, or kept for other programs.
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
  // Refused by the model itself unless they change nothing.
  "alibi",
  "attention_chunk_size",
  "attention_multiplier",
  "attn_logit_softcapping",
  "clip_qkv",
  "embedding_multiplier",
  "final_logit_softcapping",
  "is_causal",
  "is_encoder_decoder",
  "logit_scale",
  "logits_scaling",
  "num_experts",
  "num_local_experts",
  "parallel_attn",
  "query_pre_attn_scalar",
  "residual_multiplier",
  "use_bidirectional_attention",
  "use_parallel_residual",
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

/** Keys of a new model's config that no model of the Llama branch knows: a typo there would train another model than meant. */
export function strayModelKeys(model: Readonly<Record<string, unknown>>): StrayKey[] {
  const stray = (value: unknown, known: readonly string[], path: string[]): StrayKey[] =>
    typeof value !== "object" || value === null || Array.isArray(value)
      ? []
      : Object.keys(value)
          .filter((key) => !known.includes(key))
          .map((key) => ({ path: [...path, key], known }));
  return [
    ...stray(model, MODEL_KEYS, []),
    ...["rope_parameters", "rope_scaling"].flatMap((key) => stray(model[key], ROPE_KEYS, [key])),
  ];
}
