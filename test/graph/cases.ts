import type { DType } from "../../src/graph/dtype.ts";
import type { OPS } from "../../src/graph/ops/index.ts";
import * as op from "../../src/graph/ops/index.ts";
import type { Value } from "../../src/graph/value.ts";

/** How an input is drawn: a normal deviate, one kept away from 0, a positive number, or indices below a bound. */
export type Draw = { shape: number[]; kind?: "normal" | "awayFromZero" | "positive" | { below: number } };

/** One check of an op: what goes in, what is built, and (where it is easily said) the result in plain JavaScript. */
export interface Case {
  inputs: Draw[];
  build: (...inputs: Value[]) => Value;
  /** Plain reference over flat row-major arrays. */
  reference?: (...inputs: number[][]) => number[];
  /** Step of the central difference; larger for linear ops that round. */
  step?: number;
}

const a23: Draw = { shape: [2, 3] };
const nonzero: Draw = { shape: [2, 3], kind: "awayFromZero" };
const positive: Draw = { shape: [2, 3], kind: "positive" };
const toBool = (x: Value) => op.greater(x, op.scale(x, 0));

function unary(build: (x: Value) => Value, f: (x: number) => number, draw: Draw = a23): Case[] {
  return [{ inputs: [draw], build, reference: (x) => x.map(f) }];
}

function binary(build: (a: Value, b: Value) => Value, f: (a: number, b: number) => number, second = nonzero): Case[] {
  return [
    { inputs: [a23, second], build, reference: (a, b) => a.map((x, i) => f(x, b[i]!)) },
    { inputs: [a23, { ...second, shape: [3] }], build, reference: (a, b) => a.map((x, i) => f(x, b[i % 3]!)) },
    {
      inputs: [a23, { ...second, shape: [2, 1] }],
      build,
      reference: (a, b) => a.map((x, i) => f(x, b[i < 3 ? 0 : 1]!)),
    },
    { inputs: [{ shape: [3] }, { ...second, shape: [2, 1] }], build },
  ];
}

const product = (a: number[], b: number[], m: number, k: number, n: number): number[] =>
  Array.from({ length: m * n }, (_, i) => {
    let s = 0;
    for (let j = 0; j < k; j++) s += a[Math.floor(i / n) * k + j]! * b[j * n + (i % n)]!;
    return s;
  });
const rowSoftmax = (x: number[], width: number): number[] =>
  x.map((v, i) => {
    const row = x.slice(Math.floor(i / width) * width, (Math.floor(i / width) + 1) * width);
    return Math.exp(v) / row.reduce((s, w) => s + Math.exp(w), 0);
  });

