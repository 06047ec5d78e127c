import { ShapeError } from "../errors.ts";

/** Element types of values, with their ONNX code (TensorProto.DataType) and the typed array that holds them. */
export const DTYPES = {
  float32: { onnx: 1, bytes: 4, array: Float32Array, floating: true },
  uint8: { onnx: 2, bytes: 1, array: Uint8Array, floating: false },
  int8: { onnx: 3, bytes: 1, array: Int8Array, floating: false },
  int32: { onnx: 6, bytes: 4, array: Int32Array, floating: false },
  int64: { onnx: 7, bytes: 8, array: BigInt64Array, floating: false },
  bool: { onnx: 9, bytes: 1, array: Uint8Array, floating: false },
  // Node 20 has no Float16Array: the bits travel in 16-bit integers.
  float16: { onnx: 10, bytes: 2, array: Uint16Array, floating: true },
  float64: { onnx: 11, bytes: 8, array: Float64Array, floating: true },
} as const;

export type DType = keyof typeof DTYPES;
export type Shape = readonly number[];
export type TypedArray = InstanceType<(typeof DTYPES)[DType]["array"]>;

/** Element type and static shape: all that an op's rule sees of its inputs. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** `float32[2,3]`, as values print in errors and listings. */
export function formatType(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(",")}]`;
}

/** Number of elements of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** Shape of an element-wise result under NumPy broadcasting. Throws ShapeError where two sizes differ and neither is 1. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < rank; i++) {
    const m = a[a.length - rank + i] ?? 1;
    const n = b[b.length - rank + i] ?? 1;
    if (m !== n && m !== 1 && n !== 1)
      throw new ShapeError(`${op}: expected shapes that broadcast, got [${a.join(",")}] and [${b.join(",")}]`);
    out.push(m === 1 ? n : m);
  }
  return out;
}

/** Axis counted from the front; negative axes count from the back. Throws ShapeError outside the rank. */
export function normalAxis(op: string, axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank)
    throw new ShapeError(`${op}: expected an axis of rank ${rank}, got ${axis}`);
  return normal;
}
