import { join } from "node:path";
import { HeartcutError } from "../../errors.ts";
import type { Evaluation } from "../../evaluate/record.ts";
import { readJsonFile } from "../../formats/json_file.ts";

/**
 * Share of compute that students saved at equal loss in a finished run: the mean over its held-out sets and over some
 * students against a baseline.
 * @param folder - of the run   @param students - names of those trained on what the offline pass chose   @param baseline - name of the other
 * @throws HeartcutError HC4354 where the run measured none against it
 */
export async function measuredSaving(folder: string, baseline: string, students: readonly string[]): Promise<number> {
  const path = join(folder, "evaluate/evaluation.json");
  const { computeSaved } = (await readJsonFile(path, { wholeNumbers: "rounded" })) as unknown as Evaluation;
  // Where the baseline itself ends lower, its saving is the others' loss: they take so many times its compute.
  const shares = (computeSaved ?? []).flatMap(({ better, other, spent }) => {
    if (other === baseline && students.includes(better)) return [1 - spent.better.flops / spent.other.flops];
    return better === baseline && students.includes(other) ? [1 - spent.other.flops / spent.better.flops] : [];
  });
  if (shares.length > 0) return shares.reduce((a, b) => a + b, 0) / shares.length;
  throw new HeartcutError("HC4354", {
    what: "this run has measured no compute saved against the baseline",
    where: path,
    found: `${computeSaved?.length ?? 0} pairs of other students`,
    expected: `${students.join(" or ")} against ${baseline}`,
    fix: "give the share itself, for example --saving 0.3",
  });
}
