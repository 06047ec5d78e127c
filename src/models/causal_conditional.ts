import { cast, concat, expand, neg, relu, reshape, shift, slice, sub, sum } from "../graph/ops/index.ts";
import { constant, type Value } from "../graph/value.ts";
import type { CausalDescription } from "./architecture.ts";
import type { ConditionalGraph } from "./conditional.ts";
import type { Weights } from "./weight_inputs.ts";

/**
 * A causal model asked for a target: the sequence is the input, padded on the left, and the target but for its last id.
 * The target's states then stand at places S-1 … S+T-2 of every row, however long its input is.
 */
export function causalConditional({ architecture }: CausalDescription, weights: Weights): ConditionalGraph {
  return {
    embed: (ids) => architecture.embed(weights, ids),
    head: architecture.head(weights),
    encode: (embeddings, mask, options = {}) => ({
      attention: [],
      decode: (previous) => {
        const [B, S, D] = embeddings.shape as [number, number, number];
        const T = previous.shape[1]!;
        const rows = S + T - 1;
        const targets = architecture.embed(weights, slice(previous, { axis: 1, start: 1, end: T }));
        const out = architecture.states(weights, {
          embeddings: T === 1 ? embeddings : concat([embeddings, targets], 1),
          positions: positionsOf(cast(mask, embeddings.dtype), rows),
          mask: rows === S ? mask : concat([mask, ones(B, rows - S)], 1),
          ...options,
        });
        const rowsOf = (x: Value, axis: number) => slice(x, { axis, start: S - 1, end: rows });
        return {
          hidden: reshape(rowsOf(reshape(out.hidden, [B, rows, D]), 1), [B * T, D]),
          attentionToInput: out.attention.map((p) => slice(rowsOf(p, 2), { axis: 3, start: 0, end: S })),
          selfAttention: out.attention,
        };
      },
    }),
  };
}

/** Position of each place, int [B,rows]: padding in front does not count. */
function positionsOf(real: Value, rows: number): Value {
  const [B, S] = real.shape as [number, number];
  const data = Array.from({ length: rows }, (_, i) => i);
  const places = constant(real.dtype === "float64" ? Float64Array.from(data) : Float32Array.from(data), real.dtype, [
    1,
    rows,
  ]);
  const padding = shift(neg(sum(real, [1])), S);
  return cast(relu(sub(expand(places, [B, rows]), padding)), "int32");
}

const ones = (B: number, T: number): Value => constant(new Int32Array(B * T).fill(1), "int32", [B, T]);
