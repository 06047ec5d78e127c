import { createHash } from "node:crypto";
import { join } from "node:path";
import type { MethodOptions } from "../../attribute/method.ts";
import type { AttributionSummary } from "../../attribute/record.ts";
import { attributeTask } from "../../attribute/run.ts";
import type { AttributeTaskInput } from "../../attribute/task_input.ts";
import { isMissing } from "../../formats/file_system.ts";
import type { HfConfigJson } from "../../formats/hf_config.ts";
import { readJsonFile } from "../../formats/json_file.ts";
import { generateBatch } from "../../models/generate.ts";
import { loadLanguageModel } from "../../models/load.ts";
import type { StageContext } from "../../progress.ts";
import type { DeviceChoice } from "../../runtime/device.ts";
import { judge, type Metric } from "../../tasks/metrics.ts";
import type { Prediction, Split, TaskExample } from "../../tasks/record.ts";
import { describeModelFolder } from "../../teachers/fingerprint.ts";
import { copyTokenizer } from "../../tokenizers/files.ts";
import { loadTokenizer, type Tokenizer } from "../../tokenizers/tokenizer.ts";
import { fineTune } from "../../train/fine_tune.ts";
import type { FineTuneInput } from "../../train/fine_tune_input.ts";
import { SUMMARY_NAME as TRAINING_NAME } from "../../train/finished.ts";
import { type Objective, type ObjectiveOptions, settleObjective } from "../../train/objective/objective.ts";
import { predictTask } from "../../train/predict.ts";
import type { FineTuneSummary } from "../../train/record.ts";
import type { FineTuningSettings, RationaleRecipe } from "./recipe_schema.ts";

/** What the three works of this file share: stages of a run and single commands call them alike. */
interface Work {
  /** Folder of a prepared task. */
  task: string;
  /** How its answers are judged. */
  metric: Metric;
  limits: RationaleRecipe["limits"];
  device: DeviceChoice;
}

const judging = (metric: Metric) => (example: TaskExample, answer: string) => judge({ metric }, example, answer);

export interface FineTuneWork
  extends Work,
    Pick<FineTuneInput, "rationales" | "attributions" | "teacherOutputs" | "output" | "seed"> {
  settings: FineTuningSettings;
  /** Folder of the tokenizer. */
  tokenizer: string;
  objective: ObjectiveOptions;
}

/** Fine-tunes a model as a recipe's `train` and `objective` say; the output is a Hugging Face folder. @throws as fineTune */
export async function fineTuneWithSettings(work: FineTuneWork, context: StageContext): Promise<FineTuneSummary> {
  const { settings, metric, limits, tokenizer: folder, ...rest } = work;
  const { model, from, steps, epochs, ...given } = settings;
  const tokenizer = await loadTokenizer(folder);
  const summary = await fineTune(
    {
      ...rest,
      ...given,
      model: from === undefined ? { config: newConfig(model!, tokenizer) } : { folder: from },
      tokenizer,
      ...(steps !== undefined && { steps }),
      ...(epochs !== undefined && { epochs }),
      limits,
      predict: { generate: generateBatch, judge: judging(metric) },
    },
    context,
  );
  await copyTokenizer(folder, work.output);
  return summary;
}

/** Config of a new model: what the tokenizer decides is filled in. */
function newConfig(model: FineTuningSettings["model"] & object, { vocabSize, specials }: Tokenizer): HfConfigJson {
  const { bos, eos, pad } = specials;
  return {
    vocab_size: vocabSize,
    bos_token_id: bos ?? null,
    eos_token_id: eos ?? null,
    pad_token_id: pad ?? eos ?? null,
    ...model,
  };
}

/** Teachers read the input as it is: what saliency points at is the task's own text. */
export const TEACHER_OBJECTIVE: ObjectiveOptions = { layout: "standard", labelPrefix: "" };

/** What a model that was fine-tuned here was taught; any other model reads the input as it is. */
export async function taughtObjective(folder: string): Promise<Objective> {
  try {
    const summary = await readJsonFile(join(folder, TRAINING_NAME), { wholeNumbers: "rounded" });
    const { objective } = summary as unknown as Partial<FineTuneSummary>;
    if (objective !== undefined) return objective;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return settleObjective(TEACHER_OBJECTIVE);
}

export interface AnswerWork extends Work {
  /** Hugging Face folder with its tokenizer. */
  model: string;
  split: Split;
  /** What the model was taught: how it is asked. */
  objective: Objective;
  /** Folder of rationales, where the objective reads them. */
  rationales?: string | undefined;
  /** predictions.jsonl to write. */
  file: string;
}

/** Has a model answer a split of a task, as it was taught to be asked. @throws as predictTask */
export async function answerWithModel(work: AnswerWork, context: StageContext): Promise<Prediction[]> {
  const { model: folder, metric, limits, device, ...rest } = work;
  const model = await loadLanguageModel(folder, { device });
  try {
    return await predictTask(
      {
        ...rest,
        model,
        tokenizer: await loadTokenizer(folder),
        limits,
        generate: generateBatch,
        judge: judging(metric),
      },
      context,
    );
  } finally {
    await model.dispose();
  }
}

export interface AttributeWork
  extends Work,
    Pick<
      AttributeTaskInput,
      "modelName" | "splits" | "method" | "target" | "contrast" | "predict" | "outputs" | "seed" | "folder"
    > {
  /** Hugging Face folder with its tokenizer. */
  model: string;
  options: MethodOptions;
}

/** Scores the input tokens of a task's examples with a model from disk. @throws as attributeTask */
export async function attributeWithModel(work: AttributeWork, context: StageContext): Promise<AttributionSummary> {
  const { model: folder, metric, limits, device, ...rest } = work;
  const model = await loadLanguageModel(folder, { device });
  try {
    const files = await describeModelFolder(folder);
    return await attributeTask(
      {
        ...rest,
        model,
        modelFingerprint: createHash("sha256")
          .update(JSON.stringify([files, device]))
          .digest("hex"),
        tokenizer: await loadTokenizer(folder),
        maxInput: limits.input,
        ...(work.predict && { maxNewTokens: limits.target, judge: judging(metric) }),
      },
      context,
    );
  } finally {
    await model.dispose();
  }
}
