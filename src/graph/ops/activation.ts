import type { OnnxNodes } from "../onnx.ts";
import { apply, differentiatedAs, type NoAttributes, type OpDeclaration, type Value } from "../value.ts";
import { add, exp, mul, neg, scale, shift, sigmoid, sub, tanh } from "./elementwise.ts";

type Activation = OpDeclaration<NoAttributes, 1>;

const double = (onnx: OnnxNodes, value: number) =>
  onnx.constant(Float64Array.of(value), { dtype: "float64", shape: [] });

/** x · sigmoid(x). The fused kernel takes half the time of Sigmoid and Mul; it exists in float32 and float16 only. */
const SILU: Activation = {
  name: "silu",
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
  emit: (onnx, [x], _attributes, [type]) =>
    type.dtype === "float64"
      ? onnx.node("Mul", [x, onnx.node("Sigmoid", [x])])
      : onnx.node("QuickGelu", [x], { alpha: { float: 1 } }, "com.microsoft"),
  // silu' = s + y (1 - s) = s (1 + x - y), with s = sigmoid(x) computed again rather than kept
  vjp: (ct, [x], y) => [mul(ct, mul(sigmoid(x), shift(sub(x, y), 1)))],
};

const GELU_CUBIC = 0.044715;
const GELU_SCALE = Math.sqrt(2 / Math.PI);

/** ½x (1 + tanh(√(2/π) (x + 0.044715 x³))). The engine's own kernel exists in float32 and float16 only. */
const GELU_TANH: Activation = {
  name: "geluTanh",
  infer: SILU.infer,
  emit: (onnx, [x], _attributes, [type]) => {
    if (type.dtype !== "float64") return onnx.node("Gelu", [x], { approximate: { string: "tanh" } });
    const square = onnx.node("Mul", [x, x]);
    const factor = onnx.node("Add", [onnx.node("Mul", [square, double(onnx, GELU_CUBIC)]), double(onnx, 1)]);
    const inner = onnx.node("Mul", [onnx.node("Mul", [x, factor]), double(onnx, GELU_SCALE)]);
    const half = onnx.node("Mul", [x, double(onnx, 0.5)]);
    return onnx.node("Mul", [half, onnx.node("Add", [onnx.node("Tanh", [inner]), double(onnx, 1)])]);
  },
  // With t the tanh: ½(1 + t) + ½x (1 - t²) √(2/π) (1 + 3·0.044715 x²)
  vjp: (ct, [x]) => {
    const square = mul(x, x);
    const t = tanh(scale(mul(x, shift(scale(square, GELU_CUBIC), 1)), GELU_SCALE));
    const slope = scale(shift(scale(square, 3 * GELU_CUBIC), 1), GELU_SCALE);
    const rising = mul(mul(x, slope), shift(neg(mul(t, t)), 1));
    return [mul(ct, scale(add(shift(t, 1), rising), 0.5))];
  },
};

const ERF_WIDTH = 4;
const ERF_TERMS = 25;
/** From here on erf is 1 to the last bit. */
const ERF_END = 6;

/**
 * erf in double precision, of which the engine has no kernel: a staircase of such steps at all multiples of 4π, the others
 * too far away to be felt up to ERF_END, less its slope is periodic, and its Fourier coefficients fall as a Gaussian:
 * erf(x) = 2/π (x/4 + Σ_n exp(-(n/4)²)/n · sin(nx/2)).
 * Source: Strecok 1968, "On the calculation of the inverse of the error function", Mathematics of Computation 22.
 */
function emitErf64(onnx: OnnxNodes, x: string, shape: readonly number[]): string {
  const series = (dims: number[], of: (n: number) => number) => {
    const data = Float64Array.from({ length: ERF_TERMS }, (_, i) => of(i + 1));
    return onnx.constant(data, { dtype: "float64", shape: dims });
  };
  const frequencies = series([1, ERF_TERMS], (n) => (2 * n) / ERF_WIDTH);
  const coefficients = series([ERF_TERMS, 1], (n) => ((2 / Math.PI) * Math.exp(-((n / ERF_WIDTH) ** 2))) / n);
  const inside = onnx.node("Clip", [x, double(onnx, -ERF_END), double(onnx, ERF_END)]);
  const column = onnx.node("Reshape", [inside, onnx.int64s([-1, 1])]);
  const waves = onnx.node("MatMul", [onnx.node("Sin", [onnx.node("Mul", [column, frequencies])]), coefficients]);
  const slope = onnx.node("Mul", [column, double(onnx, 2 / (Math.PI * ERF_WIDTH))]);
  return onnx.node("Reshape", [onnx.node("Add", [slope, waves]), onnx.int64s(shape)]);
}

