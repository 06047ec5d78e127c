import { join } from "node:path";
import { isMissing } from "../../formats/file_system.ts";
import { readJsonFile } from "../../formats/json_file.ts";
import { RECORDS, type StageRecord } from "../run_folder.ts";

/** Whether a run folder's record says that a stage is finished. That its inputs are still the same, only a run finds out. */
export async function isFinished(folder: string, stage: string): Promise<boolean> {
  try {
    const record = await readJsonFile(join(folder, RECORDS, `${stage}.json`), { wholeNumbers: "rounded" });
    return (record as unknown as Partial<StageRecord>).status === "finished";
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
