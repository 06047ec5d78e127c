import { attention, attentionWithProbabilities } from "../graph/composite/attention.ts";
import {
  add,
  concat,
  gather,
  geluTanh,
  matmul,
  mul,
  relu,
  reshape,
  rmsNorm,
  scale,
  transpose,
} from "../graph/ops/index.ts";
import { constant, scoped, type Value } from "../graph/value.ts";
import type { KeyValue } from "./causal.ts";
import type { Dropout } from "./dropout.ts";
import { recomputed } from "./recompute.ts";
import type { T5Config } from "./t5_config.ts";
import type { Weights } from "./weight_inputs.ts";

/** Layers of one of the two stacks: what reads them, how they are named. */
interface Stack {
  readonly embeddings: Value;
  /** Additive bias of self-attention, [B or 1,N,T,S]: masks and relative positions together. */
  readonly selfBias: Value;
  readonly attention?: boolean | undefined;
  readonly recompute?: boolean | undefined;
  /** Dropout where transformers' T5 has it, but for attention probabilities. */
  readonly dropout?: Dropout | undefined;
}

export interface T5EncoderOutputs {
  /** [B·S, D] */
  readonly hidden: Value;
  /** Per layer [B,N,S,S]; empty unless asked for. */
  readonly attention: readonly Value[];
}

export interface T5DecoderInputs extends Stack {
  /** Keys and values of the encoder's states, a pair per layer (t5CrossKeys), or those states themselves, [B·S,D]. */
  readonly cross: readonly KeyValue[] | Value;
  /** Additive bias of cross-attention, [B,1,1,S]: hides padding. */
  readonly crossBias: Value;
  /** Self-attention keys and values of earlier tokens per layer; theirs come first in `selfBias`. */
  readonly past?: readonly KeyValue[] | undefined;
}

export interface T5DecoderOutputs {
  /** [B·T, D], scaled as the head expects. */
  readonly hidden: Value;
  /** Self-attention keys and values of the tokens given here, per layer. */
  readonly present: readonly KeyValue[];
  /** Per layer: [B,N,T,S] to the input, [B,N,T,T] to the target; empty unless asked for. */
  readonly crossAttention: readonly Value[];
  readonly selfAttention: readonly Value[];
}

/** Token embeddings of ids int [B,T] → [B,T,D]; both stacks share the table. */
export function t5Embed(weights: Weights, ids: Value): Value {
  return scoped("shared", () => gather(weights("shared.weight"), ids));
}

/** The weight that turns hidden states into logits, [V,D]. */
export function t5Head(c: T5Config, weights: Weights): Value {
  return weights(c.tied ? "shared.weight" : "lm_head.weight");
}

const linear = (weights: Weights, name: string, x: Value) => matmul(x, weights(`${name}.weight`), { transB: true });

/** x [B·T,D] → [B,N,T,H]. */
function heads(c: T5Config, x: Value, B: number): Value {
  return transpose(reshape(x, [B, x.shape[0]! / B, c.heads, c.headDim]), [0, 2, 1, 3]);
}

interface Attention {
  readonly y: Value;
  readonly probabilities: Value | undefined;
}

/** T5 does not divide scores by sqrt(H): its initialisation already has. */
function attend(
  c: T5Config,
  weights: Weights,
  name: string,
  x: Value,
  { k, v }: KeyValue,
  bias: Value,
  probabilities: boolean | undefined,
): Attention {
  const q = heads(c, linear(weights, `${name}.q`, x), k.shape[0]!);
  const options = { scale: 1, causal: false, bias };
  const out = probabilities
    ? attentionWithProbabilities(q, k, v, options)
    : { y: attention(q, k, v, options), probabilities: undefined };
  const flat = reshape(transpose(out.y, [0, 2, 1, 3]), [x.shape[0]!, c.heads * c.headDim]);
  return { y: linear(weights, `${name}.o`, flat), probabilities: out.probabilities };
}

/**
 * Cross-attention without keys and values of its own: q (h Wkᵀ)ᵀ = (q Wk) hᵀ, so queries and results pass through the
 * key and value weights and all heads attend to the states h [B·S,D] themselves. The same numbers but for rounding.
 * Source: as multi-head latent attention is decoded, DeepSeek-AI 2024, arXiv:2405.04434, section 2.1.2.
 */
