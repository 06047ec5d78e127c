import { ShapeError } from "../../errors.ts";
import { formatType, normalAxis, sameShape } from "../dtype.ts";
import { apply, type NoAttributes, type OpDeclaration, type Value } from "../value.ts";
import { exp, mul, neg, reciprocal, scale, shift, sqrt, sub } from "./elementwise.ts";
import { matmul } from "./linear.ts";
import { mean, sum, sumSquare } from "./reduce.ts";
import { reshape } from "./structure.ts";

const SOFTMAX: OpDeclaration<{ axis: number }, 1> = {
  name: "softmax",
  infer: ([x], { axis }) => {
    normalAxis("softmax", axis, x.shape.length);
    return { dtype: x.dtype, shape: x.shape };
  },
  emit: (onnx, [x], { axis }) => onnx.node("Softmax", [x], { axis: { int: axis } }),
  vjp: (ct, _inputs, y, { axis }) => {
    const weighted = mul(ct, y);
    return [sub(weighted, mul(y, sum(weighted, [axis])))];
  },
};

const LOG_SOFTMAX: OpDeclaration<{ axis: number }, 1> = {
  name: "logSoftmax",
  infer: SOFTMAX.infer,
  emit: (onnx, [x], { axis }) => onnx.node("LogSoftmax", [x], { axis: { int: axis } }),
  vjp: (ct, _inputs, y, { axis }) => [sub(ct, mul(exp(y), sum(ct, [axis])))],
};

const RMS_NORM: OpDeclaration<{ epsilon: number }, 2> = {
  name: "rmsNorm",
  infer: ([x, weight]) => {
    if (!sameShape(weight.shape, [x.shape.at(-1)!]) || x.dtype !== weight.dtype)
      throw new ShapeError(
        `rmsNorm: expected x [..., D] and weight [D], got ${formatType(x)} and ${formatType(weight)}`,
      );
    return { dtype: x.dtype, shape: x.shape };
  },
  emit: (onnx, [x, weight], { epsilon }) =>
    onnx.node("RMSNormalization", [x, weight], { axis: { int: -1 }, epsilon: { float: epsilon } }),
  // With r = 1/sqrt(mean x² + ε): dx = r (g∘w) - x r³ (Σ g∘w∘x)/D, dw = Σ_rows r g∘x, the latter as a row times a matrix.
  vjp: (ct, [x, weight], _y, { epsilon }) => {
    const width = x.shape.at(-1)!;
    const rows = x.shape.slice(0, -1).reduce((n, m) => n * m, 1);
    const flat = reshape(x, [rows, width]);
    const g = reshape(ct, [rows, width]);
    const inverse = reciprocal(sqrt(shift(scale(sumSquare(flat, [1]), 1 / width), epsilon)));
    const weighted = mul(g, weight);
    const projection = sum(mul(weighted, flat), [1]);
    const cube = mul(mul(inverse, inverse), inverse);
    const dx = sub(mul(weighted, inverse), mul(flat, scale(mul(cube, projection), 1 / width)));
    const dw = reshape(matmul(inverse, mul(g, flat), { transA: true }), [width]);
    return [reshape(dx, x.shape), dw];
  },
};

const LAYER_NORM: OpDeclaration<{ epsilon: number }, 3> = {
  name: "layerNorm",
  infer: ([x, weight, bias]) => {
    const width = [x.shape.at(-1)!];
    if (!sameShape(weight.shape, width) || !sameShape(bias.shape, width) || x.dtype !== weight.dtype)
      throw new ShapeError(
        `layerNorm: expected x [..., D], weight and bias [D], got ${[x, weight, bias].map(formatType).join(", ")}`,
      );
    return { dtype: x.dtype, shape: x.shape };
  },
  emit: (onnx, inputs, { epsilon }) =>
    onnx.node("LayerNormalization", inputs, { axis: { int: -1 }, epsilon: { float: epsilon } }),
  // With c = x - mean x, r = 1/sqrt(mean c² + ε), h = g∘w: dx = r (h - mean h) - c r³ mean(h∘c), dw = Σ_rows r g∘c as a row
  // times a matrix, db = Σ_rows g.
  vjp: (ct, [x, weight], _y, { epsilon }) => {
    const width = x.shape.at(-1)!;
    const rows = x.shape.slice(0, -1).reduce((n, m) => n * m, 1);
    const flat = reshape(x, [rows, width]);
    const g = reshape(ct, [rows, width]);
    const centred = sub(flat, mean(flat, [1]));
    const inverse = reciprocal(sqrt(shift(scale(sumSquare(centred, [1]), 1 / width), epsilon)));
    const weighted = mul(g, weight);
    const cube = mul(mul(inverse, inverse), inverse);
    const alongX = mul(centred, mul(cube, mean(mul(weighted, centred), [1])));
    const dx = sub(mul(sub(weighted, mean(weighted, [1])), inverse), alongX);
    const dw = reshape(matmul(inverse, mul(g, centred), { transA: true }), [width]);
    return [reshape(dx, x.shape), dw, reshape(sum(g, [0]), [width])];
  },
};

