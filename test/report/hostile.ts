import { AVERAGE } from "../../src/evaluate/task_comparison_record.ts";
import type { RationaleReportData } from "../../src/report/rationale/record.ts";
import type { ReportData } from "../../src/report/record.ts";
import { finishedRun } from "./fixture.ts";
import { finishedRationaleRun } from "./rationale_fixture.ts";
import { withScience } from "./science_fixture.ts";

/** Gives each text one of the given ones. The same name must get the same wherever it stands, or the records would no longer belong together. */
function hostileNames(texts: readonly string[]) {
  let next = 0;
  const names = new Map<string, string>();
  const hostile = (text: string): string => {
    const known = names.get(text);
    if (known !== undefined) return known;
    const fresh = `${texts[next++ % texts.length]!}${next}`;
    names.set(text, fresh);
    return fresh;
  };
  return { names, hostile };
}

let harmlessSelectionRun: ReportData | undefined;

/** A run in which every text field holds one of the given texts. */
export function hostileRun(texts: readonly string[]): ReportData {
  harmlessSelectionRun ??= withScience(finishedRun({ instances: 120, seeds: [1, 2], more: true }));
  return hostileStudentsRun(harmlessSelectionRun, texts);
}

/** The same of a given run. What a student's plan says is hostile too, and still names the same students and stages. */
export function hostileStudentsRun(data: ReportData, texts: readonly string[]): ReportData {
  const { names, hostile } = hostileNames(texts);
  const fixed = new Set([
    "method",
    "role",
    "type",
    "stratum",
    "plan.text",
    "by",
    "law",
    "resampled",
    "intervalOver",
    "of",
  ]);
  // Words that the records share with this program; those of one place may be anything in others.
  const isFixed = (place: string, text: string) =>
    fixed.has(place) ||
    (place === "unit" && ["bits_per_byte", "nats_per_token"].includes(text)) ||
    (place === "metric" && text === "acc_norm") ||
    (place === "task" && text === AVERAGE);
  const walk = (value: unknown, key = "", within = ""): unknown => {
    const place = within === "plan" ? `plan.${key}` : key;
    if (typeof value === "string") return isFixed(place, value) ? value : hostile(value);
    if (Array.isArray(value)) return value.map((one) => walk(one, key, within));
    if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, walk(one, name, key)]));
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

let harmlessRun: RationaleReportData | undefined;

/** A run of token rationales in which every text field, and every name of a setting, a reason and a loss, holds one of the given texts. */
export function hostileRationaleRun(texts: readonly string[]): RationaleReportData {
  harmlessRun ??= finishedRationaleRun({ seeds: [1, 2], more: true });
  const { hostile } = hostileNames(texts);
  const fixed = new Set(["role", "type", "split", "source", "metric", "rule", "view", "intervalOver"]);
  const isFixed = (key: string, value: string) => fixed.has(key) || (key === "method" && value !== "multi_task");
  const walk = (value: unknown, key = ""): unknown => {
    if (typeof value === "string") {
      // Spans point into inputs: they must stay as long as they were.
      if (key === "input") return hostile(value).padEnd(value.length, " <b>\u202e&").slice(0, value.length);
      return isFixed(key, value) ? value : hostile(value);
    }
    if (Array.isArray(value)) return value.map((one) => walk(one, key));
    if (value === null || typeof value !== "object") return value;
    const named = ["settings", "dropped", "losses"].includes(key);
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [named ? hostile(name) : name, walk(one, name)]),
    );
  };
  const result = walk(harmlessRun) as RationaleReportData;
  return { ...result, missing: texts.map((text) => ({ what: text, path: text })) };
}
