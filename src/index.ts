/** The library: everything a program may build on. What is not exported here may change without notice. */

import { packageVersion } from "./cli/package_root.ts";
import { quietContext } from "./progress.ts";
import { loadAnyRecipe } from "./run/any_recipe.ts";
import type { RunContext } from "./run/execute.ts";
import { type RunResult, runRecipe } from "./run/run.ts";

export { type Fault, HeartcutError, InternalError, Interrupted } from "./errors.ts";
export { checkpointSignal, type ProgressEvent, quietContext, type StageContext } from "./progress.ts";

// Models.

export type { HfConfigJson } from "./formats/hf_config.ts";
export {
  type CausalDescription,
  describeCausalModel,
  describeModel,
  forwardFlopsPerToken,
  MODEL_TYPES,
  type ModelDescription,
  type Seq2SeqDescription,
} from "./models/architecture.ts";
export { padTokens, type TokenBatch } from "./models/batch.ts";
export type { CausalLM, LossAndGradients } from "./models/causal_lm.ts";
export { type GenerateOptions, generateBatch, generateTokens } from "./models/generate.ts";
export type { LanguageModel, ModelOptions } from "./models/language_model.ts";
export {
  type AnyLanguageModel,
  createModel,
  languageModel,
  loadLanguageModel,
  loadModel,
  type SaveOptions,
  saveModel,
} from "./models/load.ts";
export {
  type EosIds,
  type LossMask,
  lossMask,
  type MaskIds,
  maskIdsOf,
  type ReducedNll,
  reduceNll,
} from "./models/loss_mask.ts";
export type { Pair, PairBatch } from "./models/pairs.ts";
export type { Seq2SeqLM } from "./models/seq2seq_lm.ts";
export type { WeightStore } from "./models/weights.ts";
export { availableDevices, type DeviceChoice, type DeviceName } from "./runtime/device.ts";

// Text: reading, tokenizing, packing.

export { openInstances, writeInstances } from "./corpus/instances.ts";
export { type PackInput, type PackOptions, type PackSummary, packCorpus } from "./corpus/pack.ts";
export { type CorpusSpec, type DocumentStream, type Filter, readDocuments } from "./corpus/read.ts";
export type { Document, Instance, InstanceReader, InstanceRow } from "./corpus/record.ts";
export {
  type EncodedInput,
  type EncodeInputOptions,
  encodeInput,
  encodeTarget,
} from "./tokenizers/encode_pair.ts";
export { copyTokenizer } from "./tokenizers/files.ts";
export {
  type DecodeOptions,
  type EncodeOptions,
  type LoadTokenizerOptions,
  loadTokenizer,
  type Tokenizer,
} from "./tokenizers/tokenizer.ts";
export { type TrainedTokenizer, type TrainTokenizerOptions, trainByteLevelBpe } from "./tokenizers/train.ts";

// The stages of Difference Sampling, as functions over records. `score`, `select`, `train` and `evaluate` are the short names.

export {
  type EvaluatedStudent,
  type EvaluateInput,
  type EvaluationResult,
  evaluateRun,
  evaluateRun as evaluate,
} from "./evaluate/evaluate.ts";
export type { Evaluation, HeldOutLoss, PairedComparison } from "./evaluate/record.ts";
export { type ScoreWithTeacherInput, scoreWithTeacher } from "./run/score_with_teacher.ts";
export { readScoreFolder, readScores, type ScoreFolder, type ScoreSummary } from "./score/files.ts";
export { type JoinInput, joinScores, type Reduction } from "./score/join.ts";
export type { NllRow, ScoreRow } from "./score/record.ts";
export { type ScoreInput, scoreModel, scoreModel as score } from "./score/score.ts";
export type { TokenNllModel } from "./score/scorer.ts";
export type { SelectionSettings } from "./select/choose.ts";
export type { Budget, NanPolicy } from "./select/difference_sampling.ts";
export type { ScoreStatistics, SelectionMethod, SelectionRow, SelectionSummary } from "./select/record.ts";
export {
  type SelectInput,
  type SelectResult,
  selectInstances,
  selectInstances as select,
} from "./select/select.ts";
export { type AdamWOptions, MINIPLM_ADAMW } from "./train/adamw.ts";
export type { MetricsLine, TrainingSummary } from "./train/record.ts";
export { type TrainInput, trainModel, trainModel as train } from "./train/train.ts";

// Token rationales: tasks as text.

export { type CustomTask, customTask } from "./tasks/custom.ts";
export { readExamples, readPredictions, readTaskSummary, writePredictions } from "./tasks/files.ts";
export { judge, METRICS, type Metric, metricNamed } from "./tasks/metrics.ts";
export { type PrepareInput, prepareTask } from "./tasks/prepare.ts";
export { type Prediction, SPLITS, type Span, type Split, type TaskExample, type TaskSummary } from "./tasks/record.ts";
export { TASKS, taskNamed } from "./tasks/registry.ts";
export type { Task } from "./tasks/task.ts";

// Token rationales: scores of input tokens, and what is made of them.

