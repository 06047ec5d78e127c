import type { SelectionAnalysis } from "../analyze/record.ts";
import type { SequencesSummary } from "../capture/sequences_files.ts";
import type { Evaluation } from "../evaluate/record.ts";
import type { ScalingEvaluation } from "../evaluate/scaling/record.ts";
import type { TaskEvaluation } from "../evaluate/task_comparison_record.ts";
import type { RunSummary, StudentPlan } from "../run/record.ts";
import type { Example } from "../score/record.ts";
import type { ScoreStatistics, SelectionSummary } from "../select/record.ts";
import type { MetricsLine, TrainingSummary } from "../train/record.ts";

/** Training record of one model; absent parts were not written (yet). */
export interface ModelRecord {
  training?: TrainingSummary;
  metrics: MetricsLine[];
}

/** One student: who it is in the run, and its training record. */
export interface StudentRecord extends ModelRecord {
  name: string;
  seed: number;
  /** Name of the selection, or of the teacher's text, that it was trained on. */
  selection: string;
  /** What it is and what it learns; absent from older runs. */
  plan?: StudentPlan;
  /** Folder inside the run folder, e.g. "students/difference-seed1". */
  folder: string;
}

/** One selection of the run: what came out, the distribution of its score, and documents to read. */
export interface SelectionRecord {
  name: string;
  summary?: SelectionSummary;
  statistics?: ScoreStatistics;
  /** What it did to the corpus; absent where the run did not look. */
  analysis?: SelectionAnalysis;
  examples: Example[];
}

/** What the report shows of text that the teacher wrote. */
export type TeacherText = Pick<
  SequencesSummary,
  "promptTokens" | "temperature" | "instances" | "tokens" | "generatedTokens"
>;

/** Columns of scores.parquet that are drawn. All arrays have one entry per instance; NLLs in nats per token, or in the run's scoreUnit. */
export interface ScoreColumns {
  sources: string[];
  /** Index into `sources`. */
  source: Uint32Array;
  nllTeacher: Float32Array;
  nllReference: Float32Array;
  difference: Float32Array;
}

/** A part of the run folder that was expected and is not there. */
export interface MissingPart {
  /** In words of the report, e.g. "held-out evaluation". */
  what: string;
  /** Path inside the run folder. */
  path: string;
}

/** Everything a report shows: records of the earlier stages, nothing computed. */
export interface ReportData {
  run: RunSummary;
  /** Models that were trained in this run; one that was brought along has no entry. */
  models: { teacher?: ModelRecord; reference?: ModelRecord };
  students: StudentRecord[];
  selections: SelectionRecord[];
  /** Text that the teacher wrote, by name; absent where no student learns from any. */
  texts?: { name: string; summary?: TeacherText }[];
  scores?: ScoreColumns;
  /** Present where teacher and reference read different tokens. */
  scoreUnit?: "bits_per_byte";
  evaluation?: Evaluation;
  /** Zero-shot tasks; absent where none were asked. */
  tasks?: TaskEvaluation;
  /** Scaling laws of the students' curves; absent where none were fitted. */
  scaling?: ScalingEvaluation;
  missing: MissingPart[];
}
