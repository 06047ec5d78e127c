import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetScan,
  parquetSchema,
  type SchemaTree,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { HeartcutError } from "../errors.ts";
import { guarded, nodeFileSystem, readFully } from "./file_system.ts";
import { type Limits, withLimits } from "./limits.ts";
import type { ColumnType, ColumnValues } from "./parquet_write.ts";
import { isCompactStruct } from "./thrift_check.ts";

export { type ColumnType, type ParquetColumn, writeParquet } from "./parquet_write.ts";

/**
 * All rows of a Parquet file as objects; 64-bit integers come as numbers. The type argument is the caller's word.
 * @throws HeartcutError HC1040 (damaged), HC1006 (more rows than limits.parquetRows), HC1004 (missing)
 */
export async function readParquet<T extends object>(
  path: string,
  options: { limits?: Partial<Limits> } = {},
): Promise<T[]> {
  const rows: T[] = [];
  for await (const row of scanParquet<T>(path, options)) rows.push(row);
  return rows;
}

/**
 * The rows of a Parquet file one after the other, holding one row group at a time.
 * @param options.columns - names to read; all where not given
 * @throws HeartcutError as readParquet; HC1041 if a column is missing
 */
export async function* scanParquet<T extends object>(
  path: string,
  options: { columns?: readonly string[]; limits?: Partial<Limits> } = {},
): AsyncGenerator<T> {
  const file = await ParquetFile.open(path, withLimits(options.limits));
  try {
    const names = options.columns ?? file.names;
    file.requireColumns(names);
    for await (const { columns, rows } of file.groups(names)) {
      for (let i = 0; i < rows; i++)
        yield Object.fromEntries(names.map((name, k) => [name, toNumber(columns[k]![i], path)])) as T;
    }
  } finally {
    await file.close();
  }
}

/**
 * Some columns of a Parquet file, numbers as typed arrays.
 * @param wanted - type by column name; int64 and double also take the narrower types
 * @throws HeartcutError as readParquet; HC1041 if a column is missing, of another type, or has an empty value
 */
export async function readParquetColumns<T extends Record<string, ColumnType>>(
  path: string,
  wanted: T,
  options: { limits?: Partial<Limits> } = {},
): Promise<{ [K in keyof T]: ColumnValues[T[K]] }> {
  const file = await ParquetFile.open(path, withLimits(options.limits));
  try {
    const names = Object.keys(wanted);
    file.requireColumns(names, wanted);
    const result: Record<string, ColumnValues[ColumnType]> = {};
    for (const name of names) result[name] = allocate(wanted[name]!, file.rows);
    let start = 0;
    for await (const { columns, rows } of file.groups(names)) {
      for (const [k, name] of names.entries()) {
        const into = result[name]!;
        const values = columns[k]!;
        for (let i = 0; i < rows; i++) {
          const value = toNumber(values[i], path);
          if (value === null || value === undefined)
            throw mismatch(path, `an empty value in row ${start + i} of ${name}`, `a ${wanted[name]} in every row`);
          into[start + i] = value as never;
        }
      }
      start += rows;
    }
    return result as { [K in keyof T]: ColumnValues[T[K]] };
  } finally {
    await file.close();
  }
}

/** Names and types of the columns of a Parquet file; a type that heartcut does not write is given in Parquet's own words. */
export async function parquetColumns(
  path: string,
  options: { limits?: Partial<Limits> } = {},
): Promise<Map<string, string>> {
  const file = await ParquetFile.open(path, withLimits(options.limits));
  await file.close();
  return file.types;
}

/** An open file with its footer read; every failure of the library becomes a HeartcutError that names the file. */
class ParquetFile {
  readonly names: string[];
  readonly types: Map<string, string>;
  readonly rows: number;

  private constructor(
    private readonly path: string,
    private readonly buffer: AsyncBuffer,
    private readonly metadata: FileMetaData,
    readonly close: () => Promise<void>,
  ) {
    const { children } = parquetSchema(metadata);
    this.types = new Map(children.map((child) => [child.element.name, typeOf(child)]));
    this.names = [...this.types.keys()];
    this.rows = Number(metadata.num_rows);
  }

