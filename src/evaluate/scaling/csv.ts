import { closest } from "../../did_you_mean.ts";
import { HeartcutError, printable } from "../../errors.ts";
import { readLines } from "../../formats/lines.ts";
import { LAWS } from "./law.ts";
import type { ScalingLawName, ScalingPoint } from "./record.ts";

/** Points of one student as a CSV names them. */
export interface CsvSeries {
  /** Undefined where the file has no column `name`. */
  name: string | undefined;
  points: ScalingPoint[];
}

const NUMBERS = ["flops", "parameters", "tokens", "loss"] as const;
const COLUMNS = [...NUMBERS, "group", "name"] as const;
type Column = (typeof COLUMNS)[number];

/** More points than this are no loss curve. */
const MOST_ROWS = 20_000;
/** No row of numbers is longer. */
const LINE_BYTES = 64 * 1024;
const NUMBER = /^[+]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/**
 * Reads measured losses from a CSV file (plain, gzip or zstd) with a header: loss (nats per token) beside flops, or parameters
 * and tokens, or all three; group, where rows are points of curves (a seed each), else each row is a training of its own; name,
 * where the file holds several students. Blank lines are skipped; fields may stand in double quotes.
 * @param law - that the points are for: its inputs must be among the columns
 * @returns one series per name, in order of appearance
 * @throws HeartcutError HC3550 for a header, HC3551 for a row that cannot be read, HC3552 for no rows or too many; HC1004, HC1006, HC1050, HC1051
 */
export async function readScalingCsv(path: string, law: ScalingLawName): Promise<CsvSeries[]> {
  let columns: Column[] | undefined;
  let rows = 0;
  const series = new Map<string | undefined, ScalingPoint[]>();
  for await (const { number, text } of readLines(path, { limits: { jsonlLineBytes: LINE_BYTES } })) {
    if (text.trim() === "") continue;
    const where = `${path}:${number}`;
    const fields = fieldsOf(text, where);
    if (columns === undefined) {
      columns = columnsOf(fields, law, where);
      continue;
    }
    if (++rows > MOST_ROWS) throw wrongSize(path, `more than ${MOST_ROWS} rows`);
    const { name, point } = rowOf(fields, columns, where);
    const points = series.get(name) ?? [];
    points.push(point);
    series.set(name, points);
  }
  if (rows === 0) throw wrongSize(path, columns === undefined ? "an empty file" : "a header alone");
  return [...series].map(([name, points]) => ({ name, points }));
}

function columnsOf(fields: readonly string[], law: ScalingLawName, where: string): Column[] {
  const names = fields.map((field) => field.trim().toLowerCase());
  const refuse = (found: string, fix: string) =>
    new HeartcutError("HC3550", {
      what: "the header of the CSV is not one of scaling points",
      where,
      found: printable(found.slice(0, 200)),
      expected: `loss, and ${inputsOf(law)} for ${LAWS[law].formula}; if wanted group and name`,
      fix,
    });
  if (fields.length === 1 && /[;\t]/.test(fields[0]!))
    throw refuse(fields[0]!, "separate the fields with commas, and write decimals with a point");
  for (const [i, name] of names.entries()) {
    if (!COLUMNS.includes(name as Column)) {
      const meant = closest(name, COLUMNS);
      throw refuse(`column "${fields[i]}"`, meant === undefined ? "leave the column out" : `call it ${meant}`);
    }
    if (names.indexOf(name) < i) throw refuse(`column ${name} twice`, "keep one of them");
  }
  const has = (name: Column) => names.includes(name);
  if (!has("loss")) throw refuse(fields.join(","), "add a column loss");
  const fits = (one: ScalingLawName) => LAWS[one].terms.every(({ input }) => has(input));
  if (fits(law)) return names as Column[];
  const other = law === "compute" ? "size_and_data" : "compute";
  const others = fits(other) ? `fit --law ${other}` : `for --law ${other} ${inputsOf(other)}`;
  throw refuse(fields.join(","), `add ${inputsOf(law)}, or ${others}`);
}

function inputsOf(law: ScalingLawName): string {
  return LAWS[law].terms.map(({ input }) => input).join(" and ");
}

function rowOf(
  fields: readonly string[],
  columns: readonly Column[],
  where: string,
): { name: string | undefined; point: ScalingPoint } {
  const refuse = (what: string, found: string, expected: string) =>
    new HeartcutError("HC3551", {
      what,
      where,
      found: printable(found.slice(0, 80)),
      expected,
      fix: "correct or remove the row",
    });
  if (fields.length !== columns.length)
    throw refuse("the row has another number of fields than the header", `${fields.length}`, `${columns.length}`);
  const cell = (column: Column) => fields[columns.indexOf(column)]?.trim();
  const numbers = NUMBERS.flatMap((column) => {
    const text = cell(column);
    if (text === undefined) return [];
    const value = NUMBER.test(text) ? Number(text) : Number.NaN;
    if (!(value > 0 && value < Number.POSITIVE_INFINITY))
      throw refuse(`${column} is not a number above 0`, text === "" ? "nothing" : text, "a number such as 3.2e18");
    return [[column, value] as const];
  });
  for (const column of ["group", "name"] as const)
    if (cell(column) === "") throw refuse(`${column} is empty`, "nothing", "a word, or no such column");
  const group = cell("group");
  const point = { ...(Object.fromEntries(numbers) as Record<"loss", number>), ...(group !== undefined && { group }) };
  return { name: cell("name"), point };
}

/** Fields of one row by RFC 4180, but that none goes over the end of its line. */
function fieldsOf(text: string, where: string): string[] {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const found = field.exec(text);
    if (found === null)
      throw new HeartcutError("HC3551", {
        what: "a field has a quotation mark out of place",
        where,
        found: printable(text.slice(0, 80)),
        expected: 'fields without quotation marks, or wholly in them, with "" for one inside',
        fix: "correct the row",
      });
    fields.push(found[1]?.replaceAll('""', '"') ?? found[2]!);
    if (found[3] === "") return fields;
  }
}

function wrongSize(path: string, found: string): HeartcutError {
  return new HeartcutError("HC3552", {
    what: "the CSV holds no loss curve",
    where: path,
    found,
    expected: `from 1 to ${MOST_ROWS} rows below a header`,
    fix: "give one row per evaluation of a training, or per finished training",
  });
}
