import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeParquet } from "../../src/formats/parquet.ts";
import type { ReportData } from "../../src/report/record.ts";

/** Writes the records of a run as the stages lay them out. */
export async function writeRunFolder(data: ReportData, folder: string): Promise<void> {
  const put = async (path: string, content: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  };
  const json = (path: string, value: unknown) => put(path, JSON.stringify(value));
  const lines = (path: string, values: readonly unknown[]) =>
    put(path, values.map((value) => `${JSON.stringify(value)}\n`).join(""));
  await json("run.json", data.run);
  for (const [path, { training: done, metrics }] of [
    ...Object.entries(data.models).map(([role, model]) => [`models/${role}`, model] as const),
    ...data.students.map((student) => [student.folder, student] as const),
  ]) {
    if (done !== undefined) await json(`${path}/training.json`, done);
    if (metrics.length > 0) await lines(`${path}/metrics.jsonl`, metrics);
  }
  for (const { name, summary, statistics, analysis, examples } of data.selections) {
    if (summary !== undefined) await json(`select/${name}/selection.json`, summary);
    if (statistics !== undefined) await json(`select/${name}/statistics.json`, statistics);
    if (analysis !== undefined) await json(`analyze/${name}/analysis.json`, analysis);
    if (examples.length > 0) await lines(`examples/${name}/examples.jsonl`, examples);
  }
  for (const { name, summary } of data.texts ?? [])
    if (summary !== undefined) await json(`generate/${name}/sequences.json`, summary);
  if (data.scoreUnit !== undefined) await json("score/scores.json", { unit: data.scoreUnit });
  if (data.evaluation !== undefined) await json("evaluate/evaluation.json", data.evaluation);
  if (data.tasks !== undefined) await json("evaluate/tasks.json", data.tasks);
  if (data.scaling !== undefined) await json("evaluate/scaling.json", data.scaling);
  const { scores } = data;
  if (scores !== undefined)
    await writeParquet(join(folder, "score/scores.parquet"), [
      { name: "instance", type: "int32", data: scores.difference.map((_, i) => i) },
      { name: "source", type: "string", data: Array.from(scores.source, (i) => scores.sources[i]!) },
      { name: "nll_teacher", type: "double", data: scores.nllTeacher },
      { name: "nll_reference", type: "double", data: scores.nllReference },
      { name: "difference", type: "double", data: scores.difference },
    ]);
}
