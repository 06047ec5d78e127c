import { join } from "node:path";
import { HeartcutError } from "../../errors.ts";
import { publishText } from "../../formats/publish.ts";
import { csvOf } from "./csv.ts";
import { jsonOf } from "./json.ts";
import { latexOf } from "./latex.ts";
import { markdownOf } from "./markdown.ts";
import type { Table } from "./table.ts";

/** Forms a table is written in, with the endings of their files. */
const FORMS = {
  markdown: { ending: "md", of: (tables: readonly Table[]) => tables.map(markdownOf).join("\n") },
  csv: { ending: "csv", of: (tables: readonly Table[]) => tables.map(csvOf).join("") },
  json: { ending: "json", of: jsonOf },
  latex: { ending: "tex", of: (tables: readonly Table[]) => tables.map(latexOf).join("\n") },
} as const;

export type TableForm = keyof typeof FORMS;
export const TABLE_FORMS = Object.keys(FORMS) as TableForm[];

/** Tables as one text. @throws HeartcutError HC5063 for several as CSV, which holds one table a file */
export function renderTables(tables: readonly Table[], form: TableForm): string {
  if (form === "csv" && tables.length > 1)
    throw new HeartcutError("HC5063", {
      what: "several tables do not fit into one CSV",
      found: tables.map(({ name }) => name).join(", "),
      fix: "write files with -o FOLDER, or choose one table with --table",
    });
  return FORMS[form].of(tables);
}

/** Writes each table in each form into a folder, as table-<name>.<ending>. @returns the paths   @throws HeartcutError HC1001-HC1005 */
export async function writeTables(
  tables: readonly Table[],
  forms: readonly TableForm[],
  folder: string,
): Promise<string[]> {
  const written: string[] = [];
  for (const table of tables)
    for (const form of forms) {
      // The records of a run have such names too: tasks.json is one.
      const path = join(folder, `table-${table.name}.${FORMS[form].ending}`);
      await publishText(path, renderTables([table], form));
      written.push(path);
    }
  return written;
}
