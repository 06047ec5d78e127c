import { powerOfTen, UNKNOWN } from "../format.ts";
import { type MarkdownCell, markdownTable, markdownText } from "../markdown.ts";
import { halfWidth, type NumberParts, numberParts } from "./figures.ts";
import { type Cell, type Column, isNumeric, type Table } from "./table.ts";

/** A table as Markdown, its title and caption in front; readable as it is in a terminal. Ends with a newline. */
export function markdownOf({ title, caption, columns, rows }: Table): string {
  const header = columns.map(headerText);
  const body = rows.map(({ cells }) => cells.map((cell, c) => cellText(cell, columns[c]!)));
  const text = [...columns.keys()].filter((c) => !isNumeric(columns[c]!));
  return `**${markdownText(title)}.** ${markdownText(caption.join(" "))}\n\n${markdownTable([header, ...body], text)}`;
}

function headerText(column: Column): string {
  if (!isNumeric(column)) return column.title;
  const unit = column.unit === undefined ? "" : `, ${column.unit}`;
  return `${column.title}${unit}${column.better === undefined ? "" : column.better === "lower" ? " ↓" : " ↑"}`;
}

function cellText(cell: Cell, column: Column): MarkdownCell {
  if (cell === null) return UNKNOWN;
  if (typeof cell === "string" || !isNumeric(column)) return String(cell);
  const format = cell.format ?? column.format;
  const half = column.interval === "half" ? halfWidth(cell, format) : undefined;
  const ends =
    column.interval === "ends" ? cell.interval?.map((end) => numberText(numberParts(end, format))) : undefined;
  const text = [
    numberText(numberParts(cell.value, format)),
    half && ` ± ${numberText(half)}`,
    ends && ` (${ends.join(" to ")})`,
    cell.mark,
  ];
  return { text: text.join(""), strong: cell.best === true };
}

function numberText({ relation, sign, digits, exponent }: NumberParts): string {
  const power = exponent === undefined ? "" : ` × ${powerOfTen(exponent)}`;
  return `${relation === "" ? "" : `${relation} `}${sign.replace("-", "−")}${digits}${power}`;
}