export { type AttributeRequest, attribute } from "./attribute/attribute.ts";
export { readAttributionSummary, readAttributions, readTeacherOutputs } from "./attribute/files.ts";
export { type ImportInput, importAttributions } from "./attribute/import.ts";
export type { Attribution, ComputedMethod, MethodOptions } from "./attribute/method.ts";
export {
  ATTRIBUTION_METHODS,
  type AttributionMethod,
  type AttributionRow,
  type AttributionSummary,
  type TeacherOutputRow,
} from "./attribute/record.ts";
export { attributeTask } from "./attribute/run.ts";
export type { AttributeTaskInput } from "./attribute/task_input.ts";
export { readRationaleSummary, readRationales } from "./rationale/files.ts";
export { RATIONALE_DEFAULTS, type RationaleOptions, resolveOptions } from "./rationale/options.ts";
export { makeRationales, type RationalesInput } from "./rationale/rationales.ts";
export {
  RATIONALE_SOURCES,
  type RationaleRow,
  type RationaleSource,
  type RationaleSummary,
  type RationaleUnit,
} from "./rationale/record.ts";
export { candidateUnits, type Ranking, selectRationale } from "./rationale/select.ts";
export { STOP_WORDS } from "./rationale/stop_words.ts";

// Token rationales: students, and how they and the scores are judged.

export {
  type FaithfulnessExample,
  type FaithfulnessOptions,
  faithfulnessRows,
  specialPositions,
  type TargetScorer,
} from "./evaluate/faithfulness.ts";
export { bootstrapMean, meanWithStudentInterval } from "./evaluate/intervals.ts";
export { type OverlapInput, type OverlapOptions, overlapRows } from "./evaluate/overlap.ts";
export { type PlausibilityInput, type PlausibilityOptions, plausibilityRow } from "./evaluate/plausibility.ts";
export {
  evaluateRationales,
  type RationaleEvaluationInput,
  type StudentAnswers,
} from "./evaluate/rationale_evaluation.ts";
export { readRationaleEvaluation, writeRationaleEvaluation } from "./evaluate/rationale_files.ts";
export type {
  AccuracyComparison,
  FaithfulnessRow,
  FaithfulnessView,
  HitRule,
  OverlapRow,
  PlausibilityRow,
  RationaleEvaluation,
  StudentAccuracy,
} from "./evaluate/rationale_record.ts";
export {
  coverProbability,
  holm,
  mcnemarExact,
  pairedAccuracyDifference,
  pairedTTest,
  wilsonInterval,
} from "./evaluate/statistics.ts";
export { FINE_TUNE_ADAMW } from "./train/adamw.ts";
export { fineTune } from "./train/fine_tune.ts";
export type { FineTuneInput } from "./train/fine_tune_input.ts";
export { type Objective, type ObjectiveOptions, settleObjective } from "./train/objective/objective.ts";
export { type PredictInput, predictTask } from "./train/predict.ts";
export type { FineTuneLine, FineTuneSummary } from "./train/record.ts";

// Reports.

export { loadReportData } from "./report/load.ts";
export { renderReport } from "./report/page.ts";
export { loadRationaleReportData } from "./report/rationale/load.ts";
export { renderRationaleReport } from "./report/rationale/page.ts";
export type { RationaleReportData, RationaleRunSummary } from "./report/rationale/record.ts";
export { renderRationaleTable } from "./report/rationale/summary.ts";
export { writeRationaleReport } from "./report/rationale/write.ts";
export type { ReportData } from "./report/record.ts";
export { renderMarkdownTable } from "./report/summary.ts";
export { writeReport } from "./report/write.ts";

// Whole runs.

export { type AnyRecipe, loadAnyRecipe, parseAnyRecipe, recipeJsonSchema } from "./run/any_recipe.ts";
export type { RunContext } from "./run/execute.ts";
export type { RationaleRecipe } from "./run/rationale/recipe_schema.ts";
export { formatRecipe, loadRecipe, parseRecipe } from "./run/recipe.ts";
export type { Recipe } from "./run/recipe_schema.ts";
export type { RunSummary } from "./run/record.ts";
export { type RunOptions, type RunResult, runRecipe } from "./run/run.ts";

/** What `heartcut run` takes as options. */
export interface RunFileOptions {
  /** Run folder; default `runs/<name of the recipe>`. */
  out?: string;
  /** Overrides such as "select.difference.ratio=0.3", whose values are YAML. */
  set?: readonly string[];
  /** Do again what changed since the folder was made, instead of stopping with HC4101. */
  rerun?: boolean;
  /** Compare contents, not only sizes, of finished files before they are reused. */
  verify?: boolean;
}

/**
 * Runs a recipe file of either method to its report, as `heartcut run` does: the same call resumes.
 * Works in the calling thread, whose event loop waits during every call of the engine.
 * @throws HeartcutError HC40xx for the recipe, HC41xx for the folder, those of the stages; Interrupted
 */
export async function run(
  recipeFile: string,
  { out, set = [], rerun, verify }: RunFileOptions = {},
  context: RunContext = quietContext("run"),
): Promise<RunResult> {
  const recipe = await loadAnyRecipe(recipeFile, set);
  return runRecipe(
    recipe,
    {
      folder: out ?? `runs/${recipe.name}`,
      heartcutVersion: packageVersion(),
      commands: {
        rerun: "run(recipe, { …, rerun: true })",
        elsewhere: "run(recipe, { …, out: another folder })",
      },
      ...(rerun !== undefined && { rerun }),
      ...(verify !== undefined && { verify }),
    },
    context,
  );
}
