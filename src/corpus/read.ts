import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { HeartcutError, printable } from "../errors.ts";
import { type Line, readLines } from "../formats/lines.ts";
import { sha256File } from "../formats/publish.ts";
import { fieldOf, missingColumn, topColumn } from "./columns.ts";
import { parquetColumns, readParquetRows } from "./duckdb.ts";
import { type CorpusFile, type CorpusFormat, findFiles, type NamedPath } from "./files.ts";
import { compileFilter, type Filter } from "./filter.ts";
import type { Document } from "./record.ts";

export type { NamedPath } from "./files.ts";
export type { Filter } from "./filter.ts";

/** Where raw text lies and which columns mean what. Columns may be nested: `meta.pile_set_name`. */
export interface CorpusSpec {
  /** Files, folders or patterns (`*`, `?`, `**`). */
  path: string | readonly (string | NamedPath)[];
  /** Default auto: by the file's name. */
  format?: "auto" | CorpusFormat;
  /** Column of the text. Default "text". */
  text?: string;
  /** Column of the document's id. Default: `<file>:<row>`, rows counted from 1. */
  id?: string;
  /** Column of the domain, or one domain for all. Default: the file's folder for text files, else "unknown". */
  source?: string | { constant: string };
  /** Further columns to carry. */
  tags?: string[];
  /** What to do with a row that is no JSON object or has no text. Default error. */
  onBadRow?: "error" | "skip";
}

/** What was read so far. */
export interface ReadCounts {
  rows: number;
  /** Documents handed out. */
  documents: number;
  /** UTF-8 bytes of the documents handed out. */
  bytes: number;
  /** Rows with nothing but white space. */
  empty: number;
  /** Rows skipped by onBadRow: "skip". */
  bad: number;
  /** Documents the filter left out. */
  filteredOut: number;
}

export interface DocumentStream extends AsyncIterable<Document> {
  /** Grows while the stream is read. */
  readonly counts: Readonly<ReadCounts>;
}

/** Documents of at most this size are read from .txt and .md files. */
const MAX_TEXT_FILE = 256 * 1024 * 1024;

/**
 * Reads a corpus row by row, in the order of its files, without holding more than a few thousand rows.
 * @throws HeartcutError HC2010 no file, HC2011 missing column, HC2012 malformed row or file, HC2013 unknown format,
 * HC2014 wrong filter; those of readLines
 */
export function readDocuments(spec: CorpusSpec, filter?: Filter): DocumentStream {
  const counts: ReadCounts = { rows: 0, documents: 0, bytes: 0, empty: 0, bad: 0, filteredOut: 0 };
  const wanted = filter === undefined ? () => true : compileFilter(filter, spec.tags ?? []);
  async function* documents(): AsyncGenerator<Document> {
    for (const file of await findFiles(toList(spec.path), spec.format ?? "auto")) {
      let row = 0;
      for await (const fields of rowsOf(file, spec)) {
        row++;
        if (fields === undefined) continue;
        counts.rows++;
        const document = fields instanceof HeartcutError ? fields : toDocument(fields, spec, file, row);
        if (document instanceof HeartcutError) {
          if ((spec.onBadRow ?? "error") === "error") throw document;
          counts.bad++;
        } else if (document.text.trim() === "") counts.empty++;
        else if (!wanted(document)) counts.filteredOut++;
        else {
          counts.documents++;
          counts.bytes += Buffer.byteLength(document.text, "utf8");
          yield document;
        }
      }
    }
  }
  return { counts, [Symbol.asyncIterator]: documents };
}

/** Name, size and sha256 of every file of a corpus, in reading order: what a fingerprint of its content needs. */
export async function describeCorpus(spec: CorpusSpec): Promise<{ name: string; bytes: number; sha256: string }[]> {
  const files = await findFiles(toList(spec.path), spec.format ?? "auto");
  const described = [];
  for (const { path, name } of files) described.push({ name, ...(await sha256File(path)) });
  return described;
}

type Fields = Record<string, unknown>;

/** Rows of one file: undefined for an empty line, an error for a malformed one. Columns are checked before the first row is given. */
async function* rowsOf(file: CorpusFile, spec: CorpusSpec): AsyncGenerator<Fields | HeartcutError | undefined> {
  if (file.format === "text") yield await readTextFile(file);
  else if (file.format === "jsonl") yield* checkedFirst(jsonRows(file), file, spec);
  else {
    const present = await parquetColumns(file.path, file.name);
    const columns = columnsOf(spec).map((column) => topColumn(column, present) ?? column);
    const missing = columns.find((column) => !present.includes(column));
    if (missing !== undefined) throw missingColumn(file.name, missing, present, "in this file");
    yield* readParquetRows(file.path, file.name, [...new Set(columns)]);
  }
}

