import { InternalError } from "../errors.ts";
import { formatType, sameShape } from "./dtype.ts";
import { add, concat, onesLike, scatterAdd, sumTo, zeros } from "./ops/index.ts";
import { SCATTER_ADD } from "./ops/indexing.ts";
import { isZeros, PAD, type PadAttributes } from "./ops/structure.ts";
import { ancestors, scoped, type Value } from "./value.ts";

/**
 * One value where the contributions are the cotangents of slices that cut an axis into pieces (a fused projection taken
 * apart): three pieces cost one copy instead of three zero-padded tables and two sums.
 */
function joined(contributions: readonly Value[]): Value | undefined {
  const pieces: { axis: number; before: number; after: number; part: Value }[] = [];
  for (const { origin, inputs } of contributions) {
    if (origin.kind !== "op" || origin.op.name !== PAD.name) return undefined;
    pieces.push({ ...(origin.attributes as PadAttributes), part: inputs[0]! });
  }
  pieces.sort((a, b) => a.before - b.before);
  const axis = pieces[0]!.axis;
  let end = 0;
  for (const piece of pieces) {
    if (piece.axis !== axis || piece.before !== end) return undefined;
    end += piece.part.shape[axis]!;
  }
  if (pieces.at(-1)!.after !== 0) return undefined;
  return concat(
    pieces.map(({ part }) => part),
    axis,
  );
}

/**
 * Adds up the cotangents that reach one value. Slices that cut it into pieces are joined again. Rows scattered into zeros (the gradient of an embedding) go on top of
 * the sum of the rest instead of into a table of their own: a tied 151,936 × 768 head saves two passes over 467 MB.
 */
function accumulate(contributions: readonly Value[]): Value {
  const whole = joined(contributions);
  if (whole !== undefined) return whole;
  const scattered: Value[] = [];
  const dense: Value[] = [];
  for (const x of contributions) {
    const intoZeros = x.origin.kind === "op" && x.origin.op.name === SCATTER_ADD.name && isZeros(x.inputs[0]!);
    (intoZeros ? scattered : dense).push(x);
  }
  if (dense.length === 0) dense.push(scattered.shift()!);
  const sum = dense.reduce((a, b) => add(a, b));
  return scattered.reduce((base, x) => scatterAdd(base, x.inputs[1]!, x.inputs[2]!), sum);
}

/**
 * Reverse mode: the gradients of a scalar with respect to `wrt`, added to the same graph.
 * @returns one value per entry of `wrt`, of its shape; zeros where the output does not depend on it
 * @throws InternalError if `output` is not a scalar
 */
export function gradients(output: Value, wrt: readonly Value[]): Value[] {
  if (output.shape.length !== 0) throw new InternalError(`gradients: expected a scalar, got ${formatType(output)}`);
  return pullback([[output, onesLike(output)]], wrt);
}

/**
 * Vector-Jacobian product: pulls the cotangents of some values back to `wrt`. Shapes as the values'.
 * @param fixed - values taken as given: nothing flows behind them, so that partial derivatives come out
 */
export function pullback(
  seeds: readonly (readonly [Value, Value])[],
  wrt: readonly Value[],
  fixed: readonly Value[] = [],
): Value[] {
  const leaves = new Set(fixed.map((x) => x.id));
  const order = ancestors(
    seeds.map(([y]) => y),
    (y) => leaves.has(y.id),
  );
  const needed = new Set(wrt.map((x) => x.id));
  const sourcesOf = (y: Value) => (leaves.has(y.id) ? [] : (y.pullback?.inputs ?? y.inputs));
  for (const y of order) if (sourcesOf(y).some((x) => needed.has(x.id))) needed.add(y.id);

  const contributions = new Map<number, Value[]>();
  const contribute = (x: Value, ct: Value) => {
    const list = contributions.get(x.id);
    if (list === undefined) contributions.set(x.id, [ct]);
    else list.push(ct);
  };
  for (const [y, ct] of seeds) contribute(y, ct);
  const finished = new Map<number, Value>();
  for (let i = order.length - 1; i >= 0; i--) {
    const y = order[i]!;
    const list = contributions.get(y.id);
    if (list === undefined || !needed.has(y.id)) continue;
    scoped(`${y.scope === "" ? "" : `${y.scope}.`}grad`, () => {
      const ct = accumulate(list);
      finished.set(y.id, ct);
      const sources = sourcesOf(y);
      if (y.origin.kind !== "op" || !sources.some((x) => needed.has(x.id))) return;
      const cotangents = y.pullback ? y.pullback.vjp(ct) : y.origin.op.vjp(ct, y.inputs, y, y.origin.attributes);
      if (cotangents.length !== sources.length)
        throw new InternalError(
          `${y.origin.op.name}: vjp gave ${cotangents.length} cotangents for ${sources.length} inputs`,
        );
      for (const [j, x] of sources.entries()) {
        const given = cotangents[j];
        if (given === null || given === undefined || !needed.has(x.id)) continue;
        const reduced = sameShape(given.shape, x.shape) ? given : sumTo(given, x.shape);
        if (reduced.dtype !== x.dtype)
          throw new InternalError(`${y.origin.op.name}: cotangent ${formatType(given)} for ${formatType(x)}`);
        contribute(x, reduced);
      }
    });
  }
  return wrt.map((x) => finished.get(x.id) ?? zeros(x.dtype, x.shape));
}
