import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadRationaleReportData } from "../../src/report/rationale/load.ts";
import { renderRationaleReport } from "../../src/report/rationale/page.ts";
import { summarizeRationales } from "../../src/report/rationale/summary.ts";
import { writeReport } from "../../src/report/write.ts";
import { finishedRun } from "./fixture.ts";
import { finishedRationaleRun, halfFinishedRationaleRun, writeRationaleRunFolder } from "./rationale_fixture.ts";
import { writeRunFolder } from "./run_folder.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-report-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const small = () => finishedRationaleRun({ seeds: [1, 2] });

describe("loadRationaleReportData", () => {
  it("gives back what the stages wrote", async () => {
    const data = finishedRationaleRun({ seeds: [1, 2], more: true });
    await writeRationaleRunFolder(data, folder);
    expect(await loadRationaleReportData(folder)).toEqual(data);
  });

  it("shows the students' training examples beside the teacher's where they differ", async () => {
    const data = small();
    const { train, ...splits } = data.task!.splits;
    data.run.stages.splice(1, 0, { ...data.run.stages[0]!, stage: "task-students" });
    data.studentTask = { ...data.task!, splits: { train: { ...train, examples: 77 }, ...splits } };
    await writeRationaleRunFolder(data, folder);
    const loaded = await loadRationaleReportData(folder);
    expect(loaded).toEqual(data);
    const cells = renderRationaleReport(loaded)
      .replace(/<[^>]+>/g, "|")
      .replace(/\|+/g, "|");
    expect(cells).toContain("|Students|Teacher|");
    expect(cells).toContain("|Training examples|77|400|");
    await rm(join(folder, "task-students"), { recursive: true });
    expect((await loadRationaleReportData(folder)).missing).toEqual([
      { what: "the students' task", path: "task-students/task.json" },
    ]);
  });

  it("names what a half-finished run lacks", async () => {
    const data = halfFinishedRationaleRun();
    await writeRationaleRunFolder(data, folder);
    const loaded = await loadRationaleReportData(folder);
    expect(loaded.missing).toEqual(data.missing);
    expect(renderRationaleReport(loaded)).toBe(renderRationaleReport(data));
  });

  it("leaves out the torn last line of a killed training, and only that", async () => {
    const data = small();
    await writeRationaleRunFolder(data, folder);
    const metrics = join(folder, "students/tokens-seed1/metrics.jsonl");
    await appendFile(metrics, '{"type":"train","step":9999,"los');
    const student = (await loadRationaleReportData(folder)).students.find((one) => one.name === "tokens")!;
    expect(student.metrics).toEqual(data.students.find((one) => one.name === "tokens")!.metrics);
    await appendFile(metrics, '\n{"type":"train"');
    await expect(loadRationaleReportData(folder)).rejects.toMatchObject({ code: "HC5002" });
  });

  it("refuses a folder without a run", async () => {
    await expect(loadRationaleReportData(folder)).rejects.toMatchObject({ code: "HC5001" });
  });

  it.each([
    ["cut off", "run.json", (text: string) => text.slice(0, -20)],
    ["of another kind", "evaluate/rationale_evaluation.json", () => "[]"],
    [
      "with a text for a number",
      "students/tokens-seed1/training.json",
      (text: string) => text.replace('"steps":', '"steps":"many","was":'),
    ],
    [
      "with fewer scores than tokens",
      "attribute/gradient/test.jsonl",
      (text: string) => text.replace('"scores":[', '"scores":[1,'),
    ],
    [
      "with a span that ends before it starts",
      "rationales/tokens/test.jsonl",
      (text: string) => text.replace(/"span":\[\d+,/, '"span":[9999,'),
    ],
    [
      "with a choice beyond the input",
      "task/test.jsonl",
      (text: string) => text.replace(/"choices":\[\[\d+,\d+\]/, '"choices":[[0,9999]'),
    ],
    [
      "of an unknown source",
      "rationales/tokens/rationales.json",
      (text: string) => text.replace("saliency", "horoscope"),
    ],
  ])("refuses a record that is %s, by name", async (_, path, change) => {
    await writeRationaleRunFolder(small(), folder);
    const file = join(folder, path);
    await writeFile(file, change(await readFile(file, "utf8")));
    await expect(loadRationaleReportData(folder)).rejects.toMatchObject({
      code: "HC5002",
      fault: { where: expect.stringContaining(path) },
    });
  });

  it.each([
    ["scored", "attribute/gradient/test.jsonl", /"spans":\[\[\d+,\d+\]/, '"spans":[[0,9999]'],
    ["chosen", "rationales/tokens/test.jsonl", /"span":\[\d+,\d+\]/, '"span":[0,9999]'],
  ])("refuses words that were %s in another text", async (_, path, pattern, replacement) => {
    await writeRationaleRunFolder(small(), folder);
    const file = join(folder, path);
    await writeFile(file, (await readFile(file, "utf8")).replace(pattern, replacement));
    await expect(loadRationaleReportData(folder)).rejects.toMatchObject({ code: "HC5051", fault: { where: path } });
  });
});

describe("writeReport of a folder", () => {
  it("writes the report of token rationales where run.json names them", async () => {
    const data = small();
    await writeRationaleRunFolder(data, folder);
    const { table, missing } = await writeReport(folder);
    expect(await readFile(join(folder, "report.html"), "utf8")).toBe(renderRationaleReport(data));
    expect(JSON.parse(await readFile(join(folder, "report.json"), "utf8"))).toEqual(summarizeRationales(data));
    expect(table).toContain("| standard (2 seeds)");
    expect(missing).toEqual([]);
  });

  it("writes that of MiniPLM where no method is named, and refuses methods of other versions", async () => {
    await writeRunFolder(finishedRun({ instances: 60 }), folder);
    expect((await writeReport(folder, join(folder, "other.html"))).table).toContain("| random (3 seeds)");
    expect(await readFile(join(folder, "other.html"), "utf8")).toContain("Histogram of the difference score");
    const run = JSON.parse(await readFile(join(folder, "run.json"), "utf8")) as object;
    await writeFile(join(folder, "run.json"), JSON.stringify({ ...run, method: "alchemy" }));
    await expect(writeReport(folder)).rejects.toMatchObject({ code: "HC5050" });
  });
});
