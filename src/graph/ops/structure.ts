import { ShapeError } from "../../errors.ts";
import {
  DTYPES,
  type DType,
  formatType,
  normalAxis,
  type Shape,
  sameShape,
  sizeOf,
  type TypedArray,
} from "../dtype.ts";
import { apply, type OpDeclaration, scalar, type Value } from "../value.ts";
import { sum } from "./reduce.ts";

const RESHAPE: OpDeclaration<{ shape: Shape }, 1> = {
  name: "reshape",
  infer: ([x], { shape }) => {
    if (sizeOf(shape) !== sizeOf(x.shape))
      throw new ShapeError(`reshape: expected ${sizeOf(x.shape)} elements as in ${formatType(x)}, got [${shape}]`);
    return { dtype: x.dtype, shape };
  },
  emit: (onnx, [x], { shape }) => onnx.node("Reshape", [x, onnx.int64s(shape)], { allowzero: { int: 1 } }),
  vjp: (ct, [x]) => [reshape(ct, x.shape)],
};

const TRANSPOSE: OpDeclaration<{ order: readonly number[] }, 1> = {
  name: "transpose",
  infer: ([x], { order }) => {
    if (order.length !== x.shape.length || [...order].sort((a, b) => a - b).some((axis, i) => axis !== i))
      throw new ShapeError(`transpose: expected a permutation of the axes of ${formatType(x)}, got [${order}]`);
    return { dtype: x.dtype, shape: order.map((axis) => x.shape[axis]!) };
  },
  emit: (onnx, [x], { order }) => onnx.node("Transpose", [x], { perm: { ints: order } }),
  vjp: (ct, _inputs, _y, { order }) => [
    transpose(
      ct,
      order.map((_, i) => order.indexOf(i)),
    ),
  ],
};

export const SLICE: OpDeclaration<{ axis: number; start: number; end: number }, 1> = {
  name: "slice",
  infer: ([x], { axis, start, end }) => {
    const n = x.shape[normalAxis("slice", axis, x.shape.length)]!;
    if (!(0 <= start && start <= end && end <= n))
      throw new ShapeError(`slice: expected 0 <= start <= end <= ${n}, got ${start} and ${end} on ${formatType(x)}`);
    return { dtype: x.dtype, shape: x.shape.map((m, i) => (i === axis ? end - start : m)) };
  },
  emit: (onnx, [x], { axis, start, end }) =>
    onnx.node("Slice", [x, onnx.int64s([start]), onnx.int64s([end]), onnx.int64s([axis])]),
  vjp: (ct, [x], _y, { axis, start, end }) => [pad(ct, { axis, before: start, after: x.shape[axis]! - end })],
};

