import { type DecoderVariant, qwenWindows } from "./decoder_config.ts";

/** Qwen1.5 and Qwen2/2.5: biases on query, key and value. Source: Yang et al. 2024, arXiv:2407.10671. */
export const qwen2: DecoderVariant = {
  modelType: "qwen2",
  architecture: "Qwen2ForCausalLM",
  bias: () => ({ qkv: true, output: false, mlp: false }),
  qkNorm: false,
  headDim: (json) => json.hidden_size / json.num_attention_heads,
  windows: qwenWindows,
};
