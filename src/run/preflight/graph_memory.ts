import { DTYPES, sizeOf } from "../../graph/dtype.ts";
import { ancestors, type Value } from "../../graph/value.ts";
import { planBorder } from "../../runtime/border.ts";

/**
 * Most bytes of intermediate values alive at once while a graph runs: each is counted from the op that makes it to the last
 * that reads it, in the engine's order. Inputs (weights) and results are not counted; results that nothing receives count by
 * `resultBytes`.
 */
export function peakActivations(outputs: Readonly<Record<string, Value>>): number {
  const { values, fed } = planBorder(outputs);
  const roots = [...new Set(Object.values(values))];
  const isGiven = (value: Value) => fed.has(value.id) || value.origin.kind !== "op";
  /** The value whose memory a value shares. */
  const owner = (value: Value): Value => {
    let at = value;
    while (!isGiven(at) && at.origin.kind === "op" && at.origin.op.name === "reshape") at = at.inputs[0]!;
    return at;
  };
  const order = engineOrder(roots, isGiven);
  const lastUse = new Map<number, number>();
  for (const [at, value] of order.entries())
    for (const used of [value, ...value.inputs]) lastUse.set(owner(used).id, at);
  const results = new Set(roots.map((root) => owner(root).id));
  const ending = new Map<number, number>();
  let live = 0;
  let most = 0;
  for (const [at, value] of order.entries()) {
    const bytes = owner(value) === value && !results.has(value.id) ? bytesOf(value) : 0;
    live += bytes;
    most = Math.max(most, live);
    const end = lastUse.get(value.id) ?? at;
    if (bytes > 0) ending.set(end, (ending.get(end) ?? 0) + bytes);
    live -= ending.get(at) ?? 0;
    ending.delete(at);
  }
  return most;
}

/** Bytes of the results of a graph. */
export function resultBytes(outputs: Readonly<Record<string, Value>>): number {
  return Object.values(outputs).reduce((sum, value) => sum + bytesOf(value), 0);
}

function bytesOf({ dtype, shape }: Value): number {
  return DTYPES[dtype].bytes * sizeOf(shape);
}

/**
 * Values in the order in which ONNX Runtime computes them: depth first from the last result that nothing else reads, of a
 * node's inputs the latest first. Source: GraphViewer and Graph::ReverseDFSFrom of ONNX Runtime.
 */
function engineOrder(roots: readonly Value[], isGiven: (value: Value) => boolean): Value[] {
  const read = new Set<number>();
  for (const value of ancestors(roots, isGiven))
    if (!isGiven(value)) for (const used of value.inputs) read.add(used.id);
  const byId = (values: readonly Value[]) =>
    [...new Set(values)].filter((x) => !isGiven(x)).sort((a, b) => a.id - b.id);
  const stack = byId(roots.filter(({ id }) => !read.has(id))).map((value) => ({ value, made: false }));
  const seen = new Set<number>();
  const order: Value[] = [];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, made } = next;
    if (made) {
      order.push(value);
      continue;
    }
    if (seen.has(value.id)) continue;
    seen.add(value.id);
    stack.push({ value, made: true });
    for (const used of byId(value.inputs)) if (!seen.has(used.id)) stack.push({ value: used, made: false });
  }
  return order;
}
