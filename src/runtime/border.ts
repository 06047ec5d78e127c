import { DTYPES, type Shape, sizeOf, type TypedArray } from "../graph/dtype.ts";
import { SCATTER_ADD } from "../graph/ops/indexing.ts";
import { CONCAT, isZeros, SLICE } from "../graph/ops/structure.ts";
import { ancestors, type Value } from "../graph/value.ts";

/**
 * What happens at the border between our buffers and the engine, where memory is ours and copies can be spared:
 *  - a row range of an input (a tile of the head) is fed as a view of the input's buffer;
 *  - an output that joins row ranges (the tiles of the head's gradient) is written range by range in place;
 *  - rows added to an output (the gradient of an embedding) are added after the run: 4 ms for 4,096 × 512, where the
 *    engine's kernel takes 60 ms and copies the table.
 */
export interface Border {
  /** Values to compute, by name: what the engine sees. */
  readonly values: Readonly<Record<string, Value>>;
  /** Values fed as views of an input, by value id. */
  readonly fed: ReadonlyMap<number, string>;
  readonly views: ReadonlyMap<string, InputView>;
  readonly outputs: readonly OutputPlan[];
}

/** Elements first … last of the buffer fed for `input`. */
interface InputView {
  readonly input: string;
  readonly first: number;
  readonly last: number;
}

export interface OutputPlan {
  readonly name: string;
  readonly type: Value;
  /** Engine outputs and the element at which each starts; empty where the base is all zeros. */
  readonly parts: readonly { name: string; first: number; last: number }[];
  readonly scatters: readonly { ids: string; rows: string; width: number }[];
}

const opName = (x: Value) => (x.origin.kind === "op" ? x.origin.op.name : undefined);
const rowSize = (shape: Shape) => sizeOf(shape.slice(1));

function planOutput(name: string, output: Value, values: Record<string, Value>): OutputPlan {
  const scatters: { ids: string; rows: string; width: number }[] = [];
  let base = output;
  while (opName(base) === SCATTER_ADD.name) {
    const [below, ids, rows] = base.inputs as [Value, Value, Value];
    const key = `${name}#${scatters.length}`;
    values[`${key}.ids`] = ids;
    values[`${key}.rows`] = rows;
    scatters.push({ ids: `${key}.ids`, rows: `${key}.rows`, width: rowSize(base.shape) });
    base = below;
  }
  const parts: { name: string; first: number; last: number }[] = [];
  if (scatters.length > 0 && isZeros(base)) return { name, type: output, parts, scatters };
  const tiles = base.origin.kind === "op" && opName(base) === CONCAT.name && axisOf(base) === 0 ? base.inputs : [base];
  let first = 0;
  for (const [i, tile] of tiles.entries()) {
    const part = tiles.length === 1 ? name : `${name}[${i}]`;
    values[part] = tile;
    parts.push({ name: part, first, last: first + sizeOf(tile.shape) });
    first += sizeOf(tile.shape);
  }
  return { name, type: output, parts, scatters };
}

const axisOf = (x: Value) => (x.origin.kind === "op" ? (x.origin.attributes as { axis: number }).axis : -1);

/** Plans the border of a graph. With `views` false (data frozen into the graph) inputs are left alone. */
export function planBorder(outputs: Readonly<Record<string, Value>>, views = true): Border {
  const values: Record<string, Value> = {};
  const plans = Object.entries(outputs).map(([name, value]) => planOutput(name, value, values));
  const fed = new Map<number, string>();
  const ranges = new Map<string, InputView>();
  if (views)
    for (const x of ancestors(Object.values(values))) {
      const source = x.inputs[0];
      if (opName(x) !== SLICE.name || axisOf(x) !== 0 || source?.origin.kind !== "input" || x.origin.kind !== "op")
        continue;
      const { start, end } = x.origin.attributes as { start: number; end: number };
      const name = `${source.origin.name}[${start}:${end}]`;
      const size = rowSize(source.shape);
      fed.set(x.id, name);
      ranges.set(name, { input: source.origin.name, first: start * size, last: end * size });
    }
  return { values, fed, views: ranges, outputs: plans };
}

/** Adds rows to a table in place: table[ids[i]] += rows[i]. */
export function scatterRows(table: TypedArray, ids: TypedArray, rows: TypedArray, width: number): void {
  const target = table as Float32Array;
  const source = rows as Float32Array;
  for (let i = 0; i < ids.length; i++) {
    const to = Number(ids[i]) * width;
    const from = i * width;
    for (let j = 0; j < width; j++) target[to + j]! += source[from + j]!;
  }
}

/** A zeroed buffer for a value. */
export function allocate(type: Pick<Value, "dtype" | "shape">): TypedArray {
  return new DTYPES[type.dtype].array(sizeOf(type.shape)) as TypedArray;
}
