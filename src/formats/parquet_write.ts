import type { SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { InternalError } from "../errors.ts";
import type { FileSystemOptions } from "./file_system.ts";
import { type Published, publishFile, type Sink } from "./publish.ts";

/** Column types that heartcut's records use, with the form of their values in memory. */
export interface ColumnValues {
  int32: Int32Array;
  /** Whole numbers up to 2^53. */
  int64: Float64Array;
  float: Float32Array;
  double: Float64Array;
  string: string[];
  "float[]": number[][];
  "double[]": number[][];
}

/** Name of a column type. */
export type ColumnType = keyof ColumnValues;

type Writable<K extends ColumnType> = K extends "string"
  ? readonly string[]
  : K extends "float[]" | "double[]"
    ? readonly ArrayLike<number>[]
    : ArrayLike<number>;

/** A column to write: every row has a value. */
export type ParquetColumn = { [K in ColumnType]: { name: string; type: K; data: Writable<K> } }[ColumnType];

/** Target number of values of one column in one row group: bounds what writer and readers hold at once. */
const VALUES_PER_GROUP = 4_000_000;
const ROWS_PER_GROUP = 100_000;

/**
 * Publishes columns of equal length as a Parquet file (Snappy). The bytes depend on the columns only.
 * @throws InternalError if lengths differ or a value does not fit its type
 */
export async function writeParquet(
  path: string,
  columns: readonly ParquetColumn[],
  options: FileSystemOptions = {},
): Promise<Published> {
  const schema: SchemaElement[] = [{ name: "root", num_children: columns.length }, ...columns.flatMap(schemaOf)];
  const columnData = columns.map((column) => ({ name: column.name, data: encode(column, path) }));
  const rowGroupSize = Math.min(ROWS_PER_GROUP, ...columns.map(rowsPerGroup));
  return publishFile(
    path,
    async (sink) => {
      const writer = new ParquetWriter({ writer: new SinkWriter(sink), schema, createdBy: "heartcut" });
      await writer.write({ columnData, rowGroupSize });
      await writer.finish();
    },
    options,
  );
}

/** Lets the library flush each row group to the file instead of holding all of it. */
class SinkWriter extends ByteWriter {
  constructor(private readonly sink: Sink) {
    super(1024 * 1024);
  }

  async flush(): Promise<void> {
    const bytes = this.getBytes();
    this.index = 0;
    await this.sink.write(bytes);
  }

  override finish(): Promise<void> {
    return this.flush();
  }
}

const PHYSICAL = {
  int32: "INT32",
  int64: "INT64",
  float: "FLOAT",
  double: "DOUBLE",
  "float[]": "FLOAT",
  "double[]": "DOUBLE",
} as const;

function schemaOf({ name, type }: ParquetColumn): SchemaElement[] {
  const repetition_type = "REQUIRED" as const;
  if (type === "string") return [{ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type }];
  if (type !== "float[]" && type !== "double[]") return [{ name, type: PHYSICAL[type], repetition_type }];
  return [
    { name, converted_type: "LIST", num_children: 1, repetition_type },
    { name: "list", num_children: 1, repetition_type: "REPEATED" },
    { name: "element", type: PHYSICAL[type], repetition_type },
  ];
}

function encode(column: ParquetColumn, path: string) {
  const fail = (i: number) => new InternalError(`${path}: row ${i} of column ${column.name} is no ${column.type}`);
  switch (column.type) {
    case "int32":
      return checked(column.data, Int32Array.from(column.data), fail);
    case "int64":
      return BigInt64Array.from(
        Array.from(column.data, (value, i) => {
          if (!Number.isSafeInteger(value)) throw fail(i);
          return BigInt(value);
        }),
      );
    case "float":
      return Float32Array.from(column.data);
    case "double":
      return Float64Array.from(column.data);
    case "string":
      return column.data.map((value, i) => {
        if (typeof value !== "string") throw fail(i);
        return value;
      });
    default:
      return column.data.map((list) => Array.from(list));
  }
}

function checked(values: ArrayLike<number>, encoded: Int32Array, fail: (i: number) => InternalError): Int32Array {
  for (let i = 0; i < encoded.length; i++) if (encoded[i] !== values[i]) throw fail(i);
  return encoded;
}

function rowsPerGroup({ type, data }: ParquetColumn): number {
  if (type !== "float[]" && type !== "double[]") return ROWS_PER_GROUP;
  let values = 0;
  for (const list of data) values += list.length;
  return Math.max(1, Math.floor((VALUES_PER_GROUP * data.length) / Math.max(1, values)));
}
