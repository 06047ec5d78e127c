import type { Random } from "../random.ts";
import type { DecoderConfig } from "./decoder_config.ts";

/** One weight of a model: its HF tensor name, its shape, and how a fresh one is drawn. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init:
    | { readonly kind: "normal"; readonly std: number }
    | { readonly kind: "ones" }
    | { readonly kind: "zeros" }
    /** As many values as the shape has, by the family's own rule. */
    | { readonly kind: "drawn"; readonly draw: (random: Random) => Float32Array };
}

/**
 * All weights of a decoder in HF's order and names. Fresh linear and embedding weights are normal with
 * `initializer_range`, biases zero, norms one, as transformers' `_init_weights` draws them.
 */
export function decoderParameters(c: DecoderConfig): ParameterSpec[] {
  const list: ParameterSpec[] = [];
  const normal = { kind: "normal", std: c.initializerRange } as const;
  const linear = (name: string, outputs: number, inputs: number, bias: boolean) => {
    list.push({ name: `${name}.weight`, shape: [outputs, inputs], init: normal });
    if (bias) list.push({ name: `${name}.bias`, shape: [outputs], init: { kind: "zeros" } });
  };
  const norm = (name: string, width: number) =>
    list.push({ name: `${name}.weight`, shape: [width], init: { kind: "ones" } });
  const D = c.hiddenSize;
  list.push({ name: "model.embed_tokens.weight", shape: [c.vocabSize, D], init: normal });
  for (let i = 0; i < c.layers; i++) {
    const layer = `model.layers.${i}`;
    linear(`${layer}.self_attn.q_proj`, c.heads * c.headDim, D, c.bias.qkv);
    linear(`${layer}.self_attn.k_proj`, c.kvHeads * c.headDim, D, c.bias.qkv);
    linear(`${layer}.self_attn.v_proj`, c.kvHeads * c.headDim, D, c.bias.qkv);
    linear(`${layer}.self_attn.o_proj`, D, c.heads * c.headDim, c.bias.output);
    if (c.qkNorm) {
      norm(`${layer}.self_attn.q_norm`, c.headDim);
      norm(`${layer}.self_attn.k_norm`, c.headDim);
    }
    linear(`${layer}.mlp.gate_proj`, c.intermediateSize, D, c.bias.mlp);
    linear(`${layer}.mlp.up_proj`, c.intermediateSize, D, c.bias.mlp);
    linear(`${layer}.mlp.down_proj`, D, c.intermediateSize, c.bias.mlp);
    norm(`${layer}.input_layernorm`, D);
    norm(`${layer}.post_attention_layernorm`, D);
  }
  norm("model.norm", D);
  if (!c.tied) list.push({ name: "lm_head.weight", shape: [c.vocabSize, D], init: normal });
  return list;
}

/** Number of weights. */
export function countParameters(specs: readonly ParameterSpec[]): number {
  return specs.reduce((n, spec) => n + spec.shape.reduce((a, b) => a * b, 1), 0);
}
