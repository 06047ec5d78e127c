import { powerOfTen, UNKNOWN } from "../format.ts";
import { type MarkdownCell, markdownTable, markdownText } from "../markdown.ts";
import { type NumberParts, numberParts, type ShownInterval, shownInterval } from "./figures.ts";
import { type Cell, type Column, isNumeric, type Table } from "./table.ts";

/** A table as Markdown, title and caption in front, notes behind; readable as it is in a terminal. Ends with a newline. */
export function markdownOf({ title, caption, notes, columns, rows }: Table): string {
  const header = columns.map(headerText);
  const body = rows.map(({ cells }) => cells.map((cell, c) => cellText(cell, columns[c]!)));
  const text = [...columns.keys()].filter((c) => !isNumeric(columns[c]!));
  const above = `**${markdownText(title)}.** ${markdownText(caption.join(" "))}`;
  return `${above}\n\n${markdownTable([header, ...body], text)}\n${markdownText(notes.join(" "))}\n`;
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
  const text = [
    numberText(numberParts(cell.value, format)),
    intervalText(shownInterval(cell, column, format)),
    cell.overSign,
    cell.mark,
  ];
  return { text: text.join(""), strong: cell.best === true };
}

function intervalText(shown: ShownInterval | undefined): string {
  if (shown === undefined) return "";
  return "half" in shown ? ` ± ${numberText(shown.half)}` : ` (${shown.ends.map(numberText).join(" to ")})`;
}

function numberText({ relation, sign, digits, exponent }: NumberParts): string {
  const power = exponent === undefined ? "" : ` × ${powerOfTen(exponent)}`;
  return `${relation === "" ? "" : `${relation} `}${sign.replace("-", "−")}${digits}${power}`;
}
