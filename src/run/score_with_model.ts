import { createHash } from "node:crypto";
import { loadModel } from "../models/load.ts";
import type { StageContext } from "../progress.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import type { ScoreSummary } from "../score/files.ts";
import { type ScoreInput, scoreModel } from "../score/score.ts";
import { loadTokenizer } from "../tokenizers/tokenizer.ts";
import { describeModel } from "./stages/run_inputs.ts";
import { requireSameVocabulary } from "./vocabulary.ts";

/** Input of scoreWithModel: folders instead of loaded things. */
export interface ScoreWithModelInput
  extends Pick<
    ScoreInput,
    "instances" | "folder" | "mask" | "batchTokens" | "shardInstances" | "perToken" | "documentBarrier"
  > {
  /** Hugging Face folder. */
  model: string;
  /** Folder of the tokenizer that made the instances. */
  tokenizer: string;
  device: DeviceChoice;
}

/** Scores a folder of instances with a model from disk. @throws HeartcutError HC4105 for a model of another tokenizer; as loadModel and scoreModel */
export async function scoreWithModel(
  input: ScoreWithModelInput,
  context: StageContext,
): Promise<{ summary: ScoreSummary; flops: number }> {
  const { model: folder, tokenizer: tokenizerFolder, device, ...settings } = input;
  const tokenizer = await loadTokenizer(tokenizerFolder);
  await requireSameVocabulary(folder, tokenizer, tokenizerFolder);
  const model = await loadModel(folder, { device, batchTokens: settings.batchTokens });
  try {
    const summary = await scoreModel(
      {
        ...settings,
        model,
        modelFingerprint: createHash("sha256")
          .update(JSON.stringify([await describeModel(folder), device]))
          .digest("hex"),
        vocabSize: model.vocabSize,
        ids: { eosId: tokenizer.specials.eos, padId: tokenizer.specials.pad },
      },
      context,
    );
    return { summary, flops: summary.tokens * model.flopsPerToken(Math.round(summary.tokens / summary.instances)) };
  } finally {
    await model.dispose();
  }
}
