import { basename, dirname, join } from "node:path";
import { HeartcutError } from "../../errors.ts";
import { isMissing } from "../../formats/file_system.ts";
import { readJsonl } from "../../formats/jsonl.ts";
import { readLines } from "../../formats/lines.ts";
import { scanParquet } from "../../formats/parquet.ts";
import { shown } from "../../schema_words.ts";
import { readCsv } from "./csv.ts";
import type { TaskDocument } from "./prepared.ts";
import { Row } from "./row.ts";

/** No task has so many questions or examples: a file with more is not one of them, and would fill the memory. */
const MAX_ROWS = 2_000_000;

/**
 * The rows of a data file, in order: Parquet, CSV with a header, or JSONL, the latter two plain, gzip or zstd.
 * @param labels - field that the published files keep in `<name>-labels.lst`, read where it stands beside the file
 * @throws HeartcutError HC3504 for a file without rows, HC3506 for a row that is no object, HC3507 for too many rows,
 *   HC3508 if the labels do not fit, HC3509 at a damaged CSV record; those of the readers of src/formats
 */
export async function readRows(path: string, labels?: string): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const { doc, where } of documents(path)) {
    if (rows.length === MAX_ROWS) throw tooMany(path);
    rows.push(new Row(doc, where));
  }
  if (rows.length === 0) {
    throw new HeartcutError("HC3504", {
      what: "the data file has no rows",
      where: path,
      fix: "fetch the file again, or name another one",
    });
  }
  return labels === undefined ? rows : withLabels(rows, path, labels);
}

async function* documents(path: string): AsyncGenerator<{ doc: TaskDocument; where: string }> {
  if (/\.parquet$/i.test(path)) {
    let row = 0;
    const limits = { parquetRows: MAX_ROWS };
    for await (const doc of scanParquet<Record<string, unknown>>(path, { limits }))
      yield { doc, where: `${path}, row ${++row}` };
  } else if (/\.csv(\.gz|\.zst)?$/i.test(path)) {
    for await (const { line, values } of readCsv(path)) yield { doc: values, where: `${path}:${line}` };
  } else {
    for await (const { line, value } of readJsonl(path)) {
      const where = `${path}:${line}`;
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw notAnObject(value, where);
      yield { doc: value as TaskDocument, where };
    }
  }
}

/** The rows with the answers that stand in a file of their own; as they are where there is none. */
async function withLabels(rows: Row[], path: string, field: string): Promise<Row[]> {
  const file = join(dirname(path), `${basename(path).replace(/\.\w+(\.gz|\.zst)?$/i, "")}-labels.lst`);
  const answers: string[] = [];
  try {
    for await (const { text } of readLines(file)) if (text.trim() !== "") answers.push(text.trim());
  } catch (error) {
    if (isMissing(error)) return rows;
    throw error;
  }
  if (answers.length !== rows.length) {
    throw new HeartcutError("HC3508", {
      what: "the file of labels does not belong to the file of questions",
      where: file,
      found: `${answers.length} labels`,
      expected: `${rows.length}, one for each row of ${basename(path)}`,
      fix: "fetch both files again",
    });
  }
  return rows.map((row, i) => {
    if (row.has(field) && String(row.value(field)) !== answers[i])
      row.refuse(field, `${answers[i]}, as ${basename(file)} says`);
    return row.has(field) ? row : new Row({ ...row.doc, [field]: answers[i]! }, row.where);
  });
}

function notAnObject(value: unknown, where: string): HeartcutError {
  return new HeartcutError("HC3506", {
    what: "a row is no JSON object",
    where,
    found: shown(value),
    expected: 'one object with named fields a line, e.g. {"question": …}',
    fix: "mend the row, or fetch the file again",
  });
}

function tooMany(path: string): HeartcutError {
  return new HeartcutError("HC3507", {
    what: "the data file has more rows than a task can have",
    where: path,
    expected: `at most ${MAX_ROWS}`,
    why: "all questions are held in memory",
    fix: "name the file of the task, or cut it into parts",
  });
}