/** Rotary position embedding, halves of the first R features rotated: x [B,N,T,H], cos and sin [B,T,R/2], R at most H. */
const ROTARY: OpDeclaration<NoAttributes, 3> = {
  name: "rotary",
  infer: ([x, cos, sin]) => {
    const [B, , T, H] = x.shape;
    const half = cos.shape.at(-1)!;
    const table = [B!, T!, half];
    if (x.shape.length !== 4 || 2 * half > H! || !sameShape(cos.shape, table) || !sameShape(sin.shape, table))
      throw new ShapeError(
        `rotary: expected x [B,N,T,H] and tables [B,T,R/2] with R <= H, got ${[x, cos, sin].map(formatType).join(", ")}`,
      );
    return { dtype: x.dtype, shape: x.shape };
  },
  emit: (onnx, [x, cos, sin], _attributes, [type, tableType]) => {
    const [, N, , H] = type.shape as [number, number, number, number];
    const [B, T, half] = tableType.shape as [number, number, number];
    if (type.dtype !== "float64")
      return onnx.node("RotaryEmbedding", [x, cos, sin], {
        ...(2 * half < H && { rotary_embedding_dim: { int: 2 * half }, num_heads: { int: N } }),
      });
    const part = (start: number, end: number) =>
      onnx.node("Slice", [x, onnx.int64s([start]), onnx.int64s([end]), onnx.int64s([3])]);
    const table = (name: string) => onnx.node("Reshape", [name, onnx.int64s([B, 1, T, half])]);
    const [x1, x2, c, s] = [part(0, half), part(half, 2 * half), table(cos), table(sin)];
    const first = onnx.node("Sub", [onnx.node("Mul", [x1, c]), onnx.node("Mul", [x2, s])]);
    const second = onnx.node("Add", [onnx.node("Mul", [x2, c]), onnx.node("Mul", [x1, s])]);
    const rest = 2 * half < H ? [part(2 * half, H)] : [];
    return onnx.node("Concat", [first, second, ...rest], { axis: { int: 3 } });
  },
  // A rotation's transpose turns the other way. The tables are functions of positions: nothing flows to them.
  vjp: (ct, [, cos, sin]) => [rotary(ct, cos, neg(sin)), null, null],
};

export const FUSED = {
  softmax: SOFTMAX,
  logSoftmax: LOG_SOFTMAX,
  rmsNorm: RMS_NORM,
  layerNorm: LAYER_NORM,
  rotary: ROTARY,
};

export const softmax = (x: Value, axis = -1): Value =>
  apply(SOFTMAX, [x], { axis: normalAxis("softmax", axis, x.shape.length) });
export const logSoftmax = (x: Value, axis = -1): Value =>
  apply(LOG_SOFTMAX, [x], { axis: normalAxis("logSoftmax", axis, x.shape.length) });
/** x / sqrt(mean(x²) + ε) · weight over the last axis. Source: Zhang and Sennrich 2019, arXiv:1910.07467. */
export const rmsNorm = (x: Value, weight: Value, epsilon: number): Value => apply(RMS_NORM, [x, weight], { epsilon });
/** (x - mean x) / sqrt(variance x + ε) · weight + bias over the last axis. Source: Ba et al. 2016, arXiv:1607.06450. */
export const layerNorm = (x: Value, weight: Value, bias: Value, epsilon: number): Value =>
  apply(LAYER_NORM, [x, weight, bias], { epsilon });
/** Turns each pair (x_i, x_{i+R/2}) of the first R features by its position's angle. Source: Su et al. 2021, arXiv:2104.09864. */
export const rotary = (x: Value, cos: Value, sin: Value): Value => apply(ROTARY, [x, cos, sin], {});
