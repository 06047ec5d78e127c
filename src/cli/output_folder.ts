import { resolve } from "node:path";
import { HeartcutError } from "../errors.ts";
import { SPLITS } from "../tasks/record.ts";
import { MARKS, TRAINED_HERE } from "./folder_kind.ts";
import { holds } from "./holds.ts";

/**
 * Makes sure that a command may write its files into a folder: the stages call theirs alike, and none may replace what it reads.
 * @param reads - files and folders that the command reads, beside those that are told by their marks
 * @throws HeartcutError HC4210 for a folder that holds something else, or files that would be replaced
 */
export async function claimOutput(
  folder: string,
  kind: keyof typeof MARKS,
  reads: readonly string[] = [],
): Promise<void> {
  const refuse = (found: string) => {
    throw new HeartcutError("HC4210", {
      what: "the output would be written over something else",
      where: folder,
      found,
      fix: "choose a new folder with --out",
    });
  };
  const written = [resolve(folder), ...SPLITS.map((split) => resolve(folder, `${split}.jsonl`))];
  for (const read of reads) if (written.includes(resolve(read))) refuse(`${read}, which is read`);
  for (const [other, [mark, what]] of Object.entries(MARKS))
    if (other !== kind && (await holds(folder, mark))) refuse(`${what} (${mark})`);
  if (kind === "model" && (await holds(folder, MARKS.model[0])) && !(await holds(folder, TRAINED_HERE)))
    refuse("a model that was not trained here (config.json)");
}
