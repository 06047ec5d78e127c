import type { StageContext } from "../progress.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import { copyTokenizer } from "../tokenizers/files.ts";
import { loadTokenizer } from "../tokenizers/tokenizer.ts";
import type { Distillation } from "../train/distillation/settings.ts";
import type { TrainingSummary } from "../train/record.ts";
import { type TrainingProbe, trainModel } from "../train/train.ts";
import type { TrainingSettings } from "./recipe_schema.ts";
import { requireInstancesIn, requireSameVocabulary } from "./vocabulary.ts";

/** Input of trainWithSettings: a recipe's settings and folders. */
export interface TrainWithSettingsInput {
  settings: TrainingSettings;
  /** Folder of the tokenizer that made the instances: gives the vocabulary size and the special ids. */
  tokenizer: string;
  instances: string;
  heldOut: { name: string; folder: string }[];
  /** Steps between held-out losses. */
  evalEvery: number;
  /** Instances of each held-out set that those are taken on. */
  curveInstances?: number | undefined;
  /** Keep packed documents from seeing each other. */
  documentBarrier: boolean;
  /** What is learned of a teacher. */
  distillation?: Distillation | undefined;
  /** Folder of token masks. */
  tokenMask?: string | undefined;
  /** What is measured beside the held-out losses. */
  probe?: TrainingProbe | undefined;
  seed: number;
  device: DeviceChoice;
  /** Becomes a Hugging Face folder, tokenizer included. */
  output: string;
}

/** Trains a new model as a recipe's `train` says. @throws HeartcutError HC4105 for instances or a teacher of another tokenizer; as trainModel */
export async function trainWithSettings(
  input: TrainWithSettingsInput,
  context: StageContext,
): Promise<TrainingSummary> {
  const {
    settings,
    tokenizer: tokenizerFolder,
    instances,
    heldOut,
    evalEvery,
    curveInstances,
    documentBarrier,
    seed,
    device,
    output,
    distillation,
    tokenMask,
    probe,
  } = input;
  const { model, batch, tokens, steps, epochs, flops, optimizer, lossNormalization, checkpointEvery, recompute } =
    settings;
  const tokenizer = await loadTokenizer(tokenizerFolder);
  await requireInstancesIn(tokenizer, tokenizerFolder, [instances, ...heldOut.map(({ folder }) => folder)]);
  if (distillation !== undefined && "folder" in distillation.teacher)
    await requireSameVocabulary(distillation.teacher.folder, tokenizer, tokenizerFolder, context);
  const { bos, eos, pad } = tokenizer.specials;
  const ids = { bos_token_id: bos ?? null, eos_token_id: eos ?? null, pad_token_id: pad ?? null };
  const summary = await trainModel(
    {
      model: { config: { vocab_size: tokenizer.vocabSize, ...ids, ...model } },
      data: instances,
      heldOut,
      output,
      ...(tokens !== undefined && { tokens }),
      ...(steps !== undefined && { steps }),
      ...(epochs !== undefined && { epochs }),
      ...(flops !== undefined && { flops }),
      batch: { instances: batch.instances, microBatch: batch.microBatch ?? batch.instances },
      optimizer,
      lossNormalization,
      evalEvery,
      ...(curveInstances !== undefined && { evalInstances: curveInstances }),
      checkpointEvery,
      seed,
      device,
      recompute,
      documentBarrier,
      distillation,
      tokenMask,
      probe,
    },
    context,
  );
  await copyTokenizer(tokenizerFolder, output);
  return summary;
}
