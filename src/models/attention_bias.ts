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

/** Whether the tokens of each pair have one number: int [B,T] → bool [B,1,T,T]. */
function samePairs(numbers: Value): Value {
  const [B, T] = numbers.shape as [number, number];
  return equal(reshape(numbers, [B, 1, T, 1]), reshape(numbers, [B, 1, 1, T]));
}

/** Everything that hides places from a causal model's attention beyond order, as one additive bias; undefined where nothing does. */
export function attentionBias({
  embeddings: { dtype },
  mask,
  segments,
  branches,
  bias,
}: CausalInputs): Value | undefined {
  const parts = bias === undefined ? [] : [bias];
  if (mask !== undefined) parts.push(hidingPadding(mask, dtype));
  const forbidden = scalar(FORBIDDEN, dtype);
  if (segments !== undefined) parts.push(where(samePairs(segments), zeros(dtype, [1]), forbidden));
  if (branches !== undefined) {
    const [B, T] = branches.shape as [number, number];
    const beginning = reshape(equal(branches, scalar(0, "int32")), [B, 1, 1, T]);
    const others = where(beginning, zeros(dtype, [1]), forbidden);
    parts.push(where(samePairs(branches), zeros(dtype, [1]), others));
  }
  return parts.length === 0 ? undefined : parts.reduce((a, b) => add(a, b));
}
