import { sizeOf } from "./dtype.ts";
import type { Transposition } from "./ops/linear.ts";
import type { Loop } from "./ops/scan.ts";
import { type AnyOp, type Attributes, ancestors, type Value } from "./value.ts";

/** Arithmetic of a graph, by where it is done. */
export interface CountedFlops {
  /** 2·M·N·K of every matrix product, those inside loops times their steps. */
  readonly matmul: number;
  /** Everything else inside loops (scans): an operation for each number that is made, times their steps. */
  readonly scan: number;
  /** Everything else: sums, products, norms, softmaxes, activations, optimizers left out. */
  readonly elementwise: number;
}

/** Operations that move or compare numbers and compute none. */
const FREE: ReadonlySet<string> = new Set([
  ...["reshape", "transpose", "slice", "pad", "concat", "expand", "cast", "after"],
  ...["gather", "takeAlong", "topKIndices", "where", "greater", "equal"],
]);

/** Operations for each number that an op makes; 1 where nothing is said, an exponential counts as one. */
const PER_RESULT: Readonly<Record<string, number>> = {
  // Maximum, difference, exponential, sum, quotient.
  softmax: 5,
  logSoftmax: 5,
  // Square, sum, scale, gain; with the mean, the difference from it and the bias.
  rmsNorm: 4,
  layerNorm: 7,
  // Two products and a sum.
  rotary: 3,
  // A sigmoid is an exponential, a sum and a quotient.
  sigmoid: 3,
  silu: 4,
  gelu: 4,
  geluTanh: 8,
  softplus: 3,
};

/** Operations for each number that an op reads. */
const PER_INPUT: Readonly<Record<string, number>> = { sum: 1, max: 1, sumSquare: 2 };

/**
 * Counts the arithmetic that a graph does when it runs, forward and backward alike: each value once, a loop's body once per step.
 * Constants, inputs and moves of data are free.
 */
export function countFlops(outputs: Readonly<Record<string, Value>>): CountedFlops {
  const loops = new Set<Loop>();
  let [matmul, scan, elementwise] = [0, 0, 0];
  for (const value of ancestors(Object.values(outputs))) {
    if (value.origin.kind !== "op") continue;
    const { op, attributes } = value.origin;
    if (op.name === "matmul") matmul += productFlops(value, attributes);
    else if (op.name === "scan") {
      // One loop, however many of its outputs are used.
      const { loop } = attributes as { loop: Loop };
      if (loops.has(loop)) continue;
      loops.add(loop);
      const { next, results } = loop.body;
      const body = countFlops(Object.fromEntries([...next, ...results].entries()));
      matmul += loop.steps * body.matmul;
      scan += loop.steps * (body.scan + body.elementwise);
    } else elementwise += numbersOf(op, value);
  }
  return { matmul, scan, elementwise };
}

/** 2·M·N·K: each of the M·N results is a sum of K products. */
function productFlops({ shape, inputs }: Value, attributes: Attributes): number {
  const { transA } = attributes as Transposition;
  return 2 * sizeOf(shape) * inputs[0]!.shape.at(transA ? -2 : -1)!;
}

function numbersOf({ name }: AnyOp, { shape, inputs }: Value): number {
  if (FREE.has(name)) return 0;
  if (name === "scatterAdd") return sizeOf(inputs[2]!.shape);
  const read = PER_INPUT[name];
  return read === undefined ? (PER_RESULT[name] ?? 1) * sizeOf(shape) : read * sizeOf(inputs[0]!.shape);
}
