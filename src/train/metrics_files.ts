import { readJsonl } from "../formats/jsonl.ts";
import type { MetricsLine } from "./record.ts";

/** All lines of a training's metrics.jsonl, in their order. @throws HeartcutError HC10xx as readJsonl */
export async function readMetrics(path: string): Promise<MetricsLine[]> {
  const lines: MetricsLine[] = [];
  for await (const { value } of readJsonl<MetricsLine>(path)) lines.push(value);
  return lines;
}
