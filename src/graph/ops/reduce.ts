import { normalAxis, type Shape, type TensorType } from "../dtype.ts";
import type { OnnxNodes } from "../onnx.ts";
import { apply, type OpDeclaration, scalar, type Value } from "../value.ts";
import { equal, mul, scale } from "./elementwise.ts";
import { cast, expand, reshape } from "./structure.ts";

export interface Axes {
  readonly axes: readonly number[];
}

function reduced(name: string, x: TensorType, axes: readonly number[]): Shape {
  const gone = new Set(axes.map((axis) => normalAxis(name, axis, x.shape.length)));
  return x.shape.map((n, i) => (gone.has(i) ? 1 : n));
}

function reduction(
  name: string,
  onnxType: string,
  vjp: (ct: Value, x: Value, y: Value) => Value,
): OpDeclaration<Axes, 1> {
  return {
    name,
    infer: ([x], { axes }) => ({ dtype: x.dtype, shape: reduced(name, x, axes) }),
    emit: (onnx: OnnxNodes, [x], { axes }) => {
      return onnx.node(onnxType, [x, onnx.int64s(axes)], { keepdims: { int: 1 } });
    },
    vjp: (ct, [x], y) => [vjp(ct, x, y)],
  };
}

export const REDUCE = {
  sum: reduction("sum", "ReduceSum", (ct, x) => expand(ct, x.shape)),
  sumSquare: reduction("sumSquare", "ReduceSumSquare", (ct, x) => mul(scale(x, 2), ct)),
  max: reduction("max", "ReduceMax", (ct, x, y) => mul(cast(equal(x, y), ct.dtype), ct)),
};

/** Sum over axes; the axes stay with size 1. */
export const sum = (x: Value, axes: readonly number[]): Value => apply(REDUCE.sum, [x], { axes });
/** Sum of squares over axes; the axes stay with size 1. */
export const sumSquare = (x: Value, axes: readonly number[]): Value => apply(REDUCE.sumSquare, [x], { axes });
/** Maximum over axes, which stay with size 1; every position that reaches it gets the whole cotangent. */
export const max = (x: Value, axes: readonly number[]): Value => apply(REDUCE.max, [x], { axes });
/** Arithmetic mean over axes, which stay with size 1. */
export const mean = (x: Value, axes: readonly number[]): Value =>
  mul(sum(x, axes), scalar(1 / axes.reduce((n, axis) => n * x.shape.at(axis)!, 1), x.dtype));
/** Sum of all elements: a scalar. */
export function sumAll(x: Value): Value {
  return reshape(
    x.shape.length === 0
      ? x
      : sum(
          x,
          x.shape.map((_, i) => i),
        ),
    [],
  );
}
