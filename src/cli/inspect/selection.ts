import { join } from "node:path";
import { printable } from "../../errors.ts";
import type { SelectionSummary } from "../../select/record.ts";
import { holds } from "../holds.ts";
import type { JobResult } from "../job.ts";
import { formatBytes, formatCount } from "../terminal.ts";
import { percent } from "./evaluation.ts";

/** Which instances or tokens were chosen, or how many bytes they are; undefined for a folder that holds none of it. */
export async function inspectSelection(folder: string): Promise<JobResult | undefined> {
  if (await holds(folder, "selection.json")) return selection(folder);
  if (await holds(folder, "token_mask.json")) return tokenMask(folder);
  if (await holds(folder, "text_bytes.json")) return textBytes(folder);
  return undefined;
}

async function selection(folder: string): Promise<JobResult> {
  const { readJsonFile } = await import("../../formats/json_file.ts");
  const summary = (await readJsonFile(join(folder, "selection.json"), {
    wholeNumbers: "rounded",
  })) as unknown as SelectionSummary;
  const { name, method, instances, tokens, bySource, threshold } = summary;
  const lines = bySource.map(
    ({ source, kept, total, keptTokens }) =>
      `${source.padEnd(28)} ${formatCount(kept)} of ${formatCount(total)} instances, ${formatCount(keptTokens)} tokens`,
  );
  const cut =
    threshold === undefined
      ? []
      : [`last kept at ${threshold.lastKept.toFixed(4)}, first dropped at ${threshold.firstDropped.toFixed(4)}`];
  const head = `${folder}: selection ${name} by ${method}: ${formatCount(instances.kept)} of ${formatCount(instances.total)} instances, ${formatCount(tokens.kept)} of ${formatCount(tokens.total)} tokens`;
  return { text: printable([head, ...cut, ...lines].join("\n")), data: summary };
}

async function tokenMask(folder: string): Promise<JobResult> {
  const { openTokenMask } = await import("../../select/token_mask_files.ts");
  const { summary } = await openTokenMask(folder);
  const { kept, scored, positions, instances, emptyInstances, share, scope, teacher, reference, meanExcess } = summary;
  const lines = [
    `${folder}: token mask, the highest ${percent(share)} % of the differences, ${scope === "corpus" ? "of the whole corpus" : "in each instance"}`,
    `${formatCount(kept)} of ${formatCount(scored)} scored positions kept, of ${formatCount(positions)} in ${formatCount(instances)} instances; ${formatCount(emptyInstances)} instances keep none`,
    `difference in the mean: ${meanExcess.kept.toFixed(4)} nats of the kept, ${meanExcess.all.toFixed(4)} of all`,
    `teacher ${teacher}, reference ${reference}`,
  ];
  return { text: printable(lines.join("\n")), data: summary };
}

async function textBytes(folder: string): Promise<JobResult> {
  const { readTextBytes } = await import("../../score/bits_per_byte_files.ts");
  const { summary } = await readTextBytes(folder);
  const { instances, bytes, scoredBytes, mask } = summary;
  const head = `${folder}: bytes of ${formatCount(instances)} instances: ${formatBytes(bytes)} of text, ${formatBytes(scoredBytes)} of it scored (mask ${mask})`;
  return { text: printable(head), data: summary };
}
