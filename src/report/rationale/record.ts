import type { AttributionRow, AttributionSummary } from "../../attribute/record.ts";
import type { RationaleEvaluation } from "../../evaluate/rationale_record.ts";
import type { RationaleRow, RationaleSummary } from "../../rationale/record.ts";
import type { RunSummary } from "../../run/record.ts";
import type { Prediction, Split, TaskExample, TaskSummary } from "../../tasks/record.ts";
import type { FineTuneLine, FineTuneSummary } from "../../train/record.ts";
import type { MissingPart } from "../record.ts";

/** run.json of a run of token rationales; fields of the same name are those of a MiniPLM run. */
export interface RationaleRunSummary
  extends Pick<RunSummary, "name" | "heartcutVersion" | "recipe" | "seed" | "environment" | "stages"> {
  method: "rationale";
  /** Name of the task, and what its examples ask, in a sentence. */
  task: { name: string; description: string };
  /** What the models are and what they were trained on, in a sentence each. */
  provenance: { role: "teacher" | "student"; model: string; sentence: string; parameters: number }[];
  /** Attributions in attribute/<name>. */
  attributions: { name: string }[];
  /** Rationales in rationales/<name>, and the attribution their tokens were chosen by, where there is one. */
  rationales: { name: string; attribution?: string }[];
  students: {
    /** Display name, e.g. "tokens". Students of one name differ by seed only. */
    name: string;
    seed: number;
    folder: string;
    /** How it was taught: the layout of its objective and its further losses, e.g. "multi_task", "standard + attention guidance"; "standard" alone is fine-tuning on the answers. */
    method: string;
    /** Name of the rationales it was taught with. */
    rationale?: string;
  }[];
}

/** What the report reads of training.json beside a fine-tuned model. */
export type FineTuningFacts = Pick<FineTuneSummary, "parameters" | "steps" | "best" | "examples" | "tokens" | "flops">;

/** A part of the loss that is logged by itself. */
export type LossName = keyof Extract<FineTuneLine, { type: "train" }>["losses"];

/** Training record of one fine-tuned model; absent parts were not written (yet). */
export interface FineTunedModel {
  training?: FineTuningFacts;
  metrics: FineTuneLine[];
}

/** One student: who it is in the run, its training, and its answers on the test split (the first of them). */
export interface RationaleStudent extends FineTunedModel {
  name: string;
  seed: number;
  folder: string;
  method: string;
  rationale?: string;
  predictions: Prediction[];
}

/** One set of rationales: how they were made, and the first rows of one split. */
export interface RationaleSet {
  name: string;
  attribution?: string;
  summary?: RationaleSummary;
  split?: Split;
  rows: RationaleRow[];
}

/** One attribution: how the scores were made, and the first rows of one split, each beside its example. */
export interface AttributionSet {
  name: string;
  summary?: AttributionSummary;
  split?: Split;
  scored: { example: TaskExample; row: AttributionRow }[];
}

/** Everything a report of token rationales shows: records of the earlier stages, nothing computed. */
export interface RationaleReportData {
  run: RationaleRunSummary;
  /** The task as the teacher reads it. */
  task?: TaskSummary;
  /** The same with the students' own training examples, where these are not the teacher's. */
  studentTask?: TaskSummary;
  /** The teacher, where it was fine-tuned in this run. */
  teacher?: FineTunedModel;
  students: RationaleStudent[];
  attributions: AttributionSet[];
  rationales: RationaleSet[];
  evaluation?: RationaleEvaluation;
  missing: MissingPart[];
}
