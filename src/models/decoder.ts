import { add, gather, reshape, rmsNorm, rotary, swiglu, transpose } from "../graph/ops/index.ts";
import { scoped, type Value } from "../graph/value.ts";
import { attentionBias } from "./attention_bias.ts";
import { attendCausally, attentionLayers, type LayerOutputs, linear } from "./attention_layers.ts";
import type { CausalInputs, CausalOutputs } from "./causal.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { rotaryAt } from "./rope.ts";
import type { Weights } from "./weight_inputs.ts";

/** Shapes: x [B·T, D], heads [B,N,T,H], keys and values [B,K,S,H]. */
function selfAttention(
  c: DecoderConfig,
  weights: Weights,
  layer: number,
  x: Value,
  rope: ReturnType<typeof rotaryAt>,
  bias: Value | undefined,
  inputs: CausalInputs,
): LayerOutputs {
  const [B, T] = inputs.embeddings.shape as [number, number];
  const name = `model.layers.${layer}.self_attn`;
  const heads = (projection: string, count: number, normed: boolean) => {
    let h = reshape(linear(weights, `${name}.${projection}_proj`, x, c.bias.qkv), [B, T, count, c.headDim]);
    if (normed && c.qkNorm) h = rmsNorm(h, weights(`${name}.${projection}_norm.weight`), c.epsilon);
    return transpose(h, [0, 2, 1, 3]);
  };
  const q = rotary(heads("q", c.heads, true), rope.cos, rope.sin);
  const present = { k: rotary(heads("k", c.kvHeads, true), rope.cos, rope.sin), v: heads("v", c.kvHeads, false) };
  const out = attendCausally(inputs, layer, q, present, {
    scale: 1 / Math.sqrt(c.headDim),
    bias,
    window: c.windows[layer],
  });
  return { ...out, y: linear(weights, `${name}.o_proj`, out.y, c.bias.output) };
}

function mlp(c: DecoderConfig, weights: Weights, layer: number, x: Value): Value {
  const name = `model.layers.${layer}.mlp`;
  const activated = swiglu(
    linear(weights, `${name}.gate_proj`, x, c.bias.mlp),
    linear(weights, `${name}.up_proj`, x, c.bias.mlp),
  );
  return linear(weights, `${name}.down_proj`, activated, c.bias.mlp);
}

/** Token embeddings of ids int [B,T] → [B,T,D]. */
export function embedTokens(weights: Weights, ids: Value): Value {
  return scoped("embed_tokens", () => gather(weights("model.embed_tokens.weight"), ids));
}

/** The weight that turns hidden states into logits, [V,D]. */
export function outputHead(c: DecoderConfig, weights: Weights): Value {
  return weights(c.tied ? "model.embed_tokens.weight" : "lm_head.weight");
}

/** A pre-norm decoder: layers of attention and gated MLP on a residual stream, final norm. */
export function decoder(c: DecoderConfig, weights: Weights, inputs: CausalInputs): CausalOutputs {
  const { embeddings } = inputs;
  const [B, T] = embeddings.shape as [number, number];
  const rope = scoped("rotary_emb", () => rotaryAt(c.rope, c.headDim, inputs));
  const bias = attentionBias(inputs);
  const norm = (name: string, x: Value, w: Weights) => rmsNorm(x, w(`${name}.weight`), c.epsilon);
  return attentionLayers(weights, inputs, reshape(embeddings, [B * T, c.hiddenSize]), {
    count: c.layers,
    layer: (i, x, w) => {
      const name = `model.layers.${i}`;
      const attended = scoped("self_attn", () =>
        selfAttention(c, w, i, norm(`${name}.input_layernorm`, x, w), rope, bias, inputs),
      );
      const middle = add(x, attended.y);
      const y = scoped("mlp", () => add(middle, mlp(c, w, i, norm(`${name}.post_attention_layernorm`, middle, w))));
      return { ...attended, y };
    },
    norm: (x) => norm("model.norm", x, weights),
  });
}
