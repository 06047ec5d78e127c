import { join } from "node:path";
import { InvalidArgumentError } from "commander";
import { HeartcutError } from "../../errors.ts";
import type { Table, TableKind } from "../../report/export/table.ts";
import type { TableForm } from "../../report/export/write.ts";
import type { Define } from "../command.ts";
import type { ModelResults } from "../export/result_folders.ts";
import type { JobContext, JobResult } from "../job.ts";

/** Options of `heartcut export`. */
export interface ExportOptions {
  folders: string[];
  to: TableForm[];
  /** "all" stands alone. */
  table: (TableKind | "all")[];
  baseline?: string;
  out: string;
}

const FORMS: readonly TableForm[] = ["markdown", "csv", "json", "latex"];
const KINDS: readonly TableKind[] = ["losses", "tasks", "comparisons", "selection", "costs"];
/** Standard output, as -o. */
const STDOUT = "-";
/** Of the bootstrap over items: the same tables from the same results. */
const SEED = 1;

export const define: Define = (program, start) => {
  program
    .command("export")
    .argument(
      "<folders...>",
      "a run, finished or not; an evaluation; or task results of models; NAME=FOLDER calls one by another name",
    )
    .description("Tables for papers and spreadsheets: results with intervals, comparisons, selections, costs")
    .option("--to <forms>", `comma-separated: ${FORMS.join(", ")}`, several(FORMS), ["markdown"])
    .option("--table <tables>", `comma-separated: ${KINDS.join(", ")}; or all`, tablesChosen, ["all"])
    .option("--baseline <name>", "with task results: the model the others are compared with; all pairs without it")
    .option("-o, --out <folder>", "write a file per table and form; - is standard output", STDOUT)
    .action((folders: string[], options: Omit<ExportOptions, "folders">) => start("export", { folders, ...options }));
};

/**
 * Makes tables of folders.
 * @throws HeartcutError HC5063-HC5067 for what cannot be or has no effect; HC5002, HC5060-HC5062 as readTables; HC3530-HC3535 and
 *   HC3580-HC3585 for task results that do not go together
 */
export async function execute(options: ExportOptions, context: JobContext): Promise<JobResult> {
  const { to, baseline, out } = options;
  const { checkpointSignal } = await import("../../progress.ts");
  const { readTables } = await import("../../report/export/tables.ts");
  const { renderTables, writeTables } = await import("../../report/export/write.ts");
  const { modelResults, namedFolders } = await import("../export/result_folders.ts");
  if (out === STDOUT && to.length > 1)
    throw new HeartcutError("HC5063", {
      what: "several forms do not fit into one output",
      found: `--to ${to.join(",")}`,
      fix: "write files with -o FOLDER, or choose one form",
    });
  const folders = await namedFolders(options.folders);
  const made: { place: string; tables: Table[] }[] = [];
  const results = await modelResults(folders);
  if (results !== undefined) {
    made.push({ place: out, tables: await tablesOfResults(results, options, context) });
  } else if (baseline !== undefined) {
    throw new HeartcutError("HC5065", {
      what: "--baseline has no effect here",
      why: "a run and its evaluation say themselves what is compared with what",
      fix: "leave it out",
    });
  } else {
    for (const { name, folder } of folders) {
      await checkpointSignal({ stage: "export", ...context });
      made.push({
        place: folders.length === 1 ? out : join(out, name),
        tables: await readTables(folder, kindsOf(options)),
      });
    }
  }
  if (out === STDOUT) {
    const tables = made.flatMap((one) => one.tables);
    return { text: renderTables(tables, to[0]!).trimEnd(), data: { tables } };
  }
  const files: string[] = [];
  for (const { place, tables } of made) files.push(...(await writeTables(tables, to, place)));
  return { text: files.join("\n"), data: { files } };
}

/** Compares models by their results in lm-evaluation-harness's layout. */
async function tablesOfResults(
  found: readonly ModelResults[],
  { baseline, ...chosen }: ExportOptions,
  context: JobContext,
): Promise<Table[]> {
  const { compareTasks } = await import("../../evaluate/task_comparisons.ts");
  const { readModelTasks } = await import("../../evaluate/tasks/results_files.ts");
  const { sha256File } = await import("../../formats/publish.ts");
  const { checkpointSignal } = await import("../../progress.ts");
  const { chosenTables } = await import("../../report/export/tables.ts");
  const { lineupOf } = await import("../export/result_folders.ts");
  const read = [];
  const hashes = [];
  for (const { name, folder, files } of found) {
    await checkpointSignal({ stage: "export", ...context });
    read.push({ name, tasks: await readModelTasks(folder) });
    for (const file of files)
      hashes.push({ what: `${name}/${file}`, sha256: (await sha256File(join(folder, file))).sha256 });
  }
  const tasks = compareTasks({ ...lineupOf(read), baseline, seed: SEED });
  const name = found.map((one) => one.name).join(", ");
  const folders = found.map(({ folder }) => folder).join(", ");
  return chosenTables({ provenance: { name, hashes }, tasks }, folders, kindsOf(chosen));
}

/** Option parser for words of a list, apart by commas. */
function several<T extends string>(choices: readonly T[]): (text: string) => T[] {
  return (text) => {
    const words = text.split(",").map((word) => word.trim());
    for (const [i, word] of words.entries())
      if (!(choices as readonly string[]).includes(word) || words.indexOf(word) < i)
        throw new InvalidArgumentError(`Allowed choices are ${choices.join(", ")}, each once.`);
    return words as T[];
  };
}

function tablesChosen(text: string): ExportOptions["table"] {
  const chosen = several([...KINDS, "all" as const])(text);
  if (chosen.includes("all") && chosen.length > 1) throw new InvalidArgumentError("all stands alone.");
  return chosen;
}

/** The kinds asked for by name. */
function kindsOf({ table }: Pick<ExportOptions, "table">): TableKind[] | undefined {
  const kinds = table.filter((kind) => kind !== "all");
  return kinds.length === 0 ? undefined : kinds;
}