function attendToStates(
  c: T5Config,
  weights: Weights,
  name: string,
  x: Value,
  states: Value,
  bias: Value,
  probabilities: boolean | undefined,
): Attention {
  const { heads: N, headDim: H } = c;
  const B = bias.shape[0]!;
  const rows = x.shape[0]!;
  const D = states.shape[1]!;
  const perHead = (projection: string) => reshape(weights(`${name}.${projection}.weight`), [N, H, D]);
  const byHead = (y: Value) => transpose(reshape(y, [rows, N, H]), [1, 0, 2]);
  const q = matmul(byHead(linear(weights, `${name}.q`, x)), perHead("k"));
  const h = reshape(states, [B, 1, states.shape[0]! / B, D]);
  const options = { scale: 1, causal: false, bias };
  const queries = transpose(reshape(q, [N, B, rows / B, D]), [1, 0, 2, 3]);
  const out = probabilities
    ? attentionWithProbabilities(queries, h, h, options)
    : { y: attention(queries, h, h, options), probabilities: undefined };
  const seen = reshape(transpose(out.y, [1, 0, 2, 3]), [N, rows, D]);
  const values = transpose(matmul(seen, perHead("v"), { transB: true }), [1, 0, 2]);
  return { y: linear(weights, `${name}.o`, reshape(values, [rows, N * H])), probabilities: out.probabilities };
}

/** Whether T targets per input attend to S states with fewer products by passing through the key and value weights. */
export function attendsToStates({ headDim: H }: T5Config, T: number, S: number): boolean {
  return T * (S + H) < S * H;
}

function keyValue(c: T5Config, weights: Weights, name: string, x: Value, B: number): KeyValue {
  return {
    k: heads(c, linear(weights, `${name}.k`, x), B),
    v: heads(c, linear(weights, `${name}.v`, x), B),
  };
}

const keep: Dropout = (x) => x;

function feedForward(c: T5Config, weights: Weights, name: string, x: Value, drop: Dropout): Value {
  const inner = c.gated
    ? mul(geluTanh(linear(weights, `${name}.wi_0`, x)), linear(weights, `${name}.wi_1`, x))
    : relu(linear(weights, `${name}.wi`, x));
  return linear(weights, `${name}.wo`, drop(inner, `${name}.inner`));
}

/** Adds a sub-layer's result to the residual stream, its input normed. */
function residual(
  c: T5Config,
  weights: Weights,
  name: string,
  x: Value,
  drop: Dropout,
  sublayer: (normed: Value) => Value,
): Value {
  return add(x, drop(sublayer(rmsNorm(x, weights(`${name}.layer_norm.weight`), c.epsilon)), name));
}

/** embeddings [B,S,D] → states of the input. */
export function t5Encoder(c: T5Config, weights: Weights, inputs: Stack): T5EncoderOutputs {
  const [B, S, D] = inputs.embeddings.shape as [number, number, number];
  const drop = inputs.dropout ?? keep;
  let x = drop(reshape(inputs.embeddings, [B * S, D]), "encoder.embed");
  const probabilities: Value[] = [];
  for (let i = 0; i < c.encoderLayers; i++) {
    const layer = `encoder.block.${i}.layer`;
    const block = (h: Value, w: Weights) => {
      let seen: Value | undefined;
      const middle = residual(c, w, `${layer}.0`, h, drop, (normed) => {
        const name = `${layer}.0.SelfAttention`;
        const kv = keyValue(c, w, name, normed, B);
        const out = attend(c, w, name, normed, kv, inputs.selfBias, inputs.attention);
        seen = out.probabilities;
        return out.y;
      });
      const y = residual(c, w, `${layer}.1`, middle, drop, (normed) =>
        feedForward(c, w, `${layer}.1.DenseReluDense`, normed, drop),
      );
      return { y, seen };
    };
    const out = scoped(`encoder.block.${i}`, () =>
      inputs.recompute ? recomputed(block, x, weights, [inputs.selfBias]) : block(x, weights),
    );
    x = out.y;
    if (out.seen !== undefined) probabilities.push(out.seen);
  }
  const normed = rmsNorm(x, weights("encoder.final_layer_norm.weight"), c.epsilon);
  return { hidden: drop(normed, "encoder.final"), attention: probabilities };
}

/** Keys and values of cross-attention per decoder layer, from the encoder's states [B·S,D]: computed once per input. */
export function t5CrossKeys(c: T5Config, weights: Weights, hidden: Value, B: number): KeyValue[] {
  return Array.from({ length: c.decoderLayers }, (_, i) =>
    scoped(`decoder.block.${i}.cross`, () =>
      keyValue(c, weights, `decoder.block.${i}.layer.1.EncDecAttention`, hidden, B),
    ),
  );
}

