import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { HeartcutError, printable } from "../../errors.ts";
import { RATIONALE_EVALUATION_NAME, rationaleEvaluationSchema } from "../../evaluate/rationale_files.ts";
import type { RationaleEvaluation } from "../../evaluate/rationale_record.ts";
import type { EvaluationResult } from "../../evaluate/record.ts";
import { TASK_EVALUATION_NAME, taskEvaluationSchema } from "../../evaluate/task_comparison_files.ts";
import type { TaskEvaluation } from "../../evaluate/task_comparison_record.ts";
import { sha256File } from "../../formats/publish.ts";
import type { FineTuningFacts, RationaleRunSummary } from "../rationale/record.ts";
import * as rationale from "../rationale/schema.ts";
import type { ReportData } from "../record.ts";
import { RunFolder } from "../run_folder.ts";
import * as schema from "../schema.ts";
import { provenanceOfRun } from "./provenance.ts";
import type { Provenance } from "./table.ts";

/** What tables read of evaluation.json. */
export type ExportedEvaluation = Pick<EvaluationResult, "students" | "seeded" | "computeSaved"> & {
  losses: Omit<EvaluationResult["losses"][number], "bySource" | "perInstance">[];
};

/** Everything tables are made of; parts are absent where the folder has no such record. */
export interface ExportSource {
  provenance: Provenance;
  /** A run of the selection method, as far as tables show it. */
  run?: Pick<ReportData, "run" | "students" | "selections">;
  /** A run of token rationales. */
  rationaleRun?: {
    run: RationaleRunSummary;
    students: (RationaleRunSummary["students"][number] & { training?: FineTuningFacts })[];
  };
  evaluation?: ExportedEvaluation;
  tasks?: TaskEvaluation;
  accuracies?: RationaleEvaluation;
}

const interval = z.tuple([z.number(), z.number()]);
const seededLoss = {
  loss: z.number(),
  interval: interval.exactOptional(),
  seeds: z.array(z.object({ seed: z.number(), loss: z.number(), interval })).min(1),
};
const comparison = schema.evaluation.shape.comparisons.element;

const evaluationSchema = schema.evaluation.pick({ computeSaved: true }).extend({
  losses: z.array(schema.evaluation.shape.losses.element.omit({ bySource: true, perInstance: true })),
  students: z.array(
    z.object({ name: z.string(), set: z.string(), ...seededLoss, bitsPerByte: z.object(seededLoss).exactOptional() }),
  ),
  seeded: z.array(
    comparison.extend({
      intervalOver: z.enum(["seeds", "instances"]),
      seeds: z.array(
        z.object({ seedA: z.number(), seedB: z.number(), difference: z.number(), interval, aBetter: z.number() }),
      ),
      p: z.number().exactOptional(),
      pHolm: z.number().exactOptional(),
    }),
  ),
}) satisfies z.ZodType<ExportedEvaluation>;

/**
 * Reads what tables are made of, from a run folder or from a folder with an evaluation in it.
 * @throws HeartcutError HC5060 for another folder, HC5002 for a damaged record, HC10xx for a file that cannot be read
 */
export async function loadExportSource(folder: string): Promise<ExportSource> {
  const records = new ExportFolder(folder);
  const kind = await records.json("run.json", z.object({ method: z.string().optional() }));
  const place = kind === undefined ? "" : "evaluate/";
  const evaluation = await records.evaluation(`${place}evaluation.json`, evaluationSchema);
  const tasks = await records.evaluation(`${place}${TASK_EVALUATION_NAME}`, taskEvaluationSchema);
  const accuracies = await records.evaluation(`${place}${RATIONALE_EVALUATION_NAME}`, rationaleEvaluationSchema);
  const evaluations = { ...(evaluation && { evaluation }), ...(tasks && { tasks }), ...(accuracies && { accuracies }) };
  const name = basename(resolve(folder));
  if (kind === undefined) {
    if (Object.keys(evaluations).length === 0) throw nothingHere(folder);
    return { provenance: { name, hashes: records.hashes }, ...evaluations };
  }
  if (kind.method === "rationale") {
    const rationaleRun = await records.rationaleRun();
    return { provenance: provenanceOfRun(rationaleRun.run, records.hashes), rationaleRun, ...evaluations };
  }
  if (kind.method !== undefined && kind.method !== "miniplm") throw nothingHere(folder, kind.method);
  const run = await records.selectionRun();
  return { provenance: provenanceOfRun(run.run, records.hashes), run, ...evaluations };
}

class ExportFolder extends RunFolder {
  /** Hashes of the evaluations that were read. */
  readonly hashes: Provenance["hashes"] = [];

  async evaluation<T>(path: string, shape: z.ZodType<T>): Promise<T | undefined> {
    const record = await this.json(path, shape);
    if (record !== undefined)
      this.hashes.push({ what: basename(path), sha256: (await sha256File(join(this.root, path))).sha256 });
    return record;
  }

  async selectionRun(): Promise<NonNullable<ExportSource["run"]>> {
    const run = await this.summary(schema.runSummary);
    const students: ReportData["students"] = [];
    for (const student of run.students) {
      const training = await this.json(`${student.folder}/training.json`, schema.trainingSummary);
      students.push({ ...student, ...(training && { training }), metrics: [] });
    }
    const selections: ReportData["selections"] = [];
    for (const name of new Set(run.students.map(({ selection }) => selection))) {
      const summary = await this.json(`select/${name}/selection.json`, schema.selectionSummary);
      selections.push({ name, ...(summary && { summary }), examples: [] });
    }
    return { run, students, selections };
  }

  async rationaleRun(): Promise<NonNullable<ExportSource["rationaleRun"]>> {
    const run = await this.summary(rationale.runSummary);
    const students: NonNullable<ExportSource["rationaleRun"]>["students"] = [];
    for (const student of run.students) {
      const training = await this.json(`${student.folder}/training.json`, rationale.fineTuningFacts);
      students.push({ ...student, ...(training && { training }) });
    }
    return { run, students };
  }
}

function nothingHere(folder: string, method?: string): HeartcutError {
  return new HeartcutError("HC5060", {
    what: "nothing here that tables can be made of",
    where: printable(folder),
    found:
      method === undefined
        ? `no run.json, evaluation.json, ${TASK_EVALUATION_NAME} or ${RATIONALE_EVALUATION_NAME}`
        : `a run of the method ${printable(method)}`,
    expected: "the folder of a run (of Difference Sampling or token rationales), or of an evaluation",
    fix: "give the folder that `heartcut run` or `heartcut evaluate` wrote",
  });
}
