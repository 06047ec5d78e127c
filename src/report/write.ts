import { join } from "node:path";
import { z } from "zod";
import { HeartcutError, printable } from "../errors.ts";
import { summarize } from "./facts.ts";
import { loadReportData } from "./load.ts";
import { renderReport } from "./page.ts";
import { publishReport, type Report } from "./publish.ts";
import { writeRationaleReport } from "./rationale/write.ts";
import type { ReportData } from "./record.ts";
import { RunFolder } from "./run_folder.ts";
import { renderMarkdownTable } from "./summary.ts";

/**
 * Writes the report of a run folder of either method, by what its run.json names; with report.json beside it, both
 * atomically.
 * @param path - default: report.html in the run folder
 * @throws HeartcutError HC5001, HC5002 as loadReportData; HC5050 for a run of a method this version does not know
 */
export async function writeReport(run: string, path?: string): Promise<Report> {
  const { method } = await new RunFolder(run).summary(z.object({ method: z.string().optional() }));
  switch (method) {
    case "rationale":
      return writeRationaleReport(run, path);
    case undefined:
    case "miniplm":
      return writeSelectionReport(await loadReportData(run), path ?? join(run, "report.html"));
    default:
      throw new HeartcutError("HC5050", {
        what: "the run is of a method that this version has no report for",
        where: join(run, "run.json"),
        found: `method ${printable(method)}`,
        expected: "miniplm (also where no method is named) or rationale",
        fix: "write the report with the version of heartcut that made the run",
      });
  }
}

async function writeSelectionReport(data: ReportData, path: string): Promise<Report> {
  const report: Report = {
    page: renderReport(data),
    facts: summarize(data),
    table: renderMarkdownTable(data),
    missing: data.missing,
  };
  await publishReport(report, path);
  return report;
}
