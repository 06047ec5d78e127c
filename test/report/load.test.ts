import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { summarize } from "../../src/report/facts.ts";
import { loadReportData } from "../../src/report/load.ts";
import { renderReport } from "../../src/report/page.ts";
import { writeReport } from "../../src/report/write.ts";
import { finishedRun, halfFinishedRun } from "./fixture.ts";
import { writeRunFolder } from "./run_folder.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-report-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe("loadReportData", () => {
  it("gives back what the stages wrote", async () => {
    const data = finishedRun({ instances: 500 });
    await writeRunFolder(data, folder);
    const loaded = await loadReportData(folder);
    const { scores, ...rest } = loaded;
    const { scores: expected, ...records } = data;
    expect(rest).toEqual(records);
    expect([...scores!.difference]).toEqual([...expected!.difference]);
    expect(Array.from(scores!.source, (i) => scores!.sources[i])).toEqual(
      Array.from(expected!.source, (i) => expected!.sources[i]),
    );
  });

  it("reads FLOPs beyond 2^53", async () => {
    const data = finishedRun({ instances: 50 });
    data.run.stages[3]!.flops = 1.2345678901234567e20;
    await writeRunFolder(data, folder);
    expect((await loadReportData(folder)).run.stages[3]!.flops).toBe(1.2345678901234567e20);
  });

  it("names what a half-finished run lacks", async () => {
    const data = halfFinishedRun();
    await writeRunFolder(data, folder);
    const loaded = await loadReportData(folder);
    expect(loaded.missing.map(({ path }) => path).sort()).toEqual(data.missing.map(({ path }) => path).sort());
    expect(loaded.evaluation).toBeUndefined();
    expect(renderReport(loaded)).toContain("This report is incomplete.");
  });

  it("leaves out the torn last line of a killed training, and only that", async () => {
    const data = finishedRun({ instances: 50 });
    await writeRunFolder(data, folder);
    const metrics = join(folder, "students/difference-seed1/metrics.jsonl");
    await appendFile(metrics, '{"type":"train","step":9999,"tok');
    expect((await loadReportData(folder)).students[0]!.metrics).toEqual(data.students[0]!.metrics);
    await appendFile(metrics, '\n{"type":"train"');
    await expect(loadReportData(folder)).rejects.toMatchObject({ code: "HC5002" });
  });

  it("refuses a folder without a run", async () => {
    await expect(loadReportData(folder)).rejects.toMatchObject({ code: "HC5001" });
    await expect(loadReportData(join(folder, "absent"))).rejects.toMatchObject({ code: "HC5001" });
  });

  it.each([
    ["cut off", "run.json", (text: string) => text.slice(0, -20)],
    ["of another kind", "evaluate/evaluation.json", () => "[]"],
    [
      "with a text for a number",
      "select/difference/selection.json",
      (text: string) => text.replace('"kept":', '"kept":"many","was":'),
    ],
    [
      "with fewer edges than bins",
      "select/difference/statistics.json",
      (text: string) => text.replace('"edges":[', '"edges":[1,'),
    ],
    [
      "with pieces and values that do not match",
      "examples/difference/examples.jsonl",
      (text: string) => text.replace('"pieces":[', '"pieces":["x",'),
    ],
    ["null", "students/random-seed1/training.json", () => "null"],
  ])("refuses a record that is %s, by name", async (_, path, change) => {
    await writeRunFolder(finishedRun({ instances: 50 }), folder);
    const file = join(folder, path);
    await writeFile(file, change(await readFile(file, "utf8")));
    await expect(loadReportData(folder)).rejects.toMatchObject({
      code: "HC5002",
      fault: { where: expect.stringContaining(path) },
    });
  });

  it("refuses a damaged score file with a coded error", async () => {
    await writeRunFolder(finishedRun({ instances: 50 }), folder);
    await writeFile(join(folder, "score/scores.parquet"), "PAR1 not really PAR1");
    await expect(loadReportData(folder)).rejects.toMatchObject({ name: "HeartcutError" });
  });
});

describe("writeReport", () => {
  it("writes the page and the same facts as JSON", async () => {
    await writeRunFolder(finishedRun({ instances: 200 }), folder);
    const data = await loadReportData(folder);
    await writeReport(folder);
    expect(await readFile(join(folder, "report.html"), "utf8")).toBe(renderReport(data));
    expect(JSON.parse(await readFile(join(folder, "report.json"), "utf8"))).toEqual(summarize(data));
  });
});
