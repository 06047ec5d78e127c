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

/** One element of each row: x [..., N], ids [...] → [...]. */
const PICK: OpDeclaration<NoAttributes, 2> = {
  name: "pick",
  infer: ([x, ids]) => {
    if (!isIndex(ids) || !sameShape(ids.shape, x.shape.slice(0, -1)))
      throw new ShapeError(`pick: expected one integer id per row, got ${formatType(x)} and ${formatType(ids)}`);
    return { dtype: x.dtype, shape: ids.shape };
  },
  emit: (onnx, [x, ids], _attributes, [xType, idsType]) => {
    const column = onnx.node("Reshape", [ids, onnx.int64s([...idsType.shape, 1])]);
    const picked = onnx.node("GatherElements", [x, column], { axis: { int: xType.shape.length - 1 } });
    return onnx.node("Reshape", [picked, onnx.int64s(idsType.shape)]);
  },
  vjp: (ct, [x, ids]) => {
    const width = x.shape.at(-1)!;
    const rows = ids.shape.reduce((n, m) => n * m, 1);
    const starts = int64s(Array.from({ length: rows }, (_, i) => i * width));
    const flat = add(cast(reshape(ids, [rows]), "int64"), starts);
    return [reshape(scatterAdd(zeros(ct.dtype, [rows * width]), flat, reshape(ct, [rows])), x.shape), null];
  },
};

export const INDEXING = { gather: GATHER, scatterAdd: SCATTER_ADD, pick: PICK };

export const gather = (table: Value, ids: Value): Value => apply(GATHER, [table, ids], {});
export const scatterAdd = (base: Value, ids: Value, rows: Value): Value => apply(SCATTER_ADD, [base, ids, rows], {});
export const pick = (x: Value, ids: Value): Value => apply(PICK, [x, ids], {});
