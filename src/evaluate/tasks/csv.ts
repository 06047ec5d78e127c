import { HeartcutError, printable } from "../../errors.ts";
import { readLines } from "../../formats/lines.ts";
import { shown } from "../../schema_words.ts";

/** A record of a CSV file under the names of its header. */
export interface CsvRecord {
  /** Line on which it begins, from 1. */
  readonly line: number;
  readonly values: Readonly<Record<string, string>>;
}

/** Longest record, in characters: a quote that is never closed would take in the whole file. */
const MAX_RECORD = 1 << 20;

/**
 * The records of a comma-separated file with a header, plain, gzip or zstd. Quoted values may hold commas, quotes (doubled)
 * and line breaks; blank lines are skipped.
 * @throws HeartcutError HC3509 naming the line of a broken record; those of readLines   Source: RFC 4180
 */
export async function* readCsv(path: string): AsyncGenerator<CsvRecord> {
  let header: readonly string[] | undefined;
  let pending = "";
  let line = 0;
  for await (const { number, text } of readLines(path)) {
    if (pending === "") {
      if (text.trim() === "") continue;
      line = number;
    }
    const record = pending === "" ? text : `${pending}\n${text}`;
    if (record.length > MAX_RECORD) throw broken(path, line, record, "a quoted value that ends");
    // An odd number of quotes: a quoted value goes on behind the line break.
    if ((record.split('"').length - 1) % 2 === 1) {
      pending = record;
      continue;
    }
    pending = "";
    const values = valuesOf(record, path, line);
    if (header === undefined) {
      header = values;
      const twice = header.find((name, i) => header!.indexOf(name) < i);
      if (twice !== undefined) throw broken(path, line, twice, "a header with each name once");
      continue;
    }
    if (values.length !== header.length)
      throw broken(path, line, `${values.length} values`, `${header.length} values, as the header has`);
    yield { line, values: Object.fromEntries(header.map((name, i) => [name, values[i]!])) };
  }
  if (pending !== "") throw broken(path, line, pending, "a quoted value that ends");
}

function valuesOf(record: string, path: string, line: number): string[] {
  const values: string[] = [];
  const value = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = value.exec(record);
    if (match === null) throw broken(path, line, record, 'quotes around a whole value, "" for a quote in it');
    values.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === "") return values;
  }
}

function broken(path: string, line: number, found: string, expected: string): HeartcutError {
  return new HeartcutError("HC3509", {
    what: "the record is not valid CSV",
    where: `${path}:${line}`,
    found: printable(shown(found)),
    expected,
    fix: "mend the line, or fetch the file again",
  });
}
