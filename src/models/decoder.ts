import { attention, attentionWithProbabilities } from "../graph/composite/attention.ts";
import type { DType } from "../graph/dtype.ts";
import {
  add,
  concat,
  expand,
  gather,
  matmul,
  reshape,
  rmsNorm,
  rotary,
  swiglu,
  transpose,
} from "../graph/ops/index.ts";
import { constant, scoped, type Value } from "../graph/value.ts";
import { attentionBias } from "./attention_bias.ts";
import type { CausalInputs, CausalOutputs, KeyValue } from "./causal.ts";
import type { DecoderConfig } from "./decoder_config.ts";
import { recomputed } from "./recompute.ts";
import { rotaryTable } from "./rope.ts";
import type { Weights } from "./weight_inputs.ts";

interface Tables {
  readonly cos: Value;
  readonly sin: Value;
}

function tables(c: DecoderConfig, inputs: CausalInputs, dtype: DType): Tables {
  const [B, T] = inputs.embeddings.shape as [number, number];
  const { positions } = inputs;
  const half = c.headDim / 2;
  // Positions stay below the number of places, cached ones included.
  const count = (inputs.past?.[0]?.k.shape[2] ?? 0) + T;
  const table = rotaryTable(c.rope, c.headDim, count);
  const make = (data: Float64Array<ArrayBuffer>) => {
    const value = constant(dtype === "float64" ? data : Float32Array.from(data), dtype, [count, half]);
    if (positions !== undefined) return gather(value, positions);
    return expand(reshape(value, [1, T, half]), [B, T, half]);
  };
  return { cos: make(table.cos), sin: make(table.sin) };
}

function linear(weights: Weights, name: string, x: Value, bias: boolean): Value {
  const y = matmul(x, weights(`${name}.weight`), { transB: true });
  return bias ? add(y, weights(`${name}.bias`)) : y;
}

interface BlockOutputs {
  readonly y: Value;
  readonly present: KeyValue;
  readonly probabilities: Value | undefined;
}

/** Shapes: x [B·T, D], heads [B,N,T,H], keys and values [B,K,S,H]. */
function selfAttention(
  c: DecoderConfig,
  weights: Weights,
  layer: number,
  x: Value,
  rope: Tables,
  bias: Value | undefined,
  inputs: CausalInputs,
): BlockOutputs {
  const [B, T] = inputs.embeddings.shape as [number, number];
  const name = `model.layers.${layer}.self_attn`;
  const heads = (projection: string, count: number, normed: boolean) => {
    let h = reshape(linear(weights, `${name}.${projection}_proj`, x, c.bias.qkv), [B, T, count, c.headDim]);
    if (normed && c.qkNorm) h = rmsNorm(h, weights(`${name}.${projection}_norm.weight`), c.epsilon);
    return transpose(h, [0, 2, 1, 3]);
  };
  const q = rotary(heads("q", c.heads, true), rope.cos, rope.sin);
  const present = { k: rotary(heads("k", c.kvHeads, true), rope.cos, rope.sin), v: heads("v", c.kvHeads, false) };
  const past = inputs.past?.[layer];
  const k = past === undefined ? present.k : concat([past.k, present.k], 2);
  const v = past === undefined ? present.v : concat([past.v, present.v], 2);
  const options = {
    scale: 1 / Math.sqrt(c.headDim),
    causal: true,
    // With a cache, positions are not places in the buffer: the bias says what may be seen.
    window: past === undefined ? c.windows[layer] : undefined,
    bias,
  };
  const { y: o, probabilities } = inputs.attention
    ? attentionWithProbabilities(q, k, v, options)
    : { y: attention(q, k, v, options), probabilities: undefined };
  const flat = reshape(transpose(o, [0, 2, 1, 3]), [B * T, c.heads * c.headDim]);
  return { y: linear(weights, `${name}.o_proj`, flat, c.bias.output), present, probabilities };
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
  const rope = scoped("rotary_emb", () => tables(c, inputs, embeddings.dtype));
  const bias = attentionBias(inputs);
  let x = reshape(embeddings, [B * T, c.hiddenSize]);
  const present: KeyValue[] = [];
  const probabilities: Value[] = [];
  const layerStates: Value[] = [];
  for (let layer = 0; layer < c.layers; layer++) {
    const block = (h: Value, w: Weights): BlockOutputs => {
      const name = `model.layers.${layer}`;
      const norm = (which: string, value: Value) => rmsNorm(value, w(`${name}.${which}.weight`), c.epsilon);
      const attended = scoped("self_attn", () =>
        selfAttention(c, w, layer, norm("input_layernorm", h), rope, bias, inputs),
      );
      const middle = add(h, attended.y);
      const y = scoped("mlp", () => add(middle, mlp(c, w, layer, norm("post_attention_layernorm", middle))));
      return { ...attended, y };
    };
    const out = scoped(`layers.${layer}`, () => (inputs.recompute ? recomputed(block, x, weights) : block(x, weights)));
    x = out.y;
    if (inputs.layerStates) layerStates.push(x);
    present.push(out.present);
    if (out.probabilities !== undefined) probabilities.push(out.probabilities);
  }
  return {
    hidden: rmsNorm(x, weights("model.norm.weight"), c.epsilon),
    present,
    attention: probabilities,
    layerStates,
  };
}
