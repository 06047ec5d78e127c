import { dirname, join } from "node:path";
import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { isMissing } from "../formats/file_system.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { openManifest } from "../formats/manifest.ts";
import { readParquetColumns, writeParquet } from "../formats/parquet.ts";
import { type Published, sha256File } from "../formats/publish.ts";
import type { BitsPerByteSummary, ScoreUnit, TextBytesRow, TextBytesSummary } from "./bits_per_byte_record.ts";

/** Files of a folder of text bytes. */
export const TEXT_BYTES_TABLE = "text_bytes.parquet";
export const TEXT_BYTES_SUMMARY = "text_bytes.json";
/** Beside a scores.parquet that is not in nats per token. */
export const SCORES_SUMMARY = "scores.json";

const count = z.int().nonnegative();
const textBytesSchema = z.strictObject({
  corpus: z.string(),
  tokenizer: z.string(),
  mask: z.enum(["miniplm", "all"]),
  convertedFrom: z.string().nullable(),
  instances: count,
  scoredBytes: count,
  bytes: count,
}) satisfies z.ZodType<TextBytesSummary>;

/** The text of a folder of instances in bytes, read back. */
export interface TextBytesFolder {
  folder: string;
  summary: TextBytesSummary;
  /** In instance order, without gaps. */
  rows: TextBytesRow[];
}

const COLUMNS = {
  instance: "int32",
  origin: "int32",
  first_document: "string",
  last_document: "string",
  tokens: "int32",
  scored_bytes: "int32",
  bytes: "int32",
  text_sha256: "string",
} as const;

/** Publishes text_bytes.parquet. */
export function writeTextBytesRows(folder: string, rows: readonly TextBytesRow[]): Promise<Published> {
  return writeParquet(join(folder, TEXT_BYTES_TABLE), [
    { name: "instance", type: COLUMNS.instance, data: rows.map((r) => r.instance) },
    { name: "origin", type: COLUMNS.origin, data: rows.map((r) => r.origin) },
    { name: "first_document", type: COLUMNS.first_document, data: rows.map((r) => r.first_document) },
    { name: "last_document", type: COLUMNS.last_document, data: rows.map((r) => r.last_document) },
    { name: "tokens", type: COLUMNS.tokens, data: rows.map((r) => r.tokens) },
    { name: "scored_bytes", type: COLUMNS.scored_bytes, data: rows.map((r) => r.scored_bytes) },
    { name: "bytes", type: COLUMNS.bytes, data: rows.map((r) => r.bytes) },
    { name: "text_sha256", type: COLUMNS.text_sha256, data: rows.map((r) => r.text_sha256) },
  ]);
}

/** Reads a folder of text bytes. @throws HeartcutError HC3010 if it is not complete and intact */
export async function readTextBytes(folder: string): Promise<TextBytesFolder> {
  const manifest = await openManifest(folder);
  for (const name of [TEXT_BYTES_SUMMARY, TEXT_BYTES_TABLE]) {
    if (await manifest.isIntact(name, { deep: true })) continue;
    throw new HeartcutError("HC3010", {
      what: "the bytes of these instances are not counted, or the count is damaged",
      where: join(folder, name),
      fix: "count them again (countTextBytes)",
    });
  }
  const summary = textBytesSchema.parse(await readJsonFile(join(folder, TEXT_BYTES_SUMMARY)));
  const columns = await readParquetColumns(join(folder, TEXT_BYTES_TABLE), COLUMNS);
  const rows = Array.from(columns.instance, (instance, i) => ({
    instance,
    origin: columns.origin[i]!,
    first_document: columns.first_document[i]!,
    last_document: columns.last_document[i]!,
    tokens: columns.tokens[i]!,
    scored_bytes: columns.scored_bytes[i]!,
    bytes: columns.bytes[i]!,
    text_sha256: columns.text_sha256[i]!,
  }));
  return { folder, summary, rows };
}

const side = z.strictObject({
  model: z.string(),
  tokenizer: z.string(),
  matchedBy: z.enum(["instance", "conversion", "document"]),
});
const bitsPerByteSchema = z.strictObject({
  unit: z.literal("bits_per_byte"),
  scores: z.string(),
  teacher: side,
  reference: side,
  instances: count,
  compared: count,
  excluded: z.strictObject({ differentText: count, missing: count, unscored: count }),
}) satisfies z.ZodType<BitsPerByteSummary>;

/** The record beside a scores.parquet in bits per byte; undefined where there is none, or one of an earlier scores.parquet. */
export async function readBitsPerByteSummary(scores: string): Promise<BitsPerByteSummary | undefined> {
  try {
    const summary = bitsPerByteSchema.parse(await readJsonFile(join(dirname(scores), SCORES_SUMMARY)));
    return summary.scores === (await sha256File(scores)).sha256 ? summary : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Unit of the scores in a scores.parquet: nats per token unless scores.json beside it says otherwise. */
export async function scoreUnit(scores: string): Promise<ScoreUnit> {
  return (await readBitsPerByteSummary(scores))?.unit ?? "nats_per_token";
}
