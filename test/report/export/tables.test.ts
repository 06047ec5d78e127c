import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { define, type ExportOptions, execute } from "../../../src/cli/commands/export.ts";
import { compareTasks } from "../../../src/evaluate/task_comparisons.ts";
import { latexOf } from "../../../src/report/export/latex.ts";
import { markdownOf } from "../../../src/report/export/markdown.ts";
import type { Figure, Table } from "../../../src/report/export/table.ts";
import { readTables, tablesOf } from "../../../src/report/export/tables.ts";
import { finishedRationaleRun } from "../rationale_fixture.ts";
import { exportRun, taskEvaluation } from "./fixture.ts";
import { checkLatex, readCsv, readMarkdown } from "./syntax.ts";

const quiet = { report: () => {}, signal: new AbortController().signal };
const exported = (folder: string, more: Partial<ExportOptions> = {}) =>
  execute({ folders: [folder], to: ["markdown"], table: ["all"], out: "-", ...more }, quiet);

function figureOf({ columns, rows }: Table, row: string, column: string): Figure {
  const c = columns.findIndex(({ key }) => key === column);
  const cell = rows.find(({ cells }) => cells[0] === row)?.cells[c];
  if (cell === null || cell === undefined || typeof cell === "string")
    throw new Error(`no figure at ${row}, ${column}`);
  return cell;
}

test("losses: means with their intervals, the lowest in bold, what differs from the baseline marked", async () => {
  const { folder, evaluation } = await exportRun({ name: "mini_run" });
  const [losses, comparisons] = await readTables(folder, ["losses", "comparisons"]);
  const figure = figureOf(losses!, "difference", "pool_nats_per_token");
  const summary = evaluation.students.find(({ name, set }) => name === "difference" && set === "pool")!;
  expect(figure).toMatchObject({ value: summary.loss, interval: summary.interval, seeds: 3, best: true });
  const seeds = summary.seeds.map(({ loss }) => loss);
  const variance = seeds.reduce((sum, loss) => sum + (loss - summary.loss) ** 2, 0) / 2;
  expect(figure.stderr).toBeCloseTo(Math.sqrt(variance / 3), 12);
  const { pHolm } = evaluation.seeded.find(({ set }) => set === "pool")!;
  expect(figure.p).toBe(pHolm);
  expect(figure.mark).toBe(pHolm! < 0.05 ? "*" : undefined);
  expect(figureOf(losses!, "random", "pool_nats_per_token")).not.toHaveProperty("best");
  expect(figureOf(comparisons!, "difference", "gain").value).toBe(evaluation.seeded[0]!.difference);
  const text = markdownOf(losses!);
  expect(text).toContain("From mini\\_run, heartcut 0.1.0; SHA-256:");
  expect(text).toMatch(/evaluation\.json [0-9a-f]{12}\./);
  expect(text).toContain("paired t test over seeds, adjusted by Holm");
});

test("one seed: bootstrap intervals, † for a difference that is clear over instances alone", async () => {
  const { folder } = await exportRun({ seeds: [1], gains: [0.3, 0.3] });
  const [losses] = await readTables(folder, ["losses"]);
  expect(figureOf(losses!, "difference", "pool_nats_per_token")).toMatchObject({ mark: "†", seeds: 1 });
  expect(losses!.notes.join(" ")).toMatch(/One seed each.*bootstrap over instances.*†: the 95 % interval/s);
});

test("tasks: accuracies, average, chance and the teacher; marks, and the watermark of a limited run", async () => {
  const { folder } = await exportRun({ tasks: taskEvaluation() });
  const [tasks, , comparisons] = await readTables(folder, ["tasks", "comparisons"]);
  expect(readMarkdown(markdownOf(tasks!))).toEqual([
    ["student", "seeds", "hellaswag, acc\\_norm % ↑", "piqa, acc\\_norm % ↑", "average, % ↑"],
    expect.anything(),
    ["difference", "3", "**34.0 ± 2.0\\***", "55.0 ± 2.0", "**44.5 ± 2.0†**"],
    ["random", "3", "30.0 ± 2.0", "**56.0 ± 2.0**", "43.0 ± 2.0"],
    ["teacher", "–", "41.0", "–", "–"],
    ["chance", "–", "25.0", "25.0", "25.0"],
  ]);
  expect(checkLatex(latexOf(tasks!))).toEqual({ columns: 5, rows: 5 });
  expect(comparisons!.name).toBe("task-comparisons");
  expect(figureOf(comparisons!, "difference", "gain")).toMatchObject({ value: 0.04 });
  expect(tasks!.caption.join(" ")).not.toContain("LIMITED");

  const limited = taskEvaluation({ limited: true });
  for (const score of limited.scores) if (score.task === "piqa") score.of = 1838;
  for (const table of tablesOf({ provenance: { name: "x", hashes: [] }, tasks: limited }))
    expect(table.caption[0]).toBe("LIMITED RUN. Asked only 500 of 1,838 questions of piqa: no result of the task.");
});

