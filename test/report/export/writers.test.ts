import fc from "fast-check";
import { expect, test } from "vitest";
import { csvOf } from "../../../src/report/export/csv.ts";
import { type NumberFormat, numberParts } from "../../../src/report/export/figures.ts";
import { jsonOf } from "../../../src/report/export/json.ts";
import { latexOf, latexText } from "../../../src/report/export/latex.ts";
import { markdownOf } from "../../../src/report/export/markdown.ts";
import type { Table } from "../../../src/report/export/table.ts";
import { renderTables } from "../../../src/report/export/write.ts";
import { checkLatex, readCsv, readMarkdown } from "./syntax.ts";

function table(text: string, value = 0.3456): Table {
  return {
    kind: "tasks",
    name: "tasks",
    title: text,
    caption: [text],
    notes: [text],
    provenance: { name: text, hashes: [] },
    columns: [
      { key: "student", title: "student" },
      {
        key: `${text}_acc`,
        title: text,
        unit: "%",
        better: "higher",
        interval: "half",
        format: { kind: "percent", digits: 1 },
      },
      { key: "gain", title: "gain", interval: "ends", format: { kind: "decimal", digits: 3, signed: true } },
      { key: "flops", title: "FLOPs", format: { kind: "scientific" } },
    ],
    rows: [
      {
        group: "student",
        cells: [
          text,
          { value, interval: [value - 0.02, value + 0.01], stderr: 0.007, seeds: 3, p: 0.01, best: true, mark: "*" },
          { value: -0.0123, interval: [-0.02, 0.0001] },
          { value: 1.2345e15 },
        ],
      },
      { group: "beside", cells: ["teacher", null, null, { value: 12345 }] },
    ],
  };
}

test("Markdown as people read it", () => {
  expect(markdownOf(table("new")).replace(/ +/g, " ")).toBe(`**new.** new

| student | new, % ↑ | gain | FLOPs |
| ------- | ---------------: | -----------------------: | ----------: |
| new | **34.6 ± 1.5\\*** | −0.012 (−0.020 to 0.000) | 1.23 × 10¹⁵ |
| teacher | – | – | 12,345 |

new
`);
});

test("no text leaves its cell, becomes markup or a formula", () => {
  const nasty = [
    "=1+1",
    "@SUM(A1)",
    "+49",
    "-5",
    "＝1",
    '"quoted", and, commas',
    "a|b*c_d`e`",
    "<script>alert(1)</script>",
    "\\input{/etc/passwd} $x_1^2$ & 50 % #1 ~",
    "line\r\nbreak\ttab",
    "中文 ümläut −5 – “x” --- ,,",
    "\u202egnp.exe\u0000\u001b[31m",
  ];
  const check = (text: string) => {
    const made = table(text);
    for (const record of readCsv(csvOf(made)))
      for (const field of record) if (/^[=+\-@＝]/.test(field)) expect(Number(field)).not.toBeNaN();
    expect(checkLatex(latexOf(made))).toEqual({ columns: 4, rows: 3 });
    expect(readMarkdown(markdownOf(made))).toHaveLength(4);
    expect(JSON.parse(jsonOf([made])).tables[0]).toEqual(JSON.parse(JSON.stringify(made)));
  };
  nasty.forEach(check);
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 30 }), check), { numRuns: 200 });
  // A text that reads as a number is still no formula of a spreadsheet.
  expect(csvOf(table("-5"))).toContain("student,'-5,0.3456,");
});

test("CSV holds one unrounded value per column", () => {
  const [header, first, second] = readCsv(csvOf(table("new", 0.123456789)));
  expect(header).toEqual([
    ...["group", "student", "new_acc", "new_acc_low", "new_acc_high", "new_acc_over"],
    ...["new_acc_stderr", "new_acc_seeds", "new_acc_p"],
    ...["gain", "gain_low", "gain_high", "gain_over", "gain_stderr", "gain_seeds", "gain_p", "flops"],
  ]);
  expect(first!.slice(0, 3)).toEqual(["student", "new", "0.123456789"]);
  expect(first!.slice(5, 9)).toEqual(["", "0.007", "3", "0.01"]);
  expect(second!.slice(2)).toEqual([...Array.from({ length: 14 }, () => ""), "12345"]);
  expect(() => renderTables([table("a"), table("b")], "csv")).toThrow(/HC5063/);
});

test("a share's interval that stops at 0 or 100 % is shown by its ends, and signs stand together", () => {
  const made = table("new", 0.5);
  Object.assign(made.rows[0]!.cells[1] as object, { interval: [0, 1], over: "items", overSign: "‡" });
  expect(markdownOf(made)).toContain("**50.0 (0.0 to 100.0)‡\\*** |");
  expect(latexOf(made)).toContain("$\\mathbf{50.0\\;[0.0,\\,100.0]^{\\ddagger*}}$");
  expect(checkLatex(latexOf(made))).toEqual({ columns: 4, rows: 3 });
  expect(csvOf(made)).toContain("0.5,0,1,items,");
});

test("LaTeX: figures in math, bold, dashes and letters that T1 lacks", () => {
  const text = latexOf(table("new"));
  expect(text).toContain(
    "    new & $\\mathbf{34.6 \\pm 1.5^{*}}$ & $-0.012\\;[-0.020,\\,0.000]$ & $1.23 \\times 10^{15}$ \\\\",
  );
  expect(text).toContain("    \\midrule\n    teacher & -- & -- & $12{,}345$ \\\\");
  expect(latexText("a--b ,, é 中 f̈")).toBe("a-{}-b ,{}, é \\texttt{U+4E2D} f\\texttt{U+0308}");
});

test("numbers are rounded once, and what rounds to 0 has no sign", () => {
  const shown = (value: number, format: NumberFormat) => Object.values(numberParts(value, format)).join("");
  expect(shown(-0.0004, { kind: "decimal", digits: 3, signed: true })).toBe("0.000");
  expect(shown(0.0123, { kind: "percent", digits: 1, signed: true })).toBe("+1.2");
  expect(shown(0.0004, { kind: "p" })).toBe("<0.001");
  expect(shown(0.0449, { kind: "p" })).toBe("0.045");
  expect(shown(1_234_567, { kind: "count" })).toBe("1,234,567");
  expect(numberParts(9.999e11, { kind: "scientific" })).toMatchObject({ digits: "1.00", exponent: 12 });
});