/** Zeros before and after the elements of one axis. */
export interface PadAttributes {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

export const PAD: OpDeclaration<PadAttributes, 1> = {
  name: "pad",
  infer: ([x], { axis, before, after }) => {
    normalAxis("pad", axis, x.shape.length);
    if (before < 0 || after < 0) throw new ShapeError(`pad: expected sizes >= 0, got ${before} and ${after}`);
    return { dtype: x.dtype, shape: x.shape.map((n, i) => (i === axis ? before + n + after : n)) };
  },
  emit: (onnx, [x], { axis, before, after }, [type]) => {
    const sides = [before, after].flatMap((n) => type.shape.map((_, i) => (i === axis ? n : 0)));
    return onnx.node("Pad", [x, onnx.int64s(sides)]);
  },
  vjp: (ct, [x], _y, { axis, before }) => [slice(ct, { axis, start: before, end: before + x.shape[axis]! })],
};

export const CONCAT: OpDeclaration<{ axis: number }, "n"> = {
  name: "concat",
  infer: (inputs, { axis }) => {
    const first = inputs[0];
    if (first === undefined) throw new ShapeError("concat: expected at least one value, got none");
    normalAxis("concat", axis, first.shape.length);
    for (const x of inputs)
      if (x.dtype !== first.dtype || !sameShape(x.shape.with(axis, 0), first.shape.with(axis, 0)))
        throw new ShapeError(`concat: expected ${formatType(first)} but for axis ${axis}, got ${formatType(x)}`);
    const total = inputs.reduce((n, x) => n + x.shape[axis]!, 0);
    return { dtype: first.dtype, shape: first.shape.with(axis, total) };
  },
  emit: (onnx, inputs, { axis }) => onnx.node("Concat", inputs, { axis: { int: axis } }),
  vjp: (ct, inputs, _y, { axis }) => {
    let start = 0;
    return inputs.map((x) => {
      const end = start + x.shape[axis]!;
      const part = slice(ct, { axis, start, end });
      start = end;
      return part;
    });
  },
};

const EXPAND: OpDeclaration<{ shape: Shape }, 1> = {
  name: "expand",
  infer: ([x], { shape }) => {
    const offset = shape.length - x.shape.length;
    if (offset < 0 || x.shape.some((n, i) => n !== 1 && n !== shape[offset + i]))
      throw new ShapeError(`expand: expected sizes of 1 where they grow, got ${formatType(x)} to [${shape}]`);
    return { dtype: x.dtype, shape };
  },
  emit: (onnx, [x], { shape }) => onnx.node("Expand", [x, onnx.int64s(shape)]),
  vjp: (ct) => [ct],
};

const CAST: OpDeclaration<{ dtype: DType }, 1> = {
  name: "cast",
  infer: ([x], { dtype }) => ({ dtype, shape: x.shape }),
  emit: (onnx, [x], { dtype }) => onnx.node("Cast", [x], { to: { int: DTYPES[dtype].onnx } }),
  vjp: (ct, [x], y) => [DTYPES[x.dtype].floating && DTYPES[y.dtype].floating ? cast(ct, x.dtype) : null],
};

const AFTER: OpDeclaration<Record<never, never>, 2> = {
  name: "after",
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
  // x + 0 · (one element of the signal): a dependency the engine can neither fold nor reorder.
  emit: (onnx, [x, signal], _attributes, [type, signalType]) => {
    const flat = onnx.node("Reshape", [signal, onnx.int64s([sizeOf(signalType.shape)])]);
    const one = onnx.node("Slice", [flat, onnx.int64s([0]), onnx.int64s([1]), onnx.int64s([0])]);
    const zero = scalarData(type.dtype);
    return onnx.node("Add", [x, onnx.node("Mul", [one, onnx.constant(zero, { dtype: type.dtype, shape: [1] })])]);
  },
  vjp: (ct) => [ct, null],
};

const scalarData = (dtype: DType) => new DTYPES[dtype].array(1) as TypedArray;

export const STRUCTURE = {
  reshape: RESHAPE,
  transpose: TRANSPOSE,
  slice: SLICE,
  pad: PAD,
  concat: CONCAT,
  expand: EXPAND,
  cast: CAST,
  after: AFTER,
};

/** The same elements in row-major order under another shape. */
export const reshape = (x: Value, shape: Shape): Value =>
  sameShape(x.shape, shape) ? x : apply(RESHAPE, [x], { shape });
/** Axes in a new order: result axis i is axis order[i] of x. */
export const transpose = (x: Value, order: readonly number[]): Value => apply(TRANSPOSE, [x], { order });
/** Elements start … end-1 of one axis. */
export const slice = (x: Value, range: { axis: number; start: number; end: number }): Value =>
  range.start === 0 && range.end === x.shape[range.axis] ? x : apply(SLICE, [x], range);
/** Zeros in front of and behind one axis. */
export const pad = (x: Value, sides: PadAttributes): Value => apply(PAD, [x], sides);
/** Joins values along an axis. */
export const concat = (parts: readonly Value[], axis: number): Value =>
  parts.length === 1 ? parts[0]! : apply(CONCAT, parts, { axis });
/** Repeats axes of size 1 up to a shape. */
export const expand = (x: Value, shape: Shape): Value =>
  sameShape(x.shape, shape) ? x : apply(EXPAND, [x], { shape });
/** Another element type; gradients flow between floating types only. */
export const cast = (x: Value, dtype: DType): Value => (x.dtype === dtype ? x : apply(CAST, [x], { dtype }));

/**
 * x itself, but not before `signal` (of x's dtype) has been computed: keeps a recomputation from being merged with the
 * original, and work in pieces from having all its pieces alive at once. Not finite if the signal is not.
 */
export const after = (x: Value, signal: Value): Value => apply(AFTER, [x, signal], {});

/** A value full of zeros, made where it is needed: nothing of its size stands in the file. */
export const zeros = (dtype: DType, shape: Shape): Value => expand(scalar(0, dtype), shape);
export const onesLike = (x: Value): Value => expand(scalar(1, x.dtype), x.shape);

/** Whether a value was made by `zeros`. */
export function isZeros(x: Value): boolean {
  const source = x.origin.kind === "op" && x.origin.op.name === EXPAND.name ? x.inputs[0]! : x;
  return source.origin.kind === "constant" && source.origin.data.every((n) => Number(n) === 0);
}

/** Sums a cotangent over the axes along which a value of `shape` was broadcast. */
export function sumTo(ct: Value, shape: Shape): Value {
  const extra = ct.shape.length - shape.length;
  const axes = ct.shape.flatMap((n, i) => (i < extra || (shape[i - extra] === 1 && n !== 1) ? [i] : []));
  return reshape(axes.length === 0 ? ct : sum(ct, axes), shape);
}
