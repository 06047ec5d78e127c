import { hashInstances } from "../corpus/content_files.ts";
import { openInstances } from "../corpus/instances.ts";
import { refuseOtherResult } from "../formats/finished_result.ts";
import { openManifest } from "../formats/manifest.ts";
import type { StageContext } from "../progress.ts";
import { SCORE_DEFAULTS } from "../score/defaults.ts";
import { readScoreSummary, SUMMARY_NAME } from "../score/files.ts";
import type { ScoreInput } from "../score/score.ts";

/** What decides scores. */
export interface WantedScores
  extends Pick<ScoreInput, "instances" | "folder" | "mask" | "perToken" | "documentBarrier"> {
  /** Hash of all that decides the model's values. */
  model: string;
}

/** Makes sure that a folder holds no finished scores of another model, of other instances or settings. @throws HeartcutError HC1053 */
export async function requireSameScores(
  { model, instances, folder, mask, perToken, documentBarrier }: WantedScores,
  context: StageContext,
): Promise<void> {
  if (!(await (await openManifest(folder)).isIntact(SUMMARY_NAME, { deep: true }))) return;
  const there = await readScoreSummary(folder);
  const reader = await openInstances(instances);
  try {
    const { fingerprint } = await hashInstances(reader, { shardInstances: 4096 }, context);
    const wanted = {
      model,
      corpus: fingerprint,
      mask: mask ?? SCORE_DEFAULTS.mask,
      perToken: perToken ?? SCORE_DEFAULTS.perToken,
      documentBarrier: documentBarrier ?? SCORE_DEFAULTS.documentBarrier,
    };
    const names = Object.keys(wanted) as (keyof typeof wanted)[];
    if (names.some((name) => there[name] !== wanted[name]))
      refuseOtherResult(folder, "a scoring", { ...there, shards: there.shards.length }, wanted);
  } finally {
    reader.close();
  }
}
