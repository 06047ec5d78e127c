import { join } from "node:path";
import type { z } from "zod";
import { HeartcutError, printable } from "../errors.ts";
import { isMissing } from "../formats/file_system.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { readLines } from "../formats/lines.ts";
import { readParquetColumns } from "../formats/parquet.ts";
import type { JsonValue } from "../formats/strict_json.ts";
import type { MissingPart, ModelRecord, ReportData, ScoreColumns, SelectionRecord } from "./record.ts";
import * as schema from "./schema.ts";

/** A JSON record larger than this is refused. evaluation.json, with a number per instance and model, is the largest. */
export const RECORD_BYTES = 512 * 2 ** 20;

/**
 * Reads the records of a run folder, finished or not. Parts that are not there are listed in `missing`.
 * @throws HeartcutError HC5001 if the folder is no run folder, HC5002 if a record is there but damaged,
 * HC10xx if a file cannot be read at all
 */
export async function loadReportData(runFolder: string): Promise<ReportData> {
  const missing: MissingPart[] = [];
  const folder = new RunFolder(runFolder, missing);
  const run = await folder.json("run.json", schema.runSummary);
  if (run === undefined)
    throw new HeartcutError("HC5001", {
      what: "this folder holds no run",
      where: runFolder,
      found: "no run.json",
      expected: "the output folder of `heartcut run`",
      fix: "give the folder that `heartcut run RECIPE --out FOLDER` wrote",
    });

  const models: ReportData["models"] = {};
  for (const role of ["teacher", "reference"] as const) {
    const model = await folder.model(`models/${role}`);
    const trainedHere = run.stages.some(({ stage }) => stage === `models/${role}`);
    if (model !== undefined) models[role] = model;
    else if (trainedHere)
      missing.push({ what: `training record of the ${role}`, path: `models/${role}/training.json` });
  }

  const students: ReportData["students"] = [];
  for (const { name, seed, folder: path, selection } of run.students) {
    const record = await folder.model(path);
    if (record?.training === undefined)
      missing.push({ what: `student ${name}, seed ${seed}`, path: `${path}/training.json` });
    students.push({ name, seed, selection, folder: path, ...(record ?? { metrics: [] }) });
  }

  const chosen = run.stages.flatMap(({ stage }) =>
    stage.startsWith("select/") ? [stage.slice("select/".length)] : [],
  );
  const names = [...new Set([...run.students.map((student) => student.selection), ...chosen])];
  const selections = await Promise.all(names.map((name) => folder.selection(name)));
  const scores = await folder.scores("score/scores.parquet");
  if (scores === undefined) missing.push({ what: "scores of teacher and reference", path: "score/scores.parquet" });
  const evaluation = await folder.json("evaluate/evaluation.json", schema.evaluation);
  if (evaluation === undefined) missing.push({ what: "held-out evaluation", path: "evaluate/evaluation.json" });

  return {
    run,
    models,
    students,
    selections,
    ...(scores === undefined ? {} : { scores }),
    ...(evaluation === undefined ? {} : { evaluation }),
    missing,
  };
}

class RunFolder {
  constructor(
    private readonly root: string,
    private readonly missing: MissingPart[],
  ) {}

  /** The record at a path, or undefined if there is no such file. */
  async json<T>(path: string, shape: z.ZodType<T>): Promise<T | undefined> {
    const file = join(this.root, path);
    const value = await unlessMissing(readRecord(file));
    return value === undefined ? undefined : checked(value, shape, file);
  }

  /** The records of a JSONL file, or undefined if there is no such file. A torn last line (a killed run) is left out. */
  async lines<T>(path: string, shape: z.ZodType<T>): Promise<T[] | undefined> {
    const file = join(this.root, path);
    const read = async () => {
      const records: T[] = [];
      let torn: HeartcutError | undefined;
      for await (const { number, text } of readLines(file)) {
        if (torn !== undefined) throw torn;
        if (text.trim() === "") continue;
        const where = `${file}:${number}`;
        try {
          records.push(checked(parsed(text, where), shape, where));
        } catch (error) {
          if (!(error instanceof HeartcutError && error.cause instanceof SyntaxError)) throw error;
          torn = error;
        }
      }
      return records;
    };
    return unlessMissing(read());
  }

  async model(path: string): Promise<ModelRecord | undefined> {
    const training = await this.json(`${path}/training.json`, schema.trainingSummary);
    const metrics = await this.lines(`${path}/metrics.jsonl`, schema.metricsLine);
    if (training === undefined && metrics === undefined) return undefined;
    return { ...(training === undefined ? {} : { training }), metrics: metrics ?? [] };
  }

  async selection(name: string): Promise<SelectionRecord> {
    const summary = await this.json(`select/${name}/selection.json`, schema.selectionSummary);
    const statistics = await this.json(`select/${name}/statistics.json`, schema.scoreStatistics);
    const examples = await this.lines(`examples/${name}/examples.jsonl`, schema.example);
    if (summary === undefined) this.missing.push({ what: `selection ${name}`, path: `select/${name}/selection.json` });
    return {
      name,
      ...(summary === undefined ? {} : { summary }),
      ...(statistics === undefined ? {} : { statistics }),
      examples: examples ?? [],
    };
  }

  /** The drawn columns of scores.parquet. */
  async scores(path: string): Promise<ScoreColumns | undefined> {
    const wanted = { source: "string", nll_teacher: "double", nll_reference: "double", difference: "double" } as const;
    const columns = await unlessMissing(readParquetColumns(join(this.root, path), wanted));
    if (columns === undefined) return undefined;
    const sources = [...new Set(columns.source)];
    const index = new Map(sources.map((source, i) => [source, i]));
    return {
      sources,
      source: Uint32Array.from(columns.source, (source) => index.get(source)!),
      nllTeacher: Float32Array.from(columns.nll_teacher),
      nllReference: Float32Array.from(columns.nll_reference),
      difference: Float32Array.from(columns.difference),
    };
  }
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function readRecord(file: string): Promise<JsonValue> {
  try {
    return await readJsonFile(file, { wholeNumbers: "rounded", limits: { jsonBytes: RECORD_BYTES } });
  } catch (error) {
    if (!(error instanceof HeartcutError && ["HC1006", "HC1020"].includes(error.code))) throw error;
    const { what, found } = error.fault;
    throw damaged(file, found === undefined ? what : `${what}: ${found}`, { cause: error });
  }
}

function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw damaged(where, (error as SyntaxError).message, { cause: error });
  }
}

function checked<T>(value: unknown, shape: z.ZodType<T>, where: string): T {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw damaged(where, `${issue.path.map(String).join(".") || "the record"}: ${issue.message}`);
}

function damaged(where: string, found: string, options?: ErrorOptions): HeartcutError {
  return new HeartcutError(
    "HC5002",
    {
      what: "a record of the run cannot be read",
      where: printable(where),
      found: printable(found),
      expected: "the file as the run wrote it",
      fix: "run the recipe again with the same --out: stages whose files are damaged are done anew",
    },
    options,
  );
}
