import { HeartcutError, printable } from "../../errors.ts";
import { accuracyTable } from "./accuracy.ts";
import { accuracyComparisonTable, lossComparisonTable, taskComparisonTable } from "./comparisons.ts";
import { costTable } from "./costs.ts";
import { type ExportSource, loadExportSource } from "./load.ts";
import { lossTable } from "./losses.ts";
import { selectionTable } from "./selection.ts";
import { TABLE_KINDS, type Table, type TableKind } from "./table.ts";
import { taskTable } from "./tasks.ts";

/** Every table, in the order of their output; undefined where the source has no record for it. */
const MAKERS: readonly ((source: ExportSource) => Table | undefined)[] = [
  lossTable,
  taskTable,
  accuracyTable,
  lossComparisonTable,
  taskComparisonTable,
  accuracyComparisonTable,
  selectionTable,
  costTable,
];

/** All tables that can be made of a source. Pure. */
export function tablesOf(source: ExportSource): Table[] {
  return MAKERS.flatMap((make) => {
    const table = make(source);
    return table === undefined ? [] : [withoutEmptyColumns(table)];
  });
}

/** Records differ in what they hold: a column in which nothing is known says nothing. */
function withoutEmptyColumns(table: Table): Table {
  const known = [...table.columns.keys()].filter((c) => table.rows.some(({ cells }) => cells[c] !== null));
  return {
    ...table,
    columns: known.map((c) => table.columns[c]!),
    rows: table.rows.map(({ group, cells }) => ({ group, cells: known.map((c) => cells[c] ?? null) })),
  };
}

/**
 * The tables of a run folder, finished or not, or of the folder of an evaluation.
 * @param kinds - which; all that there are without it
 * @throws HeartcutError HC5061 where the folder has no record for a kind asked for, HC5062 where it has none for any table;
 *   HC5002, HC5060 as loadExportSource
 */
export async function readTables(folder: string, kinds?: readonly TableKind[]): Promise<Table[]> {
  return chosenTables(await loadExportSource(folder), folder, kinds);
}

/** The tables of a source that are asked for; all that there are without `kinds`. @throws HeartcutError HC5061, HC5062 as readTables */
export function chosenTables(source: ExportSource, folder: string, kinds?: readonly TableKind[]): Table[] {
  const tables = tablesOf(source);
  const there = TABLE_KINDS.filter((kind) => tables.some((table) => table.kind === kind));
  if (there.length === 0)
    throw new HeartcutError("HC5062", {
      what: "this run has nothing to put into a table yet",
      where: printable(folder),
      found: "no evaluation, no selection, no trained student",
      fix: "run its recipe again with the same --out: it resumes",
    });
  const lacking = kinds?.find((kind) => !there.includes(kind));
  if (lacking !== undefined)
    throw new HeartcutError("HC5061", {
      what: "there is no such table of this folder",
      where: printable(folder),
      found: `--table ${lacking}`,
      expected: there.join(", "),
      why: WHY[lacking],
      fix: "leave --table out to get all there are",
    });
  return tables.filter(({ kind }) => kinds?.includes(kind) ?? true);
}

const WHY: Record<TableKind, string> = {
  losses: "it is made of evaluation.json, which a run of Difference Sampling or `heartcut evaluate` on text writes",
  tasks: "it is made of tasks.json or rationale_evaluation.json, which evaluations on tasks write",
  comparisons: "it compares two students or more",
  selection: "it is made of select/*/selection.json in a run folder",
  costs: "it is made of students/*/training.json in a run folder",
};
