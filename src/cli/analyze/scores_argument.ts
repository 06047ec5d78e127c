import { join } from "node:path";
import { readScores } from "../../score/files.ts";
import type { ScoreRow } from "../../score/record.ts";
import { holds } from "../holds.ts";

const SCORES = "scores.parquet";

/** Joined scores from scores.parquet or the folder that holds it: of a selection, or the score folder of a run. */
export async function scoresAt(path: string): Promise<ScoreRow[]> {
  return readScores((await holds(path, SCORES)) ? join(path, SCORES) : path);
}
