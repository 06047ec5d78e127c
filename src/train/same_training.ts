import { join } from "node:path";
import { isMissing } from "../formats/file_system.ts";
import { type Origin, refuseOtherResult } from "../formats/finished_result.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { SUMMARY_NAME } from "./finished.ts";
import type { TrainingSummary } from "./record.ts";

type Known = Pick<TrainingSummary, "model" | "parameters" | "steps" | "data" | "seed"> & {
  readonly distillation?: TrainingSummary["distillation"] | undefined;
};

/**
 * Makes sure that no other training has ended in a folder.
 * @param wanted - what is known of the training that is asked for before it runs
 * @throws HeartcutError HC1053 naming what differs, as far as training.json tells
 */
export async function requireSameTraining(folder: string, fingerprint: string, wanted: Known): Promise<void> {
  let there: TrainingSummary;
  try {
    const json = await readJsonFile(join(folder, SUMMARY_NAME), { wholeNumbers: "rounded" });
    there = json as unknown as TrainingSummary;
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  if (there.fingerprint !== fingerprint) refuseOtherResult(folder, "a training", factsOf(there), factsOf(wanted));
}

function factsOf({ model, parameters, steps, data, seed, distillation }: Known): Origin {
  return { model, parameters, steps, data, seed, distillation: distillation && JSON.stringify(distillation) };
}