async function* jsonRows({ path, name }: CorpusFile): AsyncGenerator<Fields | HeartcutError | undefined> {
  for await (const line of readLines(path, { name, notUtf8: "mark" })) yield parseRow(line, `${name}:${line.number}`);
}

function parseRow({ text, utf8 }: Line, where: string): Fields | HeartcutError | undefined {
  if (text.trim() === "") return undefined;
  if (!utf8) return malformedRow(where, printable(text.slice(0, 80)));
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
    return malformedRow(where, printable(text.slice(0, 80)));
  } catch (error) {
    return malformedRow(where, printable((error as Error).message).slice(0, 200));
  }
}

function malformedRow(where: string, found: string): HeartcutError {
  return new HeartcutError("HC2012", {
    what: "malformed row",
    where,
    found,
    expected: "one JSON object per line, in UTF-8",
    fix: "mend or remove the line, or set onBadRow: skip",
  });
}

/** JSONL names no columns: those of the first 100 rows together count as the file's. */
async function* checkedFirst(
  rows: AsyncGenerator<Fields | HeartcutError | undefined>,
  file: CorpusFile,
  spec: CorpusSpec,
): AsyncGenerator<Fields | HeartcutError | undefined> {
  const first: (Fields | HeartcutError | undefined)[] = [];
  const present = new Set<string>();
  const check = () => {
    const missing = columnsOf(spec).find((column) => topColumn(column, [...present]) === undefined);
    if (missing !== undefined && present.size > 0)
      throw missingColumn(file.name, missing, [...present], "in the first 100 rows");
  };
  let checked = false;
  for await (const row of rows) {
    if (checked) {
      yield row;
      continue;
    }
    first.push(row);
    if (row !== undefined && !(row instanceof HeartcutError)) for (const key of Object.keys(row)) present.add(key);
    if (first.length === 100) {
      check();
      checked = true;
      yield* first;
    }
  }
  if (!checked) {
    check();
    yield* first;
  }
}

async function readTextFile({ path, name, folder }: CorpusFile): Promise<Fields> {
  const tooLong = {
    what: "a text file is too long to be one document",
    where: name,
    expected: `at most ${MAX_TEXT_FILE} bytes`,
  };
  let bytes: Buffer = await readFile(path);
  if (/\.gz$/i.test(path)) {
    bytes = await promisify(gunzip)(bytes, { maxOutputLength: MAX_TEXT_FILE }).catch((error: Error) => {
      throw new HeartcutError("HC2012", { what: "a text file cannot be unpacked", where: name, found: error.message });
    });
  }
  if (bytes.length > MAX_TEXT_FILE) throw new HeartcutError("HC2012", tooLong);
  return { text: new TextDecoder().decode(bytes), source: folder, id: name };
}

function columnsOf(spec: CorpusSpec): string[] {
  const columns = [spec.text ?? "text", ...(spec.tags ?? [])];
  if (spec.id !== undefined) columns.push(spec.id);
  if (typeof spec.source === "string") columns.push(spec.source);
  return columns;
}

function toDocument(fields: Fields, spec: CorpusSpec, file: CorpusFile, row: number): Document | HeartcutError {
  const where = `${file.name}:${row}`;
  const isText = file.format === "text";
  const textColumn = isText ? "text" : (spec.text ?? "text");
  const text = fieldOf(fields, textColumn);
  const bad = (column: string, value: unknown, expected: string) =>
    new HeartcutError("HC2012", {
      what: "malformed row",
      where,
      found: `${column} = ${printable(JSON.stringify(value, (_, v) => (typeof v === "bigint" ? String(v) : v)) ?? "nothing").slice(0, 80)}`,
      expected,
      fix: "mend or remove the row, or set onBadRow: skip",
    });
  if (typeof text !== "string") return bad(textColumn, text, "a string");
  let id = where;
  if (isText) id = file.name;
  else if (spec.id !== undefined) {
    const named = asName(fieldOf(fields, spec.id));
    if (named === undefined) return bad(spec.id, fieldOf(fields, spec.id), "a string or number");
    id = named;
  }
  let source: string | undefined;
  if (typeof spec.source === "object") source = spec.source.constant;
  else if (isText) source = fields.source as string;
  else if (spec.source !== undefined) source = asName(fieldOf(fields, spec.source));
  const tags: Record<string, string> = {};
  for (const tag of isText ? [] : (spec.tags ?? [])) {
    const value = asName(fieldOf(fields, tag));
    if (value !== undefined) tags[tag] = value;
  }
  return { id, text, source: source ?? "unknown", tags };
}

function asName(value: unknown): string | undefined {
  if (typeof value === "string") return value === "" ? undefined : value;
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
    ? String(value)
    : undefined;
}

function toList(path: CorpusSpec["path"]): readonly (string | NamedPath)[] {
  return typeof path === "string" ? [path] : path;
}
