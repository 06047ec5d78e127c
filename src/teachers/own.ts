import { loadModel } from "../models/load.ts";
import { describeModelFolder, fingerprintOf } from "./fingerprint.ts";
import type { Teacher, TeacherContext } from "./record.ts";
import { checkSequences, checkTopK } from "./sequences.ts";
import { Turns } from "./turns.ts";

/**
 * A Hugging Face folder, run by heartcut's own graphs: the backend all others are compared with.
 * @throws HeartcutError HC11xx naming what of the folder cannot be used
 */
export async function openOwnTeacher(folder: string, context: TeacherContext = {}): Promise<Teacher> {
  const { device = "auto", threads, batchTokens } = context;
  const fingerprint = fingerprintOf([await describeModelFolder(folder), device]);
  const model = await loadModel(folder, { device, threads, batchTokens });
  const limits = {
    name: folder,
    vocabSize: model.vocabSize,
    maxTokens: model.description.config.maxPositions + 1,
  };
  const turns = new Turns();
  return {
    ...limits,
    fingerprint,
    async tokenNll(sequences, options) {
      checkSequences(limits, sequences);
      return turns.take(() => model.tokenNll(sequences, options));
    },
    async topLogProbs(sequences, options) {
      checkTopK(limits, options.k);
      checkSequences(limits, sequences);
      return turns.take(() => model.topLogProbs(sequences, options));
    },
    flopsPerToken: (T) => model.flopsPerToken(T),
    dispose: () => turns.take(() => model.dispose()),
  };
}
