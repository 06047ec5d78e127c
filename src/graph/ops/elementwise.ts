import { ShapeError } from "../../errors.ts";
import { broadcastShapes, formatType, type TensorType } from "../dtype.ts";
import { apply, type NoAttributes, type OpDeclaration, scalar, type Value } from "../value.ts";
import { cast } from "./structure.ts";

type Unary = OpDeclaration<NoAttributes, 1>;
type Binary = OpDeclaration<NoAttributes, 2>;

function requireFloating(name: string, type: TensorType): void {
  if (!["float32", "float64", "float16"].includes(type.dtype))
    throw new ShapeError(`${name}: expected a floating type, got ${formatType(type)}`);
}

function unary(name: string, onnxType: string, vjp: (ct: Value, x: Value, y: Value) => Value): Unary {
  return {
    name,
    infer: ([x]) => {
      requireFloating(name, x);
      return { dtype: x.dtype, shape: x.shape };
    },
    emit: (onnx, [x]) => onnx.node(onnxType, [x]),
    vjp: (ct, [x], y) => [vjp(ct, x, y)],
  };
}

function binary(
  name: string,
  onnxType: string,
  vjp: (ct: Value, a: Value, b: Value, y: Value) => (Value | null)[],
  result?: "bool",
): Binary {
  return {
    name,
    infer: ([a, b]) => {
      if (a.dtype !== b.dtype)
        throw new ShapeError(`${name}: expected equal types, got ${formatType(a)} and ${formatType(b)}`);
      return { dtype: result ?? a.dtype, shape: broadcastShapes(name, a.shape, b.shape) };
    },
    emit: (onnx, [a, b]) => onnx.node(onnxType, [a, b]),
    vjp: (ct, [a, b], y) => vjp(ct, a, b, y),
  };
}

const like = (value: number, x: Value) => scalar(value, x.dtype);

export const ELEMENTWISE = {
  add: binary("add", "Add", (ct) => [ct, ct]),
  sub: binary("sub", "Sub", (ct) => [ct, neg(ct)]),
  mul: binary("mul", "Mul", (ct, a, b) => [mul(ct, b), mul(ct, a)]),
  div: binary("div", "Div", (ct, _a, b, y) => [div(ct, b), neg(mul(ct, div(y, b)))]),
  maximum: binary("maximum", "Max", (ct, a, b) => {
    const first = cast(greater(a, b), ct.dtype);
    const tie = mul(cast(equal(a, b), ct.dtype), like(0.5, ct));
    const share = add(first, tie);
    return [mul(ct, share), mul(ct, sub(like(1, ct), share))];
  }),
  greater: binary("greater", "Greater", () => [null, null], "bool"),
  equal: binary("equal", "Equal", () => [null, null], "bool"),
  neg: unary("neg", "Neg", (ct) => neg(ct)),
  abs: unary("abs", "Abs", (ct, x) => mul(ct, sign(x))),
  sign: unary("sign", "Sign", (ct) => mul(ct, like(0, ct))),
  exp: unary("exp", "Exp", (ct, _x, y) => mul(ct, y)),
  log: unary("log", "Log", (ct, x) => div(ct, x)),
  sqrt: unary("sqrt", "Sqrt", (ct, _x, y) => div(mul(ct, like(0.5, ct)), y)),
  reciprocal: unary("reciprocal", "Reciprocal", (ct, _x, y) => neg(mul(ct, mul(y, y)))),
  sigmoid: unary("sigmoid", "Sigmoid", (ct, _x, y) => mul(ct, mul(y, sub(like(1, y), y)))),
  tanh: unary("tanh", "Tanh", (ct, _x, y) => mul(ct, sub(like(1, y), mul(y, y)))),
  // Asks the result, not x: that need not be kept.
  relu: unary("relu", "Relu", (ct, _x, y) => mul(ct, cast(greater(y, like(0, y)), ct.dtype))),
  where: {
    name: "where",
    infer: ([condition, a, b]) => {
      if (condition.dtype !== "bool" || a.dtype !== b.dtype)
        throw new ShapeError(
          `where: expected bool and two equal types, got ${[condition, a, b].map(formatType).join(", ")}`,
        );
      const shape = broadcastShapes("where", condition.shape, broadcastShapes("where", a.shape, b.shape));
      return { dtype: a.dtype, shape };
    },
    emit: (onnx, [condition, a, b]) => onnx.node("Where", [condition, a, b]),
    vjp: (ct, [condition]) => [null, where(condition, ct, like(0, ct)), where(condition, like(0, ct), ct)],
  } satisfies OpDeclaration<NoAttributes, 3> as OpDeclaration<NoAttributes, 3>,
};

/** Element-wise with NumPy broadcasting; both sides of one dtype. */
export const add = (a: Value, b: Value): Value => apply(ELEMENTWISE.add, [a, b], {});
export const sub = (a: Value, b: Value): Value => apply(ELEMENTWISE.sub, [a, b], {});
export const mul = (a: Value, b: Value): Value => apply(ELEMENTWISE.mul, [a, b], {});
export const div = (a: Value, b: Value): Value => apply(ELEMENTWISE.div, [a, b], {});
/** The larger of two values; a tie shares the gradient. */
export const maximum = (a: Value, b: Value): Value => apply(ELEMENTWISE.maximum, [a, b], {});
export const greater = (a: Value, b: Value): Value => apply(ELEMENTWISE.greater, [a, b], {});
export const equal = (a: Value, b: Value): Value => apply(ELEMENTWISE.equal, [a, b], {});
export const neg = (x: Value): Value => apply(ELEMENTWISE.neg, [x], {});
/** Absolute value; the gradient at 0 is 0. */
export const abs = (x: Value): Value => apply(ELEMENTWISE.abs, [x], {});
export const sign = (x: Value): Value => apply(ELEMENTWISE.sign, [x], {});
export const exp = (x: Value): Value => apply(ELEMENTWISE.exp, [x], {});
export const log = (x: Value): Value => apply(ELEMENTWISE.log, [x], {});
export const sqrt = (x: Value): Value => apply(ELEMENTWISE.sqrt, [x], {});
export const reciprocal = (x: Value): Value => apply(ELEMENTWISE.reciprocal, [x], {});
export const sigmoid = (x: Value): Value => apply(ELEMENTWISE.sigmoid, [x], {});
export const tanh = (x: Value): Value => apply(ELEMENTWISE.tanh, [x], {});
export const relu = (x: Value): Value => apply(ELEMENTWISE.relu, [x], {});
/** a where the condition holds, b elsewhere. */
export const where = (condition: Value, a: Value, b: Value): Value => apply(ELEMENTWISE.where, [condition, a, b], {});
/** x times a number, x plus a number: the constant takes x's dtype. */
export const scale = (x: Value, factor: number): Value => mul(x, scalar(factor, x.dtype));
export const shift = (x: Value, offset: number): Value => add(x, scalar(offset, x.dtype));