/** Token embeddings of the target's places [B,T,D] → states that predict the target. */
export function t5Decoder(c: T5Config, weights: Weights, inputs: T5DecoderInputs): T5DecoderOutputs {
  const [B, T, D] = inputs.embeddings.shape as [number, number, number];
  const drop = inputs.dropout ?? keep;
  let x = drop(reshape(inputs.embeddings, [B * T, D]), "decoder.embed");
  const present: KeyValue[] = [];
  const crossAttention: Value[] = [];
  const selfAttention: Value[] = [];
  for (let i = 0; i < c.decoderLayers; i++) {
    const layer = `decoder.block.${i}.layer`;
    const cross = "id" in inputs.cross ? inputs.cross : inputs.cross[i]!;
    const past = inputs.past?.[i];
    const block = (h: Value, w: Weights) => {
      let own: KeyValue | undefined;
      const seen: Value[] = [];
      const attended = residual(c, w, `${layer}.0`, h, drop, (normed) => {
        const name = `${layer}.0.SelfAttention`;
        own = keyValue(c, w, name, normed, B);
        const all = past === undefined ? own : { k: concat([past.k, own.k], 2), v: concat([past.v, own.v], 2) };
        const out = attend(c, w, name, normed, all, inputs.selfBias, inputs.attention);
        if (out.probabilities !== undefined) seen.push(out.probabilities);
        return out.y;
      });
      const crossed = residual(c, w, `${layer}.1`, attended, drop, (normed) => {
        const name = `${layer}.1.EncDecAttention`;
        const out =
          "id" in cross
            ? attendToStates(c, w, name, normed, cross, inputs.crossBias, inputs.attention)
            : attend(c, w, name, normed, cross, inputs.crossBias, inputs.attention);
        if (out.probabilities !== undefined) seen.push(out.probabilities);
        return out.y;
      });
      const y = residual(c, w, `${layer}.2`, crossed, drop, (normed) =>
        feedForward(c, w, `${layer}.2.DenseReluDense`, normed, drop),
      );
      return { y, own: own!, seen };
    };
    const out = scoped(`decoder.block.${i}`, () =>
      inputs.recompute
        ? recomputed(block, x, weights, [inputs.selfBias, ...("id" in cross ? [cross] : [cross.k, cross.v])])
        : block(x, weights),
    );
    x = out.y;
    present.push(out.own);
    const [self, toInput] = out.seen;
    if (self !== undefined && toInput !== undefined) {
      selfAttention.push(self);
      crossAttention.push(toInput);
    }
  }
  const normed = drop(rmsNorm(x, weights("decoder.final_layer_norm.weight"), c.epsilon), "decoder.final");
  return {
    hidden: c.scaleOutputs ? scale(normed, D ** -0.5) : normed,
    present,
    crossAttention,
    selfAttention,
  };
}

/**
 * Class of each relative position (key - query): exact near by, then ever wider ones. The encoder tells both directions
 * apart, the decoder looks back only. Single precision as in the reference: at powers of two, doubles fall on the other side.
 * Source: transformers' modeling_t5.py, `_relative_position_bucket`; Raffel et al. 2020, arXiv:1910.10683, section 2.1.
 */
export function relativeBucket(c: T5Config, distance: number, bidirectional: boolean): number {
  const f = Math.fround;
  const buckets = bidirectional ? c.buckets / 2 : c.buckets;
  const offset = bidirectional && distance > 0 ? buckets : 0;
  const n = bidirectional ? Math.abs(distance) : Math.max(0, -distance);
  const exact = Math.floor(buckets / 2);
  if (n < exact) return offset + n;
  const ratio = f(f(Math.log(f(n / exact))) / f(Math.log(c.maxDistance / exact)));
  return offset + Math.min(buckets - 1, exact + Math.trunc(f(ratio * (buckets - exact))));
}

/** Learned bias of T queries (at places from `first` on) for keys 0 … S-1, [1,N,T,S]; gradients flow to its table. */
export function relativeBias(
  c: T5Config,
  weights: Weights,
  stack: "encoder" | "decoder",
  { T, S, first = 0 }: { T: number; S: number; first?: number },
): Value {
  const table = weights(`${stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight`);
  // A bias depends on the distance alone: one row of the table per distance, then a row per pair.
  const distances = Array.from({ length: T + S - 1 }, (_, i) => i - (first + T - 1));
  const classes = Int32Array.from(distances, (d) => relativeBucket(c, d, stack === "encoder"));
  const byDistance = gather(table, constant(classes, "int32", [classes.length]));
  const pairs = Int32Array.from({ length: T * S }, (_, i) => (i % S) - Math.floor(i / S) + T - 1);
  const byPair = gather(byDistance, constant(pairs, "int32", [T, S]));
  return reshape(transpose(byPair, [2, 0, 1]), [1, c.heads, T, S]);
}

/** The same bias as numbers, for places that only the caller knows (a cache): row-major [N, queries, keys]. */
export function relativeBiasValues(
  c: T5Config,
  table: Float32Array,
  queries: readonly number[],
  keys: readonly number[],
): Float32Array<ArrayBuffer> {
  const bias = new Float32Array(c.heads * queries.length * keys.length);
  let at = 0;
  for (let head = 0; head < c.heads; head++)
    for (const query of queries)
      for (const key of keys) bias[at++] = table[relativeBucket(c, key - query, false) * c.heads + head]!;
  return bias;
}
