import { ShapeError } from "../../errors.ts";
import { broadcastShapes, formatType } from "../dtype.ts";
import type { OnnxNodes } from "../onnx.ts";
import { apply, type OpDeclaration, type Value } from "../value.ts";

export interface Transposition {
  /** Take the last two axes of the first / second factor swapped. */
  readonly transA?: boolean;
  readonly transB?: boolean;
}

function swapLast(onnx: OnnxNodes, name: string, rank: number): string {
  const order = Array.from({ length: rank }, (_, i) => i);
  order.splice(rank - 2, 2, rank - 1, rank - 2);
  return onnx.node("Transpose", [name], { perm: { ints: order } });
}

const MATMUL: OpDeclaration<Transposition, 2> = {
  name: "matmul",
  infer: ([a, b], { transA, transB }) => {
    const [m, k] = transA ? [a.shape.at(-1), a.shape.at(-2)] : [a.shape.at(-2), a.shape.at(-1)];
    const [k2, n] = transB ? [b.shape.at(-1), b.shape.at(-2)] : [b.shape.at(-2), b.shape.at(-1)];
    if (a.dtype !== b.dtype || m === undefined || n === undefined || k !== k2)
      throw new ShapeError(
        `matmul: expected factors of rank >= 2 with equal inner size, got ${formatType(a)}${transA ? "ᵀ" : ""} and ${formatType(b)}${transB ? "ᵀ" : ""}`,
      );
    const batch = broadcastShapes("matmul", a.shape.slice(0, -2), b.shape.slice(0, -2));
    return { dtype: a.dtype, shape: [...batch, m, n] };
  },
  emit: (onnx, [a, b], { transA, transB }, [ta, tb]) => {
    // Matrices go to Gemm, which reads either factor transposed; for stacks the engine fuses Transpose into MatMul.
    if (ta.shape.length === 2 && tb.shape.length === 2)
      return onnx.node("Gemm", [a, b], { transA: { int: transA ? 1 : 0 }, transB: { int: transB ? 1 : 0 } });
    return onnx.node("MatMul", [
      transA ? swapLast(onnx, a, ta.shape.length) : a,
      transB ? swapLast(onnx, b, tb.shape.length) : b,
    ]);
  },
  vjp: (ct, [a, b], _y, { transA = false, transB = false }) => [
    transA ? matmul(b, ct, { transA: transB, transB: true }) : matmul(ct, b, { transB: !transB }),
    transB ? matmul(ct, a, { transA: true, transB: transA }) : matmul(a, ct, { transA: !transA }),
  ],
};

export const LINEAR = { matmul: MATMUL };

/** Matrix product over the last two axes, [..., M, K] · [..., K, N] → [..., M, N]; leading axes broadcast. */
export const matmul = (a: Value, b: Value, transposition: Transposition = {}): Value =>
  apply(MATMUL, [a, b], transposition);
