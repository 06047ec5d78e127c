import { visibleLine } from "../visible.ts";
import { type Cell, type Column, isNumeric, type Table } from "./table.ts";

/** What stands behind a figure with an interval, each in a column of its own. */
const DETAILS = ["low", "high", "over", "stderr", "seeds", "p"] as const;

/**
 * A table as CSV (RFC 4180): one value per column, unrounded, shares as shares; ends of 95 % intervals and what
 * they are over, standard errors, seeds and adjusted p beside their figures. No text can be read as a formula.
 */
export function csvOf({ columns, rows }: Table): string {
  const header = ["group", ...columns.flatMap(headerFields)].map(textField);
  const body = rows.map(({ group, cells }) => [
    textField(group),
    ...cells.flatMap((cell, c) => cellFields(cell, columns[c]!)),
  ]);
  return [header, ...body].map((fields) => `${fields.join(",")}\r\n`).join("");
}

function headerFields(column: Column): string[] {
  const hasInterval = isNumeric(column) && column.interval !== undefined;
  return [column.key, ...(hasInterval ? DETAILS.map((detail) => `${column.key}_${detail}`) : [])];
}

function cellFields(cell: Cell, column: Column): string[] {
  if (!isNumeric(column)) return [cell === null ? "" : textField(String(cell))];
  const figure = cell === null || typeof cell === "string" ? undefined : cell;
  const value = cell !== null && typeof cell === "string" ? textField(cell) : numberField(figure?.value);
  if (column.interval === undefined) return [value];
  const [low, high] = figure?.interval ?? [];
  const [stderr, seeds, p] = [figure?.stderr, figure?.seeds, figure?.p].map(numberField);
  return [value, numberField(low), numberField(high), textField(figure?.over ?? ""), stderr!, seeds!, p!];
}

function numberField(value: number | undefined): string {
  return value === undefined ? "" : String(value);
}

/** Spreadsheets take text that starts with one of these for a formula. */
const FORMULA = /^[=+\-@\uff0b\uff0d\uff1d\uff20]/;

function textField(text: string): string {
  const line = visibleLine(text);
  const safe = FORMULA.test(line) ? `'${line}` : line;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
