import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { loadModel } from "../models/load.ts";
import type { GoldenFolders, GoldenKind } from "./case.ts";
import { readScoreGolden } from "./score_golden.ts";
import { checkScores } from "./selection.ts";

/** A model is named `models/NAME` (under the fixtures) or `weights/NAME` (under the fixtures, then the data). */
export function modelFolder({ fixtures, data }: GoldenFolders, name: string): string {
  const candidates = name.startsWith("weights/") ? [join(fixtures, name), join(data, name)] : [join(fixtures, name)];
  return candidates.find((folder) => existsSync(folder)) ?? candidates[0]!;
}

/** fixtures/difference_sampling/scores_*: the same instances scored by our engine, and what follows from that. */
export const scores: GoldenKind = async function* (folders) {
  const folder = join(folders.fixtures, "difference_sampling");
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder).sort()) {
    if (!/^scores_.*\.json$/.test(file)) continue;
    const golden = await readScoreGolden(folder, file.slice(0, -".json".length));
    const nllOf = async (name: string) => {
      const model = await loadModel(modelFolder(folders, name), { device: "cpu" });
      const nll = await model.tokenNll(golden.sequences);
      await model.dispose();
      return nll;
    };
    const nll = { teacher: await nllOf(golden.settings.teacher), reference: await nllOf(golden.settings.reference) };
    for (const result of checkScores(golden, nll))
      yield { ...result, name: result.name.replace("selection/", "scores/") };
  }
};
