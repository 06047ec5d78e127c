import { type DecoderVariant, sameWindows } from "./decoder_config.ts";

/** Mistral 7B: Llama with a sliding window on every layer. Source: Jiang et al. 2023, arXiv:2310.06825. */
export const mistral: DecoderVariant = {
  modelType: "mistral",
  architecture: "MistralForCausalLM",
  bias: () => ({ qkv: false, output: false, mlp: false }),
  qkNorm: false,
  headDim: (json) => json.hidden_size / json.num_attention_heads,
  windows: sameWindows,
};
