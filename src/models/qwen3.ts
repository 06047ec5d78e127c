import { type DecoderVariant, qwenWindows } from "./decoder_config.ts";

/** Qwen3: RMSNorm on queries and keys, head size apart from the width. Source: Yang et al. 2025, arXiv:2505.09388. */
export const qwen3: DecoderVariant = {
  modelType: "qwen3",
  architecture: "Qwen3ForCausalLM",
  bias: (json) => ({ qkv: json.attention_bias, output: json.attention_bias, mlp: false }),
  qkNorm: true,
  headDim: () => 128,
  windows: qwenWindows,
};
