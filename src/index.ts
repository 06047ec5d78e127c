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

// Teachers of any kind: folders, GGUF files, servers, exported graphs.

export { openTeacher } from "./teachers/open.ts";
export type { Teacher, TeacherContext } from "./teachers/record.ts";
export {
  type EndpointSpec,
  parseTeacherSpec,
  type TeacherSpec,
  type TeacherSpecInput,
  teacherSpec,
} from "./teachers/spec.ts";

// The Hugging Face hub.

export { bringHere, type LocalSource, type SourceUse } from "./hub/bring.ts";
export { type Downloaded, type DownloadOptions, downloadFiles, downloadModel } from "./hub/download.ts";
export type { ModelPart } from "./hub/model_files.ts";
export { type PushedFile, type PushOptions, type PushResult, pushModel } from "./hub/push.ts";
export { formatReference, type HubReference, hubReference, resolveSource, type Source } from "./hub/reference.ts";
export { type HubSettings, hubSettings } from "./hub/settings.ts";

// Text: reading, tokenizing, packing, re-encoding for another tokenizer.

export { hashInstances, type InstanceContent } from "./corpus/content_files.ts";
export { type ConvertInput, convertInstances } from "./corpus/convert.ts";
export type { ConvertRow, ConvertSummary, Overflow } from "./corpus/convert_record.ts";
export { openInstances, writeInstances } from "./corpus/instances.ts";
export { type PackInput, type PackOptions, type PackSummary, packCorpus } from "./corpus/pack.ts";
export { type CorpusSpec, type DocumentStream, type Filter, type NamedPath, readDocuments } from "./corpus/read.ts";
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
export { type BitsPerByteInput, joinBitsPerByte, type ScoredText } from "./score/bits_per_byte.ts";
export { type CountTextBytesInput, countTextBytes } from "./score/bits_per_byte_count.ts";
export { readBitsPerByteSummary, readTextBytes, type TextBytesFolder } from "./score/bits_per_byte_files.ts";
export {
  type BitsPerByteSummary,
  bitsPerByte,
  type ScoreUnit,
  type TextBytesRow,
  type TextBytesSummary,
} from "./score/bits_per_byte_record.ts";
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
export { type TokenMaskInput, writeTokenMask } from "./select/token_mask.ts";
export { openTokenMask, type TokenMask } from "./select/token_mask_files.ts";
export type { TokenMaskRow, TokenMaskScope, TokenMaskSummary } from "./select/token_mask_record.ts";
export { type AdamWOptions, MINIPLM_ADAMW } from "./train/adamw.ts";
export type { MetricsLine, TrainingSummary } from "./train/record.ts";
export { type TrainInput, trainModel, trainModel as train } from "./train/train.ts";

// What else a teacher leaves for students: its likeliest tokens, its own text; and the distances they learn by.

export { type CapturedTeacher, type CaptureInput, captureTeacher } from "./capture/capture.ts";
export { generateInstances, type SequencesInput } from "./capture/sequences.ts";
export { type AfterEos, readSequencesSummary, type SequencesSummary } from "./capture/sequences_files.ts";
export { ATTENTION_LOSSES, type AttentionLoss } from "./distill/attention_matching.ts";
export { COEFFICIENTS, DISTILLATION_LOSSES, type DistillationLossName } from "./distill/distillation_losses.ts";
export { HIDDEN_LOSSES, type HiddenLoss } from "./distill/hidden_matching.ts";
export type { TopLogProbs } from "./distill/record.ts";
export { openTeacherStore, readStoreSummary, type StoreExpectation, type TeacherStore } from "./distill/store.ts";
export { estimateStore, type StoreSize } from "./distill/store_estimate.ts";
export type { StoreOrigin, StoreSummary } from "./distill/store_header.ts";
export { STORE_PRECISIONS, type StorePrecision } from "./distill/store_precision.ts";
export type {
  Distillation,
  DistillationSettings,
  OnPolicySettings,
  TeacherSource,
} from "./train/distillation/settings.ts";

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

// Evaluation on tasks, as lm-evaluation-harness.

export { type EvaluateTaskScoresInput, evaluateTaskScores } from "./evaluate/evaluate_task_scores.ts";
export { readTaskEvaluation, writeTaskEvaluation } from "./evaluate/task_comparison_files.ts";
export type { StudentTaskScore, TaskComparison, TaskEvaluation } from "./evaluate/task_comparison_record.ts";
export { compareTasks } from "./evaluate/task_comparisons.ts";
export { causalLikelihood } from "./evaluate/tasks/causal_likelihood.ts";
export { type CustomEvaluation, customEvaluation } from "./evaluate/tasks/custom.ts";
export { type EvaluatedTasks, type EvaluateTasksInput, evaluateTasks } from "./evaluate/tasks/evaluate_tasks.ts";
export type { AskedSequence, Likelihood, LikelihoodModel } from "./evaluate/tasks/likelihood.ts";
export { prepareTask as prepareEvaluationTask } from "./evaluate/tasks/prepare.ts";
export type { PreparedTask } from "./evaluate/tasks/prepared.ts";
export type { ModelTasks, TaskMetric, TaskOutcome } from "./evaluate/tasks/record.ts";
export { TASKS as EVALUATION_TASKS, taskNamed as evaluationTaskNamed } from "./evaluate/tasks/registry.ts";
export { readModelTasks } from "./evaluate/tasks/results_files.ts";
export { scoreTask } from "./evaluate/tasks/score_task.ts";
export type { EvaluationTask } from "./evaluate/tasks/task.ts";
export { type EvaluateOnTasksInput, evaluateOnTasks } from "./run/evaluate_on_tasks.ts";

// Scaling laws, compute, what selections did, tables.

export { type AnalyzeInput, analyzeSelection } from "./analyze/analyze.ts";
export { auroc } from "./analyze/auroc.ts";
export { publishedNearDuplicates } from "./analyze/duplicate_files.ts";
export { auditLabels } from "./analyze/label_audit.ts";
export type { LabelAudit, ScorerAudit, SelectionAnalysis } from "./analyze/record.ts";
export { auditScorer } from "./analyze/scorer_audit.ts";
export { type EvaluateScalingInput, evaluateScaling } from "./evaluate/scaling/evaluate_scaling.ts";
export { type FittedScalingLaw, fitScalingLaw, type ScalingFitOptions } from "./evaluate/scaling/fit.ts";
export type { ScalingEvaluation, ScalingFit, ScalingPoint } from "./evaluate/scaling/record.ts";
export { countFlops } from "./graph/count_flops.ts";
export { readTables } from "./report/export/tables.ts";
export { renderTables, writeTables } from "./report/export/write.ts";
export { breakEven, breakEvenPoint } from "./run/estimate/break_even.ts";
export { estimateRecipe } from "./run/estimate/estimate.ts";

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
  /** Take from the Hugging Face hub only what its cache holds. */
  offline?: boolean;
}

/**
 * Runs a recipe file of either method to its report, as `heartcut run` does: the same call resumes.
 * Works in the calling thread, whose event loop waits during every call of the engine.
 * @throws HeartcutError HC40xx for the recipe, HC16xx for what it names on the hub, HC41xx for the folder, those of the stages; Interrupted
 */
export async function run(
  recipeFile: string,
  { out, set = [], rerun, verify, offline }: RunFileOptions = {},
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
      ...(offline !== undefined && { hub: { offline } }),
    },
    context,
  );
}