  static async open(path: string, limits: Limits): Promise<ParquetFile> {
    const handle = await guarded(path, "nothing was changed", () => nodeFileSystem.open(path, "r"));
    const close = () => handle.close();
    try {
      const { size } = await guarded(path, "nothing was changed", () => handle.stat());
      const read = async (start: number, end = size): Promise<ArrayBuffer> => {
        if (!(start >= 0 && end >= start && end <= size)) throw new RangeError(`bytes ${start} to ${end} of ${size}`);
        const bytes = new Uint8Array(end - start);
        await guarded(path, "nothing was changed", () => readFully(handle, bytes, start));
        return bytes.buffer;
      };
      const slice = (start: number, end?: number): Promise<ArrayBuffer> => {
        const bytes = read(start, end);
        // On damaged files the library may drop a read it has begun; a rejection nobody awaits would end the process.
        bytes.catch(() => {});
        return bytes;
      };
      const tail = new DataView(await slice(Math.max(0, size - 8)));
      if (size >= 12 && tail.getUint32(0, true) > limits.parquetFooterBytes)
        throw tooLarge(path, "footer bytes", tail.getUint32(0, true), limits.parquetFooterBytes);
      const footer = tail.byteLength === 8 ? tail.getUint32(0, true) : 0;
      if (size >= footer + 12 && !isCompactStruct(new Uint8Array(await slice(size - 8 - footer, size - 8))))
        throw damaged(path, "a footer that is no Thrift struct");
      const buffer: AsyncBuffer = { byteLength: size, slice };
      // The library's pass over geometry columns never ends on a schema with a negative number of children.
      const metadata = await parsed(path, () => parquetMetadataAsync(buffer, { geoparquet: false }));
      if (metadata.num_rows > limits.parquetRows)
        throw tooLarge(path, "rows", Number(metadata.num_rows), limits.parquetRows);
      return await parsed(path, async () => new ParquetFile(path, buffer, metadata, close));
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** @throws HeartcutError HC1041 if a column is missing or, where types are given, is of another type */
  requireColumns(names: readonly string[], types?: Readonly<Record<string, ColumnType>>): void {
    const found = [...this.types].map(([name, type]) => `${name} (${type})`).join(", ");
    for (const name of names) {
      const type = this.types.get(name);
      if (type === undefined) throw mismatch(this.path, found, `a column ${name}`);
      const wanted = types?.[name];
      if (wanted !== undefined && !ACCEPTED[wanted].includes(type))
        throw mismatch(this.path, found, `${name} of type ${wanted}`);
    }
  }

  /** The values of the columns, row group by row group; together exactly the rows that the footer announces. */
  async *groups(names: readonly string[]): AsyncGenerator<{ columns: ArrayLike<unknown>[]; rows: number }> {
    const { path, metadata, buffer } = this;
    const scan = await parsed(path, () => parquetScan({ file: buffer, metadata, columns: [...names], compressors }));
    let total = 0;
    for (const { rowStart, rowEnd } of scan.ranges) {
      const rows = rowEnd - rowStart;
      const columns = await parsed(path, () =>
        Promise.all(names.map((column) => scan.readColumn({ column, rowStart, rowEnd }))),
      );
      for (const [k, column] of columns.entries())
        if (column.length !== rows)
          throw damaged(path, `${column.length} values of ${names[k]} in a group of ${rows} rows`);
      total += rows;
      yield { columns, rows };
    }
    if (total !== this.rows) throw damaged(path, `${total} rows in row groups, ${this.rows} in the footer`);
  }
}

/** Annotated types of other writers whose values fit one of ours. */
const CONVERTED: Record<string, ColumnType> = {
  UTF8: "string",
  STRING: "string",
  INT_8: "int32",
  INT_16: "int32",
  INT_32: "int32",
  UINT_8: "int32",
  UINT_16: "int32",
  UINT_32: "int64",
  INT_64: "int64",
};

const ACCEPTED: Record<ColumnType, string[]> = {
  int32: ["int32"],
  int64: ["int64", "int32"],
  float: ["float"],
  double: ["double", "float"],
  string: ["string"],
  "float[]": ["float[]"],
  "double[]": ["double[]", "float[]"],
};

function typeOf({ element, children }: SchemaTree): string {
  const leaf = children[0]?.children[0];
  if (element.converted_type === "LIST" && leaf !== undefined && leaf.children.length === 0) return `${typeOf(leaf)}[]`;
  if (children.length > 0 || element.type === undefined) return "nested";
  const kind = element.converted_type ?? element.logical_type?.type;
  if (kind === undefined) return element.type.toLowerCase();
  return CONVERTED[kind] ?? kind.toLowerCase();
}

function allocate(type: ColumnType, rows: number): ColumnValues[ColumnType] {
  if (type === "int32") return new Int32Array(rows);
  if (type === "float") return new Float32Array(rows);
  if (type === "int64" || type === "double") return new Float64Array(rows);
  return [];
}

/** 64-bit integers as numbers, which hold them exactly up to 2^53. */
function toNumber(value: unknown, path: string): unknown {
  if (typeof value !== "bigint") return value;
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw mismatch(path, `the integer ${value}`, "integers up to 2^53");
  return number;
}

async function parsed<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof HeartcutError) throw error;
    throw damaged(path, error instanceof Error ? error.message : String(error), error);
  }
}

function damaged(path: string, found: string, cause?: unknown): HeartcutError {
  return new HeartcutError(
    "HC1040",
    { what: "not a readable Parquet file", where: path, found, fix: "make or fetch the file again" },
    { cause },
  );
}

function mismatch(path: string, found: string, expected: string): HeartcutError {
  return new HeartcutError("HC1041", {
    what: "the columns of the Parquet file are not those needed",
    where: path,
    found,
    expected,
    fix: "check that this is the right file, written by this version",
  });
}

function tooLarge(path: string, what: string, found: number, limit: number): HeartcutError {
  return new HeartcutError("HC1006", {
    what: `Parquet file over its limit on ${what}`,
    where: path,
    found: String(found),
    expected: `at most ${limit}`,
    fix: "split the file, or raise the limit",
  });
}
