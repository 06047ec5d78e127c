import { join } from "node:path";
import type { z } from "zod";
import { taskEvaluationSchema } from "../evaluate/task_comparison_files.ts";
import { readParquetColumns } from "../formats/parquet.ts";
import { asksFor } from "./asked.ts";
import { scalingEvaluation, selectionAnalysis } from "./evaluation_schema.ts";
import type { ModelRecord, ReportData, ScoreColumns, SelectionRecord } from "./record.ts";
import { RunFolder, unlessMissing } from "./run_folder.ts";
import * as schema from "./schema.ts";

export { RECORD_BYTES } from "./run_folder.ts";

/**
 * Reads the records of a run folder, finished or not. Parts that are not there are listed in `missing`.
 * @throws HeartcutError HC5001 if the folder is no run folder, HC5002 if a record is there but damaged,
 * HC10xx if a file cannot be read at all
 */
export async function loadReportData(runFolder: string): Promise<ReportData> {
  const folder = new SelectionRun(runFolder);
  const { missing } = folder;
  const run = await folder.summary(schema.runSummary);

  const models: ReportData["models"] = {};
  for (const role of ["teacher", "reference"] as const) {
    const model = await folder.model(`models/${role}`);
    const trainedHere = run.stages.some(({ stage }) => stage === `models/${role}`);
    if (model !== undefined) models[role] = model;
    else if (trainedHere)
      missing.push({ what: `training record of the ${role}`, path: `models/${role}/training.json` });
  }

  const students: ReportData["students"] = [];
  for (const { folder: path, ...student } of run.students) {
    const { name, seed } = student;
    const record = await folder.model(path);
    if (record?.training === undefined)
      missing.push({ what: `student ${name}, seed ${seed}`, path: `${path}/training.json` });
    students.push({ ...student, folder: path, ...(record ?? { metrics: [] }) });
  }

  const chosen = run.stages.flatMap(({ stage }) =>
    stage.startsWith("select/") ? [stage.slice("select/".length)] : [],
  );
  // Text that the teacher wrote is data of students too, but no selection.
  const isWritten = ({ plan }: (typeof run.students)[number]) => plan?.text === "teacher";
  const trained = run.students.filter((student) => !isWritten(student)).map(({ selection }) => selection);
  const names = [...new Set([...trained, ...chosen])];
  const written = [...new Set(run.students.filter(isWritten).map(({ selection }) => selection))];
  const texts = await Promise.all(written.map((name) => folder.teacherText(name)));
  const analyzed = asksFor(run.recipe, "analyze");
  const selections = await Promise.all(names.map((name) => folder.selection(name, analyzed)));
  const scores = await folder.scores("score/scores.parquet");
  if (scores === undefined) missing.push({ what: "scores of teacher and reference", path: "score/scores.parquet" });
  const scoreUnit = (await folder.json("score/scores.json", schema.scoreUnit))?.unit;
  const evaluation = await folder.wanted("held-out evaluation", "evaluate/evaluation.json", schema.evaluation);
  const tasks = await folder.perhapsWanted(
    asksFor(run.recipe, "evaluate", "tasks"),
    "evaluation on tasks",
    "evaluate/tasks.json",
    taskEvaluationSchema,
  );
  const scaling = await folder.perhapsWanted(
    asksFor(run.recipe, "evaluate", "scaling"),
    "scaling laws",
    "evaluate/scaling.json",
    scalingEvaluation,
  );

  return {
    run,
    models,
    students,
    selections,
    ...(texts.length === 0 ? {} : { texts }),
    ...(scores === undefined ? {} : { scores }),
    ...(scoreUnit === undefined ? {} : { scoreUnit }),
    ...(evaluation === undefined ? {} : { evaluation }),
    ...(tasks === undefined ? {} : { tasks }),
    ...(scaling === undefined ? {} : { scaling }),
    missing,
  };
}

class SelectionRun extends RunFolder {
  async model(path: string): Promise<ModelRecord | undefined> {
    const training = await this.json(`${path}/training.json`, schema.trainingSummary);
    const metrics = await this.lines(`${path}/metrics.jsonl`, schema.metricsLine);
    if (training === undefined && metrics === undefined) return undefined;
    return { ...(training === undefined ? {} : { training }), metrics: metrics ?? [] };
  }

  /** @param analyzed - whether the run was to look what the selection did to the corpus */
  async selection(name: string, analyzed: boolean): Promise<SelectionRecord> {
    const summary = await this.wanted(`selection ${name}`, `select/${name}/selection.json`, schema.selectionSummary);
    const statistics = await this.json(`select/${name}/statistics.json`, schema.scoreStatistics);
    // Nothing is to be said of a selection that takes everything.
    const analysis = await this.perhapsWanted(
      analyzed && summary !== undefined && summary.method !== "all",
      `analysis of selection ${name}`,
      `analyze/${name}/analysis.json`,
      selectionAnalysis,
    );
    const examples = await this.lines(`examples/${name}/examples.jsonl`, schema.example);
    return {
      name,
      ...(summary === undefined ? {} : { summary }),
      ...(statistics === undefined ? {} : { statistics }),
      ...(analysis === undefined ? {} : { analysis }),
      examples: examples ?? [],
    };
  }

  /** A part that only some runs have: missing only where the recipe asks for it. */
  perhapsWanted<T>(asked: boolean, what: string, path: string, shape: z.ZodType<T>): Promise<T | undefined> {
    return asked ? this.wanted(what, path, shape) : this.json(path, shape);
  }

  async teacherText(name: string): Promise<NonNullable<ReportData["texts"]>[number]> {
    const path = `generate/${name}/sequences.json`;
    const summary = await this.wanted(`text ${name} of the teacher`, path, schema.teacherText);
    return { name, ...(summary === undefined ? {} : { summary }) };
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
