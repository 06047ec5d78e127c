import { InternalError, ShapeError } from "../errors.ts";
import { DTYPES, type DType, formatType, type Shape, sizeOf, type TensorType, type TypedArray } from "./dtype.ts";
import type { OnnxNodes } from "./onnx.ts";

export type Attributes = object;
export type NoAttributes = Record<never, never>;

/**
 * One operation, declared in one place: its type rule, what it becomes in ONNX, and how gradients flow back.
 * `vjp` maps the cotangent of the output to those of the inputs, null where nothing flows; it may leave
 * broadcast axes in place: the walker (autodiff.ts) alone sums a cotangent back to its value's shape.
 */
export interface OpDeclaration<A extends Attributes, N extends Arity> {
  readonly name: string;
  /** Result type; throws ShapeError saying what was expected and what was given. */
  infer(inputs: Tuple<TensorType, N>, attributes: A): TensorType;
  /** Adds nodes and returns the name of the output. */
  emit(onnx: OnnxNodes, inputs: Tuple<string, N>, attributes: A, types: Tuple<TensorType, N>, out: TensorType): string;
  vjp(ct: Value, inputs: Tuple<Value, N>, y: Value, attributes: A): (Value | null)[];
}

/** Number of inputs of an op; "n" takes a list. */
export type Arity = 1 | 2 | 3 | "n";
export type Tuple<T, N extends Arity> = N extends 1
  ? readonly [T]
  : N extends 2
    ? readonly [T, T]
    : N extends 3
      ? readonly [T, T, T]
      : readonly T[];
export type AnyOp = OpDeclaration<Attributes, "n">;

/** What produced a value. */
export type Origin =
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "constant"; readonly data: TypedArray }
  | { readonly kind: "op"; readonly op: AnyOp; readonly attributes: Attributes };

/** Gradient rule of a value that was computed by several ops but is differentiated as one (see `differentiatedAs`). */
export interface Pullback {
  readonly inputs: readonly Value[];
  readonly vjp: (ct: Value) => (Value | null)[];
}

/** A typed node of the graph. Values are immutable; ids grow in creation order, which is a topological order. */
export interface Value extends TensorType {
  readonly id: number;
  readonly origin: Origin;
  readonly inputs: readonly Value[];
  /** Module path, e.g. `layers.0.self_attn`: names the ONNX nodes, so that an engine error says where. */
  readonly scope: string;
  pullback?: Pullback;
}

let nextId = 0;
const scopes: string[] = [];

/** Runs `build` with a module path in front of the names of all values it makes. */
export function scoped<T>(name: string, build: () => T): T {
  scopes.push(name);
  try {
    return build();
  } finally {
    scopes.pop();
  }
}

function makeValue(origin: Origin, inputs: readonly Value[], type: TensorType): Value {
  for (const n of type.shape)
    if (!Number.isInteger(n) || n < 0) throw new ShapeError(`expected whole sizes, got ${formatType(type)}`);
  return { id: nextId++, origin, inputs, dtype: type.dtype, shape: type.shape, scope: scopes.join(".") };
}

/** A value fed at run time: weights, token ids, masks. */
export function input(name: string, dtype: DType, shape: Shape): Value {
  return makeValue({ kind: "input", name }, [], { dtype, shape });
}

/** A value fixed in the graph. `data` holds the elements in row-major order. */
export function constant(data: TypedArray, dtype: DType, shape: Shape): Value {
  if (!(data instanceof DTYPES[dtype].array) || data.length !== sizeOf(shape))
    throw new ShapeError(
      `constant: expected ${sizeOf(shape)} elements of ${formatType({ dtype, shape })}, got ${data.length}`,
    );
  return makeValue({ kind: "constant", data }, [], { dtype, shape });
}

/** A scalar constant of any numeric dtype but float16. */
export function scalar(value: number, dtype: DType): Value {
  if (dtype === "float16") throw new InternalError("scalar: float16 constants are made by casting");
  if (dtype === "int64") return constant(BigInt64Array.of(BigInt(value)), dtype, []);
  return constant(new DTYPES[dtype].array([value]) as TypedArray, dtype, []);
}

/** An int64 vector constant (axes, shapes, ids). */
export function int64s(values: Iterable<number>): Value {
  const data = BigInt64Array.from([...values].map(BigInt));
  return constant(data, "int64", [data.length]);
}

/** Applies a declared op. */
export function apply<A extends Attributes, N extends Arity>(
  op: OpDeclaration<A, N>,
  inputs: Tuple<Value, N>,
  attributes: A,
): Value {
  const type = op.infer(inputs as Tuple<TensorType, N>, attributes);
  // The arity and the attributes' type were checked above; the graph keeps ops of all kinds in one list.
  return makeValue({ kind: "op", op: op as unknown as AnyOp, attributes }, inputs as readonly Value[], type);
}

/**
 * Gives `y`, however it was computed, one gradient rule with respect to `inputs` (as custom_vjp elsewhere):
 * the walker goes from y straight to these inputs. For fused rules that need fewer passes than the ops' own.
 */
export function differentiatedAs(y: Value, inputs: readonly Value[], vjp: (ct: Value) => (Value | null)[]): Value {
  if (y.origin.kind !== "op") throw new InternalError("differentiatedAs: expected the result of an op");
  y.pullback = { inputs, vjp };
  return y;
}

/** All values that `outputs` depend on, inputs first; the walk does not look behind values for which `isLeaf` holds. */
export function ancestors(outputs: readonly Value[], isLeaf: (value: Value) => boolean = () => false): Value[] {
  const seen = new Map<number, Value>();
  const stack = [...outputs];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    if (seen.has(value.id)) continue;
    seen.set(value.id, value);
    if (!isLeaf(value)) stack.push(...value.inputs);
  }
  return [...seen.values()].sort((a, b) => a.id - b.id);
}