test("where every pair is compared, no student is the baseline and none is marked", () => {
  const outcome = (p: number) => {
    const perItem = Array.from({ length: 40 }, (_, i) => Number((i * 7) % 40 < p * 40));
    const metrics = [{ name: "acc", value: p, stderr: 0.05, higherIsBetter: true }];
    const docIds = [...perItem.keys()];
    const rest = { version: 1, fewshot: 0, items: 40, of: 40, cut: 0, main: "acc", chance: null };
    return { model: "", tasks: [{ task: "t", ...rest, metrics, perItem, docIds }] };
  };
  const students = [0.2, 0.5, 0.9].map((p, i) => ({ name: "abc"[i]!, seed: 1, tasks: outcome(p) }));
  const tasks = compareTasks({ students, seed: 1, resamples: 100 });
  const [table] = tablesOf({ provenance: { name: "x", hashes: [] }, tasks });
  expect(table!.rows.map((_, r) => figureOf(table!, "abc"[r]!, "t_acc").mark)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(table!.notes.join(" ")).not.toMatch(/differs/);
  const against = compareTasks({ students, baseline: "a", seed: 1, resamples: 100 });
  const [marked] = tablesOf({ provenance: { name: "x", hashes: [] }, tasks: against });
  expect(figureOf(marked!, "c", "t_acc").mark).toBe("*");
});

describe("heartcut export", () => {
  test("options as they are typed", async () => {
    const { Command } = await import("commander");
    const started: unknown[] = [];
    const parse = (...words: string[]) => {
      const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
      define(program, async (_, options) => void started.push(options));
      for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => {} });
      program.parse(["export", "run", ...words], { from: "user" });
    };
    parse();
    parse("--table", "all", "--to", "csv,latex", "-o", "x");
    parse("--table", "losses,costs");
    expect(started).toEqual([
      { folders: ["run"], to: ["markdown"], table: ["all"], out: "-" },
      { folders: ["run"], to: ["csv", "latex"], table: ["all"], out: "x" },
      { folders: ["run"], to: ["markdown"], table: ["losses", "costs"], out: "-" },
    ]);
    for (const words of [
      ["--to", "cvs"],
      ["--to", "csv,csv"],
      ["--table", "all,losses"],
      ["--table", "loss"],
    ])
      expect(() => parse(...words)).toThrow(/llowed choices|stands alone/);
  });

  test("writes each table in each form; the same bytes again, nothing of the run is replaced", async () => {
    const { folder } = await exportRun({ tasks: taskEvaluation() });
    const out = join(folder, "evaluate");
    const before = await readFile(join(out, "tasks.json"), "utf8");
    const forms = { to: ["markdown", "csv", "json", "latex"] as ExportOptions["to"], out };
    const { data } = await exported(folder, forms);
    const { files } = data as { files: string[] };
    const names = ["losses", "tasks", "loss-comparisons", "task-comparisons", "selection", "costs"];
    expect(files.map((file) => basename(file))).toEqual(
      names.flatMap((name) => ["md", "csv", "json", "tex"].map((ending) => `table-${name}.${ending}`)),
    );
    const contents = await Promise.all(files.map((file) => readFile(file, "utf8")));
    await exported(folder, forms);
    expect(await Promise.all(files.map((file) => readFile(file, "utf8")))).toEqual(contents);
    expect(await readFile(join(out, "tasks.json"), "utf8")).toBe(before);
    for (const [i, text] of contents.entries()) {
      if (files[i]!.endsWith(".csv")) readCsv(text);
      if (files[i]!.endsWith(".tex")) checkLatex(text);
      expect(text).not.toContain(dirname(folder));
    }
    // The folder of the evaluation alone has no run to tell of.
    const { tables } = (await exported(out)).data as { tables: Table[] };
    expect(tables.map(({ name }) => name)).toEqual(["losses", "tasks", "loss-comparisons", "task-comparisons"]);
  });

  test("an unfinished run gives what there is", async () => {
    const { folder } = await exportRun();
    const { rm } = await import("node:fs/promises");
    await rm(join(folder, "evaluate"), { recursive: true });
    const { tables } = (await exported(folder)).data as { tables: Table[] };
    expect(tables.map(({ name }) => name)).toEqual(["selection", "costs"]);
    await expect(exported(folder, { table: ["losses"] })).rejects.toThrow(/HC5061[\s\S]*selection, costs/);
  });

  test("mistakes", async () => {
    const { folder } = await exportRun();
    const empty = await mkdtemp(join(tmpdir(), "heartcut-export-"));
    await expect(exported(empty)).rejects.toThrow(/HC5060[\s\S]*no run\.json/);
    await expect(exported(folder, { to: ["csv"] })).rejects.toThrow(/HC5063/);
    await expect(exported(folder, { to: ["csv", "latex"] })).rejects.toThrow(/HC5063/);
    await expect(exported(folder, { folders: [folder, join(empty, "run")] })).rejects.toThrow(/HC5064[\s\S]*run/);
    await expect(exported(folder, { baseline: "random" })).rejects.toThrow(/HC5065/);
    await mkdir(join(empty, "model"));
    await writeFile(join(empty, "model", "results_x.json"), "{}");
    await expect(exported(folder, { folders: [folder, join(empty, "model")] })).rejects.toThrow(/HC5066/);
    await writeFile(join(folder, "evaluate/evaluation.json"), '{"losses": []}');
    await expect(exported(folder)).rejects.toThrow(/HC5002[\s\S]*evaluation\.json/);
    expect(await readdir(empty)).toEqual(["model"]);
  });
});

test("a run of token rationales: accuracy, comparisons over all pairs", () => {
  const { evaluation: accuracies } = finishedRationaleRun();
  const tables = tablesOf({ provenance: { name: "x", hashes: [] }, accuracies: accuracies! });
  expect(tables.map(({ name }) => name)).toEqual(["accuracy", "accuracy-comparisons"]);
  const [first] = accuracies!.students;
  expect(figureOf(tables[0]!, first!.name, "accuracy")).toMatchObject({
    value: first!.mean,
    seeds: first!.seeds.length,
  });
  expect(tables[1]!.rows).toHaveLength(accuracies!.comparisons.length);
  for (const table of tables) {
    checkLatex(latexOf(table));
    readMarkdown(markdownOf(table));
  }
});
