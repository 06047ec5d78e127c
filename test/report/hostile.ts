import type { ReportData } from "../../src/report/record.ts";
import { finishedRun } from "./fixture.ts";

/** A run in which every text field holds one of the given texts. */
export function hostileRun(texts: readonly string[]): ReportData {
  let next = 0;
  const data = finishedRun({ instances: 120, seeds: [1, 2], more: true });
  const names = new Map<string, string>();
  // The same name must get the same text wherever it stands, or the records would no longer belong together.
  const hostile = (text: string): string => {
    const known = names.get(text);
    if (known !== undefined) return known;
    const fresh = `${texts[next++ % texts.length]!}${next}`;
    names.set(text, fresh);
    return fresh;
  };
  const fixed = new Set(["method", "role", "type", "stratum"]);
  const walk = (value: unknown, key = ""): unknown => {
    if (typeof value === "string") return fixed.has(key) ? value : hostile(value);
    if (Array.isArray(value)) return value.map((one) => walk(one, key));
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, walk(one, name)]));
  };
  const result = walk(data) as ReportData;
  const student = (model: string) => names.get(`students/${model}`) ?? names.get(model)!;
  const losses = data.evaluation!.losses.map((loss, i) => ({
    ...result.evaluation!.losses[i]!,
    model: student(loss.model),
  }));
  const comparisons = data.evaluation!.comparisons.map((one, i) => ({
    ...result.evaluation!.comparisons[i]!,
    a: student(one.a),
    b: student(one.b),
  }));
  const computeSaved = result.evaluation!.computeSaved;
  return {
    ...result,
    evaluation: { losses, comparisons, computeSaved },
    missing: texts.map((text) => ({ what: text, path: text })),
  };
}