/** The error function by a series at 0 up to |x| = 5, where it is ±1 to 12 digits. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  // The form whose terms are all of one sign: nothing cancels.
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** Cases for every op; the type makes an op without cases a compile error. */
export const CASES: Record<keyof typeof OPS, Case[]> = {
  add: binary(op.add, (a, b) => a + b),
  sub: binary(op.sub, (a, b) => a - b),
  mul: binary(op.mul, (a, b) => a * b),
  div: binary(op.div, (a, b) => a / b),
  maximum: [{ inputs: [a23, a23], build: op.maximum, reference: (a, b) => a.map((x, i) => Math.max(x, b[i]!)) }],
  greater: [
    {
      inputs: [a23, a23],
      build: (a, b) => op.cast(op.greater(a, b), a.dtype),
      reference: (a, b) => a.map((x, i) => +(x > b[i]!)),
    },
  ],
  equal: [
    {
      inputs: [a23],
      build: (a) => op.cast(op.equal(a, op.abs(a)), a.dtype),
      reference: (a) => a.map((x) => +(x === Math.abs(x))),
    },
  ],
  neg: unary(op.neg, (x) => -x),
  abs: unary(op.abs, Math.abs, nonzero),
  sign: unary(op.sign, Math.sign, nonzero),
  exp: unary(op.exp, Math.exp),
  log: unary(op.log, Math.log, positive),
  sqrt: unary(op.sqrt, Math.sqrt, positive),
  reciprocal: unary(op.reciprocal, (x) => 1 / x, nonzero),
  sigmoid: unary(op.sigmoid, (x) => 1 / (1 + Math.exp(-x))),
  tanh: unary(op.tanh, Math.tanh),
  relu: unary(op.relu, (x) => Math.max(0, x), nonzero),
  geluTanh: unary(op.geluTanh, (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))),
  erf: [
    ...unary(op.erf, erf),
    ...unary(
      (x) => op.erf(op.scale(x, 9)),
      (x) => erf(9 * x),
    ),
  ],
  gelu: [
    ...unary(op.gelu, (x) => 0.5 * x * (1 + erf(x / Math.SQRT2))),
    { inputs: [{ shape: [2, 1, 3] }], build: (x) => op.gelu(op.scale(x, 5)) },
  ],
  softplus: [
    ...unary(op.softplus, (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
    {
      // Relative errors: each value by its size.
      inputs: [a23],
      build: (x) => op.mul(op.softplus(op.shift(x, -12)), op.exp(op.shift(op.neg(x), 12))),
      reference: (x) => x.map((v) => Math.log1p(Math.exp(v - 12)) * Math.exp(12 - v)),
    },
  ],
  silu: unary(op.silu, (x) => x / (1 + Math.exp(-x))),
  where: [
    {
      inputs: [nonzero, a23, a23],
      build: (c, a, b) => op.where(toBool(c), a, b),
      reference: (c, a, b) => c.map((x, i) => (x > 0 ? a[i]! : b[i]!)),
    },
    {
      inputs: [{ shape: [2, 1], kind: "awayFromZero" }, { shape: [3] }, a23],
      build: (c, a, b) => op.where(toBool(c), a, b),
    },
  ],
  reshape: [{ inputs: [a23], build: (x) => op.reshape(x, [3, 2]), reference: (x) => x }],
  transpose: [
    { inputs: [a23], build: (x) => op.transpose(x, [1, 0]), reference: (x) => [0, 3, 1, 4, 2, 5].map((i) => x[i]!) },
    { inputs: [{ shape: [2, 3, 2] }], build: (x) => op.transpose(x, [2, 0, 1]) },
  ],
  slice: [
    {
      inputs: [a23],
      build: (x) => op.slice(x, { axis: 1, start: 1, end: 3 }),
      reference: (x) => [1, 2, 4, 5].map((i) => x[i]!),
    },
    { inputs: [a23], build: (x) => op.slice(x, { axis: 0, start: 1, end: 2 }), reference: (x) => x.slice(3) },
  ],
  pad: [
    {
      inputs: [a23],
      build: (x) => op.pad(x, { axis: 1, before: 1, after: 2 }),
      reference: (x) => [0, x[0]!, x[1]!, x[2]!, 0, 0, 0, x[3]!, x[4]!, x[5]!, 0, 0],
    },
  ],
  concat: [
    {
      inputs: [a23, { shape: [2, 1] }],
      build: (a, b) => op.concat([a, b], 1),
      reference: (a, b) => [a[0]!, a[1]!, a[2]!, b[0]!, a[3]!, a[4]!, a[5]!, b[1]!],
    },
    {
      inputs: [a23, { shape: [1, 3] }],
      build: (a, b) => op.concat([a, b, a], 0),
      reference: (a, b) => [...a, ...b, ...a],
    },
  ],
  expand: [{ inputs: [{ shape: [3] }], build: (x) => op.expand(x, [2, 3]), reference: (x) => [...x, ...x] }],
  cast: [
    {
      inputs: [a23],
      build: (x) => op.cast(op.cast(x, "float32"), x.dtype as DType),
      reference: (x) => x.map(Math.fround),
      step: 0.5,
    },
  ],
  after: [{ inputs: [a23, { shape: [4] }], build: op.after, reference: (x) => x }],
  sum: [
    { inputs: [a23], build: (x) => op.sum(x, [1]), reference: (x) => [x[0]! + x[1]! + x[2]!, x[3]! + x[4]! + x[5]!] },
    { inputs: [{ shape: [2, 3, 2] }], build: (x) => op.sum(x, [0, 2]) },
    { inputs: [a23], build: op.sumAll, reference: (x) => [x.reduce((a, b) => a + b)] },
  ],
  sumSquare: [
    {
      inputs: [a23],
      build: (x) => op.sumSquare(x, [0]),
      reference: (x) => [0, 1, 2].map((i) => x[i]! ** 2 + x[i + 3]! ** 2),
    },
  ],
  max: [
    {
      inputs: [a23],
      build: (x) => op.max(x, [1]),
      reference: (x) => [Math.max(x[0]!, x[1]!, x[2]!), Math.max(x[3]!, x[4]!, x[5]!)],
    },
  ],
  matmul: [
    { inputs: [a23, { shape: [3, 4] }], build: (a, b) => op.matmul(a, b), reference: (a, b) => product(a, b, 2, 3, 4) },
    { inputs: [{ shape: [3, 2] }, { shape: [3, 4] }], build: (a, b) => op.matmul(a, b, { transA: true }) },
    { inputs: [a23, { shape: [4, 3] }], build: (a, b) => op.matmul(a, b, { transB: true }) },
    {
      inputs: [{ shape: [3, 2] }, { shape: [4, 3] }],
      build: (a, b) => op.matmul(a, b, { transA: true, transB: true }),
    },
    { inputs: [{ shape: [2, 2, 3] }, { shape: [2, 3, 2] }], build: (a, b) => op.matmul(a, b) },
    { inputs: [{ shape: [2, 2, 3] }, { shape: [2, 4, 3] }], build: (a, b) => op.matmul(a, b, { transB: true }) },
    { inputs: [{ shape: [2, 3, 2] }, { shape: [3, 4] }], build: (a, b) => op.matmul(a, b, { transA: true }) },
    {
      inputs: [{ shape: [2, 3, 2] }, { shape: [2, 4, 3] }],
      build: (a, b) => op.matmul(a, b, { transA: true, transB: true }),
    },
  ],
  gather: [
    {
      inputs: [{ shape: [4, 2] }, { shape: [5], kind: { below: 4 } }],
      build: op.gather,
      reference: (t, ids) => ids.flatMap((i) => [t[2 * i]!, t[2 * i + 1]!]),
    },
    { inputs: [{ shape: [4, 2] }, { shape: [2, 3], kind: { below: 4 } }], build: op.gather },
  ],
  scatterAdd: [
    {
      inputs: [{ shape: [4, 2] }, { shape: [7], kind: { below: 3 } }, { shape: [7, 2] }],
      build: (t, ids, rows) => op.scale(op.scatterAdd(t, ids, rows), 1),
      reference: (t, ids, rows) => {
        const y = [...t];
        ids.forEach((id, i) => {
          y[2 * id]! += rows[2 * i]!;
          y[2 * id + 1]! += rows[2 * i + 1]!;
        });
        return y;
      },
    },
    {
      inputs: [{ shape: [6] }, { shape: [2, 2], kind: { below: 6 } }, { shape: [2, 2] }],
      build: (t, ids, rows) => op.scale(op.scatterAdd(t, ids, rows), 1),
    },
  ],
  takeAlong: [
    {
      inputs: [a23, { shape: [2], kind: { below: 3 } }],
      build: op.pick,
      reference: (x, ids) => ids.map((id, i) => x[3 * i + id]!),
    },
    {
      inputs: [a23, { shape: [2, 4], kind: { below: 3 } }],
      build: op.takeAlong,
      reference: (x, ids) => ids.map((id, i) => x[(i < 4 ? 0 : 3) + id]!),
    },
    { inputs: [{ shape: [2, 2, 5] }, { shape: [2, 2, 3], kind: { below: 5 } }], build: op.takeAlong },
  ],
  topKIndices: [
    {
      inputs: [{ shape: [2, 5] }],
      build: (x) => op.topK(x, 3).values,
      reference: (x) => [x.slice(0, 5), x.slice(5)].flatMap((row) => row.sort((a, b) => b - a).slice(0, 3)),
    },
    { inputs: [{ shape: [2, 2, 4] }], build: (x) => op.topK(x, 4).values },
    {
      // Equal elements keep their order.
      inputs: [{ shape: [2, 3], kind: { below: 2 } }, a23],
      build: (x, y) => op.takeAlong(y, op.topK(x, 3).indices),
      reference: (x, y) =>
        [0, 3].flatMap((row) =>
          [0, 1, 2].sort((a, b) => x[row + b]! - x[row + a]! || a - b).map((place) => y[row + place]!),
        ),
    },
  ],
  softmax: [
    { inputs: [a23], build: (x) => op.softmax(x), reference: (x) => rowSoftmax(x, 3) },
    { inputs: [{ shape: [2, 3, 2] }], build: (x) => op.softmax(x, 1) },
  ],
  logSoftmax: [{ inputs: [a23], build: (x) => op.logSoftmax(x), reference: (x) => rowSoftmax(x, 3).map(Math.log) }],
  rmsNorm: [
    {
      inputs: [{ shape: [2, 4] }, { shape: [4] }],
      build: (x, w) => op.rmsNorm(x, w, 1e-5),
      reference: (x, w) =>
        x.map((v, i) => {
          const row = x.slice(i < 4 ? 0 : 4, i < 4 ? 4 : 8);
          return (v / Math.sqrt(row.reduce((s, u) => s + u * u, 0) / 4 + 1e-5)) * w[i % 4]!;
        }),
    },
    { inputs: [{ shape: [2, 2, 4] }, { shape: [4] }], build: (x, w) => op.rmsNorm(x, w, 1e-3) },
  ],
  layerNorm: [
    {
      inputs: [{ shape: [2, 4] }, { shape: [4] }, { shape: [4] }],
      build: (x, w, b) => op.layerNorm(x, w, b, 1e-5),
      reference: (x, w, b) =>
        x.map((v, i) => {
          const row = x.slice(i < 4 ? 0 : 4, i < 4 ? 4 : 8);
          const mean = row.reduce((s, u) => s + u, 0) / 4;
          const variance = row.reduce((s, u) => s + (u - mean) ** 2, 0) / 4;
          return ((v - mean) / Math.sqrt(variance + 1e-5)) * w[i % 4]! + b[i % 4]!;
        }),
    },
    { inputs: [{ shape: [2, 2, 4] }, { shape: [4] }, { shape: [4] }], build: (x, w, b) => op.layerNorm(x, w, b, 1e-3) },
  ],
  rotary: [
    {
      inputs: [{ shape: [1, 1, 2, 4] }, { shape: [1, 2, 2] }],
      // Any angles will do: the tables are functions of them, and nothing flows there.
      build: (x, angle) =>
        op.rotary(
          x,
          op.sub(op.scale(angle, 0), op.scale(angle, 0)),
          op.add(op.scale(angle, 0), op.exp(op.scale(angle, 0))),
        ),
      reference: (x) => [-x[2]!, -x[3]!, x[0]!, x[1]!, -x[6]!, -x[7]!, x[4]!, x[5]!],
    },
    { inputs: [{ shape: [2, 3, 2, 4] }], build: (x) => op.rotary(x, ...rotaryTables(x, 4)) },
    {
      // The first 4 of 6 features are turned, the last 2 stay.
      inputs: [{ shape: [1, 1, 2, 6] }],
      build: (x) => op.rotary(x, ...rotaryTables(x, 4)),
      reference: (x) =>
        [0, 6].flatMap((row) => {
          const [a, b, c, d, e, f] = x.slice(row, row + 6) as [number, number, number, number, number, number];
          return [0.6 * a - 0.8 * c, 0.6 * b - 0.8 * d, 0.6 * c + 0.8 * a, 0.6 * d + 0.8 * b, e, f];
        }),
    },
    { inputs: [{ shape: [2, 3, 2, 8] }], build: (x) => op.rotary(x, ...rotaryTables(x, 2)) },
  ],
};

function rotaryTables(x: Value, rotated: number): [Value, Value] {
  const [B, , T] = x.shape as [number, number, number, number];
  const ones = op.zeros(x.dtype, [B, T, rotated / 2]);
  return [op.shift(ones, 0.6), op.shift(ones, 0.8)];
}
