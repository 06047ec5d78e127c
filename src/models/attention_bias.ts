import { FORBIDDEN } from "../graph/composite/attention.ts";
import type { DType } from "../graph/dtype.ts";
import { add, cast, equal, reshape, scale, shift, where, zeros } from "../graph/ops/index.ts";
import { constant, scalar, type Value } from "../graph/value.ts";
import type { CausalInputs } from "./causal.ts";

/** Additive bias [B,1,1,S] that hides the places whose mask, int [B,S], is 0. */
export function hidingPadding(mask: Value, dtype: DType): Value {
  const [B, S] = mask.shape as [number, number];
  return reshape(scale(shift(cast(mask, dtype), -1), -FORBIDDEN), [B, 1, 1, S]);
}

/** Additive bias [1,1,T,T] that hides later places. */
export function hidingLater(T: number, dtype: DType): Value {
  const data = Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? FORBIDDEN : 0));
  return constant(dtype === "float64" ? Float64Array.from(data) : Float32Array.from(data), dtype, [1, 1, T, T]);
}

/** Everything that hides places from a causal model's attention beyond order, as one additive bias; undefined where nothing does. */
export function attentionBias({ embeddings: { dtype }, mask, segments, bias }: CausalInputs): Value | undefined {
  const parts = bias === undefined ? [] : [bias];
  if (mask !== undefined) parts.push(hidingPadding(mask, dtype));
  if (segments !== undefined) {
    const [B, T] = segments.shape as [number, number];
    const same = equal(reshape(segments, [B, 1, T, 1]), reshape(segments, [B, 1, 1, T]));
    parts.push(where(same, zeros(dtype, [1]), scalar(FORBIDDEN, dtype)));
  }
  return parts.length === 0 ? undefined : parts.reduce((a, b) => add(a, b));
}
