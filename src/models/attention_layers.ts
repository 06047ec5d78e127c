import { attention, attentionWithProbabilities } from "../graph/composite/attention.ts";
import { add, concat, layerNorm, matmul, reshape, slice, transpose } from "../graph/ops/index.ts";
import { scoped, type Value } from "../graph/value.ts";
import type { CausalInputs, CausalOutputs, KeyValue } from "./causal.ts";
import { recomputed } from "./recompute.ts";
import type { Weights } from "./weight_inputs.ts";

/** Rows through a linear layer as torch keeps it: x [R,I], `<name>.weight` [O,I], `<name>.bias` [O] → [R,O]. */
export function linear(weights: Weights, name: string, x: Value, bias: boolean): Value {
  const y = matmul(x, weights(`${name}.weight`), { transB: true });
  return bias ? add(y, weights(`${name}.bias`)) : y;
}

/** LayerNorm by `<name>.weight` and `<name>.bias`. */
export function normed(weights: Weights, name: string, x: Value, epsilon: number): Value {
  return layerNorm(x, weights(`${name}.weight`), weights(`${name}.bias`), epsilon);
}

/**
 * Heads of a fused projection of queries, keys and values.
 * @param x - [B·T, 3·N·H], its columns in order of the three, then heads; or of heads, then the three (`headsFirst`)
 * @returns q, k, v, [B,N,T,H] each
 */
export function splitHeads(
  x: Value,
  { B, N, headsFirst }: { B: number; N: number; headsFirst: boolean },
): [q: Value, k: Value, v: Value] {
  const T = x.shape[0]! / B;
  const H = x.shape[1]! / (3 * N);
  const parts = headsFirst
    ? transpose(reshape(x, [B, T, N, 3, H]), [3, 0, 2, 1, 4])
    : transpose(reshape(x, [B, T, 3, N, H]), [2, 0, 3, 1, 4]);
  const part = (i: number) => reshape(slice(parts, { axis: 0, start: i, end: i + 1 }), [B, N, T, H]);
  return [part(0), part(1), part(2)];
}

/** What a layer gives. */
export interface LayerOutputs {
  /** Its result, [B·T, …]. */
  readonly y: Value;
  /** Keys and values of the tokens given. */
  readonly present: KeyValue;
  /** Attention probabilities [B,N,T,S] where asked for. */
  readonly probabilities: Value | undefined;
}

/**
 * Causal self-attention of one layer over the tokens given and those of the cache, which come first.
 * @param q - queries [B,N,T,H]   @param present - keys and values of the tokens given, [B,K,T,H]
 * @returns y [B·T, N·H], heads side by side
 */
export function attendCausally(
  inputs: CausalInputs,
  layer: number,
  q: Value,
  present: KeyValue,
  { scale, bias, window }: { scale: number; bias: Value | undefined; window?: number | undefined },
): LayerOutputs {
  const [B, N, T, H] = q.shape as [number, number, number, number];
  const past = inputs.past?.[layer];
  const k = past === undefined ? present.k : concat([past.k, present.k], 2);
  const v = past === undefined ? present.v : concat([past.v, present.v], 2);
  // With a cache, positions are not places in the buffer: the bias says what may be seen.
  const options = { scale, causal: true, window: past === undefined ? window : undefined, bias };
  const { y, probabilities } = inputs.attention
    ? attentionWithProbabilities(q, k, v, options)
    : { y: attention(q, k, v, options), probabilities: undefined };
  return { y: reshape(transpose(y, [0, 2, 1, 3]), [B * T, N * H]), present, probabilities };
}

/**
 * Layers one after the other on the residual stream, and the final norm.
 * @param x - the stream before the first layer, [B·T,D]
 * @param layer - layer number i: the stream before it → the stream behind it; reads weights through `weights` only
 */
export function attentionLayers(
  weights: Weights,
  inputs: CausalInputs,
  x: Value,
  {
    count,
    layer,
    norm,
  }: {
    count: number;
    layer: (i: number, x: Value, weights: Weights) => LayerOutputs;
    norm: (x: Value) => Value;
  },
): CausalOutputs {
  const present: KeyValue[] = [];
  const probabilities: Value[] = [];
  const layerStates: Value[] = [];
  let stream = x;
  for (let i = 0; i < count; i++) {
    const block = (h: Value, w: Weights) => layer(i, h, w);
    const out = scoped(`layers.${i}`, () =>
      inputs.recompute ? recomputed(block, stream, weights) : block(stream, weights),
    );
    stream = out.y;
    if (inputs.layerStates) layerStates.push(stream);
    present.push(out.present);
    if (out.probabilities !== undefined) probabilities.push(out.probabilities);
  }
  return { hidden: norm(stream), present, attention: probabilities, layerStates };
}
