import { type EvaluatedTasks, type EvaluateTasksInput, evaluateTasks } from "../evaluate/tasks/evaluate_tasks.ts";
import { loadModel } from "../models/load.ts";
import type { StageContext } from "../progress.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import { describeModelFolder, fingerprintOf } from "../teachers/fingerprint.ts";
import { loadTokenizer } from "../tokenizers/tokenizer.ts";
import { requireSameVocabulary } from "./vocabulary.ts";

/** A model on tasks, as folders instead of opened things. */
export interface EvaluateOnTasksInput extends Omit<EvaluateTasksInput, "model" | "modelFingerprint" | "tokenizer"> {
  /** Hugging Face folder of a causal model. */
  model: string;
  /** Folder of its tokenizer. */
  tokenizer: string;
  device: DeviceChoice;
}

/**
 * Opens a model, has it answer tasks, and closes it.
 * @throws HeartcutError HC4105 for a model of another tokenizer; as loadModel and evaluateTasks; Interrupted
 */
export async function evaluateOnTasks(
  { model: folder, tokenizer: tokenizerFolder, device, ...input }: EvaluateOnTasksInput,
  context: StageContext,
): Promise<EvaluatedTasks> {
  const tokenizer = await loadTokenizer(tokenizerFolder);
  await requireSameVocabulary(folder, tokenizer, tokenizerFolder, context);
  const model = await loadModel(folder, { device, batchTokens: input.batchTokens });
  try {
    const modelFingerprint = fingerprintOf([await describeModelFolder(folder), model.device]);
    return await evaluateTasks({ ...input, model, modelFingerprint, tokenizer }, context);
  } finally {
    await model.dispose();
  }
}
