import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { printable } from "../../errors.ts";
import type { FineTuneSummary, TrainingSummary } from "../../train/record.ts";
import { holds } from "../holds.ts";
import type { JobResult } from "../job.ts";
import { formatBytes, formatCount } from "../terminal.ts";

/** What a training.json says a training was and cost. @param path - of the file */
export async function inspectTraining(path: string): Promise<JobResult> {
  const { readJsonFile } = await import("../../formats/json_file.ts");
  const summary = (await readJsonFile(path, { wholeNumbers: "rounded" })) as unknown as
    | TrainingSummary
    | FineTuneSummary;
  const { model, parameters, steps, tokens, flops, seed, finalLoss, weights } = summary;
  const distilled = "distillation" in summary ? summary.distillation : undefined;
  const lines = [
    `${path}: training of ${model}, ${formatCount(parameters)} parameters, seed ${seed}`,
    `${formatCount(steps)} steps, ${formatCount(tokens)} tokens, ${flops.toExponential(3)} FLOPs, last loss ${finalLoss.toFixed(4)}`,
    ...(distilled === undefined ? [] : [`learned from a teacher (${distilled.teacher}), loss ${distilled.loss}`]),
    ...("best" in summary
      ? [`task ${summary.task}: accuracy ${summary.best.accuracy} at step ${summary.best.step}`]
      : []),
    ...weights.map(({ name, bytes }) => `${name.padEnd(28)} ${formatBytes(bytes).padStart(9)}`),
  ];
  return { text: printable(lines.join("\n")), data: summary };
}

/** How far a training is that has not ended; undefined for a folder without its checkpoints. */
export async function inspectUnfinished(folder: string): Promise<JobResult | undefined> {
  if (!(await holds(folder, "checkpoints")) || (await holds(folder, "training.json"))) return undefined;
  const names = await readdir(join(folder, "checkpoints"));
  const steps = names.flatMap((name) => /^step-(\d{8})$/.exec(name)?.[1] ?? []).map(Number);
  const last = steps.length === 0 ? null : Math.max(...steps);
  return {
    text: `${folder}: a training that has not ended, ${last === null ? "before its first checkpoint" : `last checkpoint at step ${formatCount(last)}`}\nthe command that started it resumes it`,
    data: { finished: false, lastCheckpoint: last },
  };
}
