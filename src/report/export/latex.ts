import { visibleLine } from "../visible.ts";
import { type NumberParts, numberParts, type ShownInterval, shownInterval } from "./figures.ts";
import { type Cell, type Column, isNumeric, type Mark, type Table } from "./table.ts";

/** A table as LaTeX in the style of booktabs: a `table` float with caption, label and notes. Every text is escaped. Ends with a newline. */
export function latexOf({ name, title, caption, notes, columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `    ${cells.join(" & ")} \\\\`;
  const body = rows.flatMap(({ group, cells }, r) => [
    ...(r > 0 && group !== rows[r - 1]!.group ? ["    \\midrule"] : []),
    line(cells.map((cell, c) => cellText(cell, columns[c]!))),
  ]);
  return `${[
    "% Needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}.",
    "\\begin{table}",
    "  \\centering",
    `  \\caption{${latexText(`${title}. ${caption.join(" ")}`)}}`,
    `  \\label{tab:heartcut-${name}}`,
    `  \\begin{tabular}{${columns.map((column) => (isNumeric(column) ? "r" : "l")).join("")}}`,
    "    \\toprule",
    line(columns.map(headerText)),
    "    \\midrule",
    ...body,
    "    \\bottomrule",
    "  \\end{tabular}",
    "  \\par\\smallskip",
    `  {\\footnotesize ${latexText(notes.join(" "))}\\par}`,
    "\\end{table}",
  ].join("\n")}\n`;
}

function headerText(column: Column): string {
  if (!isNumeric(column)) return latexText(column.title);
  const arrow = { lower: " $\\downarrow$", higher: " $\\uparrow$" };
  const unit = column.unit === undefined ? "" : `, ${column.unit}`;
  return `${latexText(column.title + unit)}${column.better === undefined ? "" : arrow[column.better]}`;
}

const SIGNS: Record<Mark | "‡", string> = { "*": "*", "†": "\\dagger", "‡": "\\ddagger" };

function cellText(cell: Cell, column: Column): string {
  if (cell === null) return "--";
  if (typeof cell === "string" || !isNumeric(column)) return latexText(String(cell));
  const format = cell.format ?? column.format;
  const signs = [cell.overSign, cell.mark].flatMap((sign) => (sign === undefined ? [] : [SIGNS[sign]]));
  const math = [
    numberText(numberParts(cell.value, format)),
    intervalText(shownInterval(cell, column, format)),
    signs.length > 0 ? `^{${signs.join("")}}` : "",
  ].join("");
  return cell.best === true ? `$\\mathbf{${math}}$` : `$${math}$`;
}

function intervalText(shown: ShownInterval | undefined): string {
  if (shown === undefined) return "";
  return "half" in shown ? ` \\pm ${numberText(shown.half)}` : `\\;[${shown.ends.map(numberText).join(",\\,")}]`;
}

function numberText({ relation, sign, digits, exponent }: NumberParts): string {
  const power = exponent === undefined ? "" : ` \\times 10^{${exponent}}`;
  return `${relation}${sign}${digits.replaceAll(",", "{,}")}${power}`;
}

/** Characters that are no letters to LaTeX, or that its fonts have under another name. */
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "{": "\\{",
  "}": "\\}",
  $: "\\$",
  "&": "\\&",
  "#": "\\#",
  "%": "\\%",
  _: "\\_",
  "^": "\\textasciicircum{}",
  "~": "\\textasciitilde{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "|": "\\textbar{}",
  '"': "\\textquotedbl{}",
  "`": "\\textasciigrave{}",
  "'": "\\textquotesingle{}",
  "–": "--",
  "—": "---",
  "−": "$-$",
  "±": "$\\pm$",
  "×": "$\\times$",
  "·": "$\\cdot$",
  "≤": "$\\leq$",
  "≥": "$\\geq$",
  "→": "$\\rightarrow$",
  "↑": "$\\uparrow$",
  "↓": "$\\downarrow$",
  α: "$\\alpha$",
  β: "$\\beta$",
  "†": "$^{\\dagger}$",
  "‡": "$^{\\ddagger}$",
  "…": "\\ldots{}",
  "“": "``",
  "”": "''",
  "‘": "`",
  "’": "'",
};

/** Text that LaTeX sets as it stands; characters that its T1 fonts lack are named by their code. */
export function latexText(text: string): string {
  const characters = [...visibleLine(text.normalize("NFC"))];
  return characters
    .map((character, i) => {
      const known = ESCAPES[character];
      if (known !== undefined) return known;
      if (!/[\x20-\x7eÀ-ſ]/.test(character)) return `\\texttt{U+${codeOf(character)}}`;
      // Two hyphens or commas join into another sign.
      return /[-,]/.test(character) && characters[i + 1] === character ? `${character}{}` : character;
    })
    .join("");
}

function codeOf(character: string): string {
  return character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
}
