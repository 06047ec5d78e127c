import { visibleLine } from "./visible.ts";

/** Text of a cell, perhaps in bold. */
export type MarkdownCell = string | { text: string; strong: boolean };

/** A Markdown table, first row the header, columns padded so that it reads as it is in a terminal. Ends with a newline.
 * @param textColumns - places of the columns that hold text, to the left; numbers stand to the right */
export function markdownTable(
  rows: readonly (readonly MarkdownCell[])[],
  textColumns: readonly number[] = [0],
): string {
  const cells = rows.map((row) => row.map(cellOf));
  const widths = cells[0]!.map((_, i) => Math.max(3, ...cells.map((row) => [...row[i]!].length)));
  const isText = (i: number) => textColumns.includes(i);
  const lineOf = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (isText(i) ? cell + pad(cell, widths[i]!) : pad(cell, widths[i]!) + cell)).join(" | ")} |`;
  const rule = `| ${widths.map((width, i) => (isText(i) ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return `${[lineOf(cells[0]!), rule, ...cells.slice(1).map(lineOf)].join("\n")}\n`;
}

/** One line of text that cannot leave its column, start markup or steer a terminal. */
export function markdownText(text: string): string {
  return visibleLine(text.replaceAll("\u00a0", " ")).replace(/[\\|`*_[\]<>#~]/g, (c) => `\\${c}`);
}

function cellOf(cell: MarkdownCell): string {
  if (typeof cell === "string") return markdownText(cell);
  const text = markdownText(cell.text);
  return cell.strong ? `**${text}**` : text;
}

function pad(cell: string, width: number): string {
  return " ".repeat(Math.max(0, width - [...cell].length));
}
