import { join } from "node:path";
import { printable } from "../../errors.ts";
import { SPLITS, type TaskExample } from "../../tasks/record.ts";
import type { JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";
import { more } from "./data.ts";

/** A folder of records by split: what it is, in a line, and its summary. */
export interface SplitRecords {
  what: string;
  summary: { splits: Record<string, { examples: number; rationales?: unknown }> };
}

/** The records by split that a folder holds; undefined where it holds none. */
export async function splitRecords(folder: string): Promise<SplitRecords | undefined> {
  const { holds } = await import("../holds.ts");
  if (await holds(folder, "task.json")) {
    const { readTaskSummary } = await import("../../tasks/files.ts");
    const summary = await readTaskSummary(folder);
    return { what: `task ${summary.task}, judged by ${summary.metric}`, summary };
  }
  if (await holds(folder, "attribution.json")) {
    const { readAttributionSummary } = await import("../../attribute/files.ts");
    const summary = await readAttributionSummary(folder);
    return { what: `attributions by ${summary.method} of ${summary.model}`, summary };
  }
  if (await holds(folder, "rationales.json")) {
    const { readRationaleSummary } = await import("../../rationale/files.ts");
    const summary = await readRationaleSummary(folder);
    return { what: `rationales of source ${summary.source}`, summary };
  }
  return undefined;
}

/** The size of every split, and the first rows of the first one. */
export async function inspectSplits(folder: string, { what, summary }: SplitRecords, rows: number): Promise<JobResult> {
  const { readJsonl } = await import("../../formats/jsonl.ts");
  const names = SPLITS.filter((split) => summary.splits[split] !== undefined);
  const sizes = names.map((split) => {
    const { examples, rationales } = summary.splits[split]!;
    const of = typeof rationales === "number" ? `${formatCount(rationales)} of ` : "";
    return `${split} ${of}${formatCount(examples)}`;
  });
  const first: unknown[] = [];
  if (rows > 0)
    for await (const { value } of readJsonl(join(folder, `${names[0]}.jsonl`))) if (first.push(value) === rows) break;
  return {
    text: printable([`${folder}: ${what}: ${sizes.join(", ")}`, ...first.map((row) => JSON.stringify(row))].join("\n")),
    data: { ...summary, first },
  };
}

/** Rows of a JSONL file: answers of a model, examples of a task, or any others. */
export async function inspectJsonl(path: string, rows: number): Promise<JobResult> {
  const { readJsonl } = await import("../../formats/jsonl.ts");
  const first: unknown[] = [];
  let [total, withLlm, withHuman] = [0, 0, 0];
  let isTask = false;
  for await (const { value } of readJsonl(path)) {
    if (total === 0 && isPrediction(value)) return inspectPredictions(path, rows);
    if (total === 0) isTask = isExample(value);
    if (isTask && isExample(value)) {
      if (value.rationales.llm !== undefined) withLlm++;
      if (value.rationales.human !== undefined) withHuman++;
    }
    if (total++ < rows) first.push(value);
  }
  const what = isTask
    ? `${formatCount(total)} examples of a task, ${formatCount(withLlm)} with a rationale of an LLM, ${formatCount(withHuman)} with one of people`
    : `${formatCount(total)} rows`;
  return {
    text: printable([`${path}: ${what}`, ...first.map((row) => JSON.stringify(row)), ...more(total, rows)].join("\n")),
    data: { rows: total, ...(isTask && { llmRationales: withLlm, humanRationales: withHuman }), first },
  };
}

/** How many of a model's answers are right, how many are no possible answers, and the first of them. */
async function inspectPredictions(path: string, rows: number): Promise<JobResult> {
  const { readPredictions } = await import("../../tasks/files.ts");
  const { answerFigures, figuresInWords } = await import("../answer_figures.ts");
  const predictions = await readPredictions(path);
  const figures = answerFigures(predictions);
  const first = predictions.slice(0, rows);
  const lines = first.map(
    ({ id, prediction, target, correct, valid }) =>
      `${correct ? "right  " : valid ? "wrong  " : "invalid"}  ${id}: ${JSON.stringify(prediction)}${correct ? "" : `, gold ${JSON.stringify(target)}`}`,
  );
  return {
    text: printable([`${path}: ${figuresInWords(figures)}`, ...lines, ...more(predictions.length, rows)].join("\n")),
    data: { ...figures, first },
  };
}

function isPrediction(value: unknown): boolean {
  return isObject(value) && ["prediction", "target", "correct", "valid"].every((key) => key in value);
}

function isExample(value: unknown): value is TaskExample {
  return isObject(value) && ["input", "target", "spans"].every((key) => key in value) && isObject(value.rationales);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
