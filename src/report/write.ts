import { dirname, join } from "node:path";
import { publishJson, publishText } from "../formats/publish.ts";
import { renderReport } from "./page.ts";
import type { ReportData } from "./record.ts";
import { summarize } from "./summary.ts";

/** Writes report.html to `path` and the same facts as report.json beside it, both atomically. */
export async function writeReport(data: ReportData, path: string): Promise<void> {
  await publishText(path, renderReport(data));
  await publishJson(join(dirname(path), "report.json"), summarize(data));
}
