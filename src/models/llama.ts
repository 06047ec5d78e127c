import { type DecoderVariant, noWindows } from "./decoder_config.ts";

/** Llama 1 to 3.x. Source: Touvron et al. 2023, arXiv:2302.13971; Grattafiori et al. 2024, arXiv:2407.21783. */
export const llama: DecoderVariant = {
  modelType: "llama",
  architecture: "LlamaForCausalLM",
  bias: (json) => ({ qkv: json.attention_bias, output: json.attention_bias, mlp: json.mlp_bias }),
  qkNorm: false,
  headDim: (json) => json.hidden_size / json.num_attention_heads,
  windows: noWindows,
};
