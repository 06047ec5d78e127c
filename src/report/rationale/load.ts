import { HeartcutError, printable } from "../../errors.ts";
import type { Split, TaskSummary } from "../../tasks/record.ts";
import { RunFolder } from "../run_folder.ts";
import type {
  AttributionSet,
  FineTunedModel,
  RationaleReportData,
  RationaleRunSummary,
  RationaleSet,
  RationaleStudent,
} from "./record.ts";
import * as schema from "./schema.ts";

/** Rows read of each file of examples, attributions, rationales and predictions: a page shows a dozen, and a task may have half a million. */
export const SAMPLE = 2000;

/** Stage and folder of the task with the students' own training examples. */
const STUDENT_TASK = "task-students";

/** Splits by how much a reader wants to see them: those that no model learned from first. */
const SHOWN_SPLITS: readonly Split[] = ["test", "validation", "train"];

/**
 * Reads the records of a run of token rationales, finished or not. Parts that are not there are listed in `missing`.
 * @throws HeartcutError HC5001 if the folder is no run folder, HC5002 if a record is there but damaged, HC5051 if
 * records that belong together do not fit each other, HC10xx if a file cannot be read at all
 */
export async function loadRationaleReportData(runFolder: string): Promise<RationaleReportData> {
  const folder = new RationaleRun(runFolder);
  const run = await folder.summary(schema.runSummary);
  const task = await folder.wanted("task", "task/task.json", schema.taskSummary);
  const studentTask = await folder.studentTask(run);
  const teacher = await folder.fineTuned("models/teacher");
  if (teacher?.training === undefined && run.stages.some(({ stage }) => stage === "models/teacher"))
    folder.missing.push({ what: "training record of the teacher", path: "models/teacher/training.json" });
  const attributions: AttributionSet[] = [];
  for (const { name } of run.attributions) attributions.push(await folder.attribution(name));
  const rationales: RationaleSet[] = [];
  for (const one of run.rationales) rationales.push(await folder.rationales(one, attributions));
  const students: RationaleStudent[] = [];
  for (const student of run.students) students.push(await folder.student(student));
  const evaluation = await folder.wanted("evaluation", "evaluate/rationale_evaluation.json", schema.evaluation);
  return {
    run,
    ...(task === undefined ? {} : { task }),
    ...(studentTask === undefined ? {} : { studentTask }),
    ...(teacher === undefined ? {} : { teacher }),
    students,
    attributions,
    rationales,
    ...(evaluation === undefined ? {} : { evaluation }),
    missing: folder.missing,
  };
}

class RationaleRun extends RunFolder {
  /** The students' task, missing only where the run has a stage that makes it. */
  async studentTask({ stages }: RationaleRunSummary): Promise<TaskSummary | undefined> {
    if (!stages.some(({ stage }) => stage === STUDENT_TASK)) return undefined;
    return this.wanted("the students' task", `${STUDENT_TASK}/task.json`, schema.taskSummary);
  }

  async fineTuned(path: string): Promise<FineTunedModel | undefined> {
    const training = await this.json(`${path}/training.json`, schema.fineTuningFacts);
    const metrics = await this.lines(`${path}/metrics.jsonl`, schema.fineTuneLine);
    if (training === undefined && metrics === undefined) return undefined;
    return { ...(training === undefined ? {} : { training }), metrics: metrics ?? [] };
  }

  async student(student: RationaleRunSummary["students"][number]): Promise<RationaleStudent> {
    const { name, seed, folder } = student;
    const record = await this.fineTuned(folder);
    if (record?.training === undefined)
      this.missing.push({ what: `student ${name}, seed ${seed}`, path: `${folder}/training.json` });
    const predictions = await this.lines(`${folder}/predictions.jsonl`, schema.prediction, SAMPLE);
    if (predictions === undefined)
      this.missing.push({ what: `answers of ${name}, seed ${seed}`, path: `${folder}/predictions.jsonl` });
    return { ...student, ...(record ?? { metrics: [] }), predictions: predictions ?? [] };
  }

  /** How an attribution was made, and its first rows on the split that says most, beside their examples. */
  async attribution(name: string): Promise<AttributionSet> {
    const summary = await this.wanted(
      `attribution ${name}`,
      `attribute/${name}/attribution.json`,
      schema.attributionSummary,
    );
    const split = SHOWN_SPLITS.find((one) => summary?.splits[one] !== undefined);
    if (summary === undefined || split === undefined) return { name, ...(summary && { summary }), scored: [] };
    const rows = await this.lines(`attribute/${name}/${split}.jsonl`, schema.attributionRow, SAMPLE);
    if (rows === undefined) this.missing.push({ what: `scores of ${name}`, path: `attribute/${name}/${split}.jsonl` });
    const examples = await this.lines(`task/${split}.jsonl`, schema.taskExample, SAMPLE);
    const byId = new Map(examples?.map((example) => [example.id, example]));
    const scored = (rows ?? []).flatMap((row) => {
      const example = byId.get(row.id);
      if (example === undefined) return [];
      if (row.spans.some(([, end]) => end > example.input.length))
        throw foreign(`attribute/${name}/${split}.jsonl`, row.id);
      return [{ example, row }];
    });
    return { name, summary, split, scored };
  }

  /** How rationales were made, and their first rows: of the split that their attribution is shown for, where they have it. */
  async rationales(
    { name, attribution }: RationaleRunSummary["rationales"][number],
    attributions: readonly AttributionSet[],
  ): Promise<RationaleSet> {
    const which = { name, ...(attribution === undefined ? {} : { attribution }) };
    const summary = await this.wanted(
      `rationales ${name}`,
      `rationales/${name}/rationales.json`,
      schema.rationaleSummary,
    );
    const scores = attributions.find((one) => one.name === attribution);
    const split = [scores?.split, ...SHOWN_SPLITS].find(
      (one) => one !== undefined && summary?.splits[one] !== undefined,
    );
    if (summary === undefined || split === undefined) return { ...which, ...(summary && { summary }), rows: [] };
    const path = `rationales/${name}/${split}.jsonl`;
    const rows = await this.lines(path, schema.rationaleRow, SAMPLE);
    if (rows === undefined) this.missing.push({ what: `texts of ${name}`, path });
    const byId = new Map(scores?.scored.map(({ example }) => [example.id, example]));
    for (const { id, units } of rows ?? []) {
      const length = byId.get(id)?.input.length ?? Number.POSITIVE_INFINITY;
      if (units.some(({ span }) => span[1] > length)) throw foreign(path, id);
    }
    return { ...which, summary, split, rows: rows ?? [] };
  }
}

function foreign(path: string, id: string): HeartcutError {
  return new HeartcutError("HC5051", {
    what: "a record of the run does not fit the example it names",
    where: printable(path),
    found: `spans beyond the end of the input of ${printable(id)}`,
    expected: "spans of the input in task/",
    why: "the words on the page would not be the ones that were scored or chosen",
    fix: "run the recipe again with the same --out: stages whose inputs have changed are done anew",
  });
}
