import { createReadStream } from "node:fs";
import { promisify } from "node:util";
import { constants, gunzip } from "node:zlib";
import { asyncBufferFromFile, parquetMetadataAsync } from "hyparquet";
import type { CorpusFile } from "../../corpus/files.ts";
import { type CorpusSpec, readDocuments } from "../../corpus/read.ts";
import type { Document } from "../../corpus/record.ts";
import { readLines } from "../../formats/lines.ts";

/** Some of a file's text, and what all of it is likely to be. */
export interface FileSample {
  readonly documents: readonly Document[];
  /** Bytes of all text of the file: counted where `whole`, else scaled up. */
  readonly textBytes: number;
  readonly whole: boolean;
}

/** Bytes of a packed file that are unpacked to see how much larger it gets. */
const HEAD_BYTES = 2 ** 20;

/**
 * Reads the first documents of a corpus file, up to some bytes of text.
 * @param size - of the file, in bytes   @throws HeartcutError as readDocuments
 */
export async function sampleFile(
  spec: CorpusSpec,
  { path, format }: Pick<CorpusFile, "path" | "format">,
  size: number,
  quota: number,
): Promise<FileSample> {
  const documents: Document[] = [];
  const stream = readDocuments({ ...spec, path, format });
  let whole = true;
  for await (const document of stream) {
    documents.push(document);
    if (stream.counts.bytes < quota) continue;
    whole = false;
    break;
  }
  const { bytes, rows } = stream.counts;
  if (whole || format === "text") return { documents, textBytes: bytes, whole: true };
  const part = format === "parquet" ? await shareOfRows(path, rows) : await shareOfLines(path, rows, size);
  return { documents, textBytes: Math.round(bytes / Math.min(1, part)), whole: false };
}

/** Share of a Parquet file's rows. */
async function shareOfRows(path: string, rows: number): Promise<number> {
  const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path));
  return rows / Math.max(rows, Number(metadata.num_rows));
}

/** Share of the bytes of a file of lines that its first `rows` rows take. */
async function shareOfLines(path: string, rows: number, size: number): Promise<number> {
  let [seen, end] = [0, 0];
  for await (const line of readLines(path, { notUtf8: "mark" })) {
    if (line.text.trim() !== "") seen++;
    ({ end } = line);
    if (seen === rows) break;
  }
  return end / (size * (await growth(path, size)));
}

/** Bytes that one byte of a file unpacks to: 1 where it is not packed. */
async function growth(path: string, size: number): Promise<number> {
  const head = await headOf(path, Math.min(size, HEAD_BYTES));
  if (head.readUInt16BE() === 0x1f8b) {
    // The end is missing, and that is meant.
    const unpacked = await promisify(gunzip)(head, { finishFlush: constants.Z_SYNC_FLUSH });
    return unpacked.length / head.length;
  }
  if (head.length < 4 || head.readUInt32LE() !== 0xfd2fb528) return 1;
  const { Decompress } = await import("fzstd");
  let unpacked = 0;
  const decompress = new Decompress((chunk) => {
    unpacked += chunk.length;
  });
  decompress.push(head, false);
  return unpacked / head.length;
}

async function headOf(path: string, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of createReadStream(path, { end: bytes - 1 })) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