/** 2/√π ∫_0^x exp(-t²) dt. */
const ERF: Activation = {
  name: "erf",
  infer: SILU.infer,
  emit: (onnx, [x], _attributes, [type]) =>
    type.dtype === "float64" ? emitErf64(onnx, x, type.shape) : onnx.node("Erf", [x]),
  vjp: (ct, [x]) => [mul(ct, scale(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI)))],
};

/** x Φ(x) with Φ(x) = ½(1 + erf(x/√2)). The engine's own kernel exists in float32 and float16 only. */
const GELU: Activation = {
  name: "gelu",
  infer: SILU.infer,
  emit: (onnx, [x], _attributes, [type]) => {
    if (type.dtype !== "float64") return onnx.node("Gelu", [x]);
    const erfOf = emitErf64(onnx, onnx.node("Mul", [x, double(onnx, Math.SQRT1_2)]), type.shape);
    const half = onnx.node("Mul", [x, double(onnx, 0.5)]);
    return onnx.node("Mul", [half, onnx.node("Add", [erfOf, double(onnx, 1)])]);
  },
  // Φ(x) + x φ(x)
  vjp: (ct, [x]) => {
    const cumulative = scale(shift(erf(scale(x, Math.SQRT1_2)), 1), 0.5);
    const density = scale(exp(scale(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return [mul(ct, add(cumulative, mul(x, density)))];
  },
};

/**
 * log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)). The engine's kernel takes log(1 + y) of a y it has rounded away against
 * the 1: wrong by 6e-5 of the result at x = -7. With w = 1 + y as rounded, log1p(y) = y log(w)/(w - 1) to the last bits
 * (Kahan; see Goldberg 1991, "What every computer scientist should know about floating-point arithmetic", theorem 4).
 */
const SOFTPLUS: Activation = {
  name: "softplus",
  infer: SILU.infer,
  emit: (onnx, [x], _attributes, [{ dtype }]) => {
    const number = (value: number) =>
      onnx.constant(dtype === "float64" ? Float64Array.of(value) : Float32Array.of(value), { dtype, shape: [] });
    const y = onnx.node("Exp", [onnx.node("Neg", [onnx.node("Abs", [x])])]);
    const w = onnx.node("Add", [y, number(1)]);
    const less = onnx.node("Sub", [w, number(1)]);
    const ratio = onnx.node("Mul", [onnx.node("Log", [w]), onnx.node("Div", [y, less])]);
    const log1p = onnx.node("Where", [onnx.node("Equal", [less, number(0)]), y, ratio]);
    return onnx.node("Add", [onnx.node("Max", [x, number(0)]), log1p]);
  },
  vjp: (ct, [x]) => [mul(ct, sigmoid(x))],
};

export const ACTIVATION = { silu: SILU, geluTanh: GELU_TANH, erf: ERF, gelu: GELU, softplus: SOFTPLUS };

/** x · sigmoid(x), also called swish. Source: Elfwing et al. 2017, arXiv:1702.03118. */
export const silu = (x: Value): Value => apply(SILU, [x], {});
/** The tanh form of GELU ("gelu_new"). Source: Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2. */
export const geluTanh = (x: Value): Value => apply(GELU_TANH, [x], {});
/** log(1 + exp(x)), exact also where it is nearly 0. */
export const softplus = (x: Value): Value => apply(SOFTPLUS, [x], {});
/** The error function, 2/√π ∫_0^x exp(-t²) dt. */
export const erf = (x: Value): Value => apply(ERF, [x], {});
/** GELU itself, x Φ(x) with the normal distribution Φ. Source: Hendrycks and Gimpel 2016, arXiv:1606.08415, section 2. */
export const gelu = (x: Value): Value => apply(GELU, [x], {});

/**
 * Gated activation silu(gate) ∘ up of the Llama family, with one gradient rule that shares its products.
 * Shapes: gate, up and result equal. Source: Shazeer 2020, arXiv:2002.05202.
 */
export function swiglu(gate: Value, up: Value): Value {
  const activated = silu(gate);
  return differentiatedAs(mul(activated, up), [gate, up], (ct) => {
    const slope = mul(sigmoid(gate), shift(sub(gate, activated), 1));
    return [mul(mul(ct, up), slope), mul(ct, activated)];
  });
}
