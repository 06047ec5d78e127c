import { join } from "node:path";
import { z } from "zod";
import { isMissing } from "../formats/file_system.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { readParquetColumns, writeParquet } from "../formats/parquet.ts";
import type { Published } from "../formats/publish.ts";
import type { ConvertRow, ConvertSummary } from "./convert_record.ts";

/** Names of the records beside the converted instances. */
export const CONVERT_SUMMARY = "convert.json";
export const CONVERT_TABLE = "convert.parquet";

const count = z.int().nonnegative();
const marks = { fingerprint: z.string(), eos: count, bos: count.nullable() };
const summarySchema = z.strictObject({
  source: z.strictObject({ fingerprint: z.string(), instances: count, tokens: count, madeBy: z.string().nullable() }),
  from: z.strictObject(marks),
  tokenizer: z.strictObject({ ...marks, vocabSize: count }),
  options: z.strictObject({ contextLength: count, overflow: z.enum(["drop", "carry"]), parseSpecials: z.boolean() }),
  instances: count,
  tokens: count,
  maxTokens: count,
  documents: count,
  alteredDocuments: count,
  truncatedInstances: count,
  lostTokens: count,
  splitInstances: count,
  unscoredInstances: count,
}) satisfies z.ZodType<ConvertSummary>;

/** Reads convert.json; undefined for instances that were not converted. */
export async function readConvertSummary(folder: string): Promise<ConvertSummary | undefined> {
  const json = await jsonOrAbsent(join(folder, CONVERT_SUMMARY));
  return json === undefined ? undefined : summarySchema.parse(json);
}

const COLUMNS = {
  instance: "int32",
  origin: "int32",
  piece: "int32",
  lost_tokens: "int32",
  documents: "int32",
  altered_documents: "int32",
} as const;
const NAMES = Object.keys(COLUMNS) as (keyof ConvertRow)[];

/** Publishes convert.parquet. */
export function writeConvertRows(folder: string, rows: readonly ConvertRow[]): Promise<Published> {
  const columns = NAMES.map((name) => ({ name, type: COLUMNS[name], data: rows.map((row) => row[name]) }));
  return writeParquet(join(folder, CONVERT_TABLE), columns);
}

/** Reads convert.parquet. @throws HeartcutError HC1041 if a column is missing or of another type */
export async function readConvertRows(folder: string): Promise<ConvertRow[]> {
  const columns = await readParquetColumns(join(folder, CONVERT_TABLE), COLUMNS);
  return Array.from(columns.instance, (_, i) =>
    NAMES.reduce((row, name) => Object.assign(row, { [name]: columns[name][i]! }), {} as ConvertRow),
  );
}

const madeBySchema = z.object({ tokenizer: z.object({ fingerprint: z.string(), bos: z.int().nullable() }) });

/** The tokenizer that a folder of instances says it was made with (pack.json or convert.json), and the BOS in front of its
 * instances; undefined for instances that say nothing, such as those of a selection. */
export async function tokenizerOfInstances(
  folder: string,
): Promise<{ fingerprint: string; bos: number | null } | undefined> {
  for (const name of ["pack.json", CONVERT_SUMMARY]) {
    const parsed = madeBySchema.safeParse(await jsonOrAbsent(join(folder, name)));
    if (parsed.success) return parsed.data.tokenizer;
  }
  return undefined;
}

async function jsonOrAbsent(path: string): Promise<unknown> {
  try {
    return await readJsonFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
