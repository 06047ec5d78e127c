import { ShapeError } from "../../errors.ts";
import { formatType, sameShape, sizeOf, type TensorType } from "../dtype.ts";
import { apply, int64s, type NoAttributes, type OpDeclaration, type Value } from "../value.ts";
import { add } from "./elementwise.ts";
import { cast, reshape, zeros } from "./structure.ts";

const isIndex = (type: TensorType) => type.dtype === "int32" || type.dtype === "int64";

/** Rows of a table: table [V, ...], ids [...] → [ids..., ...]. */
const GATHER: OpDeclaration<NoAttributes, 2> = {
  name: "gather",
  infer: ([table, ids]) => {
    if (!isIndex(ids) || table.shape.length === 0)
      throw new ShapeError(`gather: expected a table and integer ids, got ${formatType(table)} and ${formatType(ids)}`);
    return { dtype: table.dtype, shape: [...ids.shape, ...table.shape.slice(1)] };
  },
  emit: (onnx, [table, ids]) => onnx.node("Gather", [table, ids], { axis: { int: 0 } }),
  vjp: (ct, [table, ids]) => [scatterAdd(zeros(table.dtype, table.shape), ids, ct), null],
};

/** Adds rows to a table: base [V, ...], ids [...], rows [ids..., ...]; an id may occur many times. */
export const SCATTER_ADD: OpDeclaration<NoAttributes, 3> = {
  name: "scatterAdd",
  infer: ([base, ids, rows]) => {
    if (!isIndex(ids) || !sameShape(rows.shape, [...ids.shape, ...base.shape.slice(1)]))
      throw new ShapeError(
        `scatterAdd: expected rows [ids..., row...], got ${[base, ids, rows].map(formatType).join(", ")}`,
      );
    return { dtype: base.dtype, shape: base.shape };
  },
  // ScatterElements, not ScatterND: the latter's CPU kernel adds duplicates from several threads without a lock
  // (float64, 4,096 rows onto 300: errors of 2.0); the former is sequential and exact, and its ids are expanded.
  emit: (onnx, [base, ids, rows], _attributes, [, idsType, rowsType]) => {
    const count = sizeOf(idsType.shape);
    const tail = rowsType.shape.slice(idsType.shape.length);
    const flatRows = onnx.node("Reshape", [rows, onnx.int64s([count, ...tail])]);
    const column = onnx.node("Reshape", [ids, onnx.int64s([count, ...tail.map(() => 1)])]);
    const indices = onnx.node("Expand", [column, onnx.int64s([count, ...tail])]);
    return onnx.node("ScatterElements", [base, indices, flatRows], { axis: { int: 0 }, reduction: { string: "add" } });
  },
  vjp: (ct, [, ids]) => [ct, null, gather(ct, ids)],
};

/** Some elements of each row: x [..., N], ids [..., K] → [..., K]. */
const TAKE_ALONG: OpDeclaration<NoAttributes, 2> = {
  name: "takeAlong",
  infer: ([x, ids]) => {
    if (!isIndex(ids) || x.shape.length === 0 || !sameShape(ids.shape.slice(0, -1), x.shape.slice(0, -1)))
      throw new ShapeError(`takeAlong: expected integer ids for each row, got ${formatType(x)} and ${formatType(ids)}`);
    return { dtype: x.dtype, shape: ids.shape };
  },
  emit: (onnx, [x, ids], _attributes, [type]) =>
    onnx.node("GatherElements", [x, ids], { axis: { int: type.shape.length - 1 } }),
  vjp: (ct, [x, ids]) => {
    const width = x.shape.at(-1)!;
    const rows = sizeOf(x.shape.slice(0, -1));
    const starts = int64s(Array.from({ length: rows }, (_, i) => i * width));
    const flat = add(cast(reshape(ids, [rows, ids.shape.at(-1)!]), "int64"), reshape(starts, [rows, 1]));
    const table = scatterAdd(zeros(ct.dtype, [rows * width]), flat, reshape(ct, flat.shape));
    return [reshape(table, x.shape), null];
  },
};

/** Places of the k largest elements of each row, by falling value, ties by rising place: x [..., N] → int64 [..., k]. */
const TOP_K_INDICES: OpDeclaration<{ k: number }, 1> = {
  name: "topKIndices",
  infer: ([x], { k }) => {
    const width = x.shape.at(-1);
    if (width === undefined || !Number.isInteger(k) || k < 1 || k > width)
      throw new ShapeError(`topKIndices: expected 1 <= k <= the last axis, got ${k} of ${formatType(x)}`);
    return { dtype: "int64", shape: [...x.shape.slice(0, -1), k] };
  },
  emit: (onnx, [x], { k }) => onnx.nodeOf(2, "TopK", [x, onnx.int64s([k])])[1]!,
  vjp: () => [null],
};

export const INDEXING = { gather: GATHER, scatterAdd: SCATTER_ADD, takeAlong: TAKE_ALONG, topKIndices: TOP_K_INDICES };

/** Rows of a table: table [V, ...], integer ids [...] → [ids..., ...]. */
export const gather = (table: Value, ids: Value): Value => apply(GATHER, [table, ids], {});
/** Adds rows to a table: base [V, ...], ids [...], rows [ids..., ...]; an id may occur many times. */
export const scatterAdd = (base: Value, ids: Value, rows: Value): Value => apply(SCATTER_ADD, [base, ids, rows], {});
/** Some elements of each row: x [..., N], integer ids [..., K] → [..., K]. */
export const takeAlong = (x: Value, ids: Value): Value => apply(TAKE_ALONG, [x, ids], {});
/** One element of each row: x [..., N], integer ids [...] → [...]. */
export const pick = (x: Value, ids: Value): Value => reshape(takeAlong(x, reshape(ids, [...ids.shape, 1])), ids.shape);
/**
 * The k largest elements of each row by falling value, ties by rising place: x [..., N] → values [..., k] and their
 * places, int64 [..., k]. Gradients flow through the values to the elements taken.
 */
export function topK(x: Value, k: number): { values: Value; indices: Value } {
  const indices = apply(TOP_K_INDICES, [x], { k });
  return { values: takeAlong(x, indices), indices };
}
