import { join } from "node:path";
import { printable } from "../../errors.ts";
import type { Evaluation } from "../../evaluate/record.ts";
import { holds } from "../holds.ts";
import type { JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** What an evaluation found, of either method; undefined for a folder that holds none. */
export async function inspectEvaluation(folder: string): Promise<JobResult | undefined> {
  const { RATIONALE_EVALUATION_NAME } = await import("../../evaluate/rationale_files.ts");
  if (await holds(folder, RATIONALE_EVALUATION_NAME))
    return accuracies(folder, join(folder, RATIONALE_EVALUATION_NAME));
  if (await holds(folder, "evaluation.json")) return losses(folder, join(folder, "evaluation.json"));
  return undefined;
}

async function accuracies(folder: string, path: string): Promise<JobResult> {
  const { readRationaleEvaluation } = await import("../../evaluate/rationale_files.ts");
  const evaluation = await readRationaleEvaluation(path);
  const { task, testExamples, teacher, students, comparisons } = evaluation;
  const means = students.map(({ name, mean, interval, seeds }) => {
    const [low, high] = interval ?? seeds[0]!.interval;
    const over = interval === undefined ? "over examples" : `over ${seeds.length} seeds`;
    return `${name.padEnd(28)} ${percent(mean)} %  [${percent(low)}, ${percent(high)}] ${over}`;
  });
  const teachers = teacher === undefined ? [] : [`${"teacher".padEnd(28)} ${percent(teacher.accuracy)} %`];
  const pairs = comparisons.map(
    ({ a, b, difference, interval: [low, high], pHolm }) =>
      `${b} - ${a}  ${signed(difference)} points  [${signed(low)}, ${signed(high)}]  p ${pHolm.toPrecision(2)} (Holm)`,
  );
  const head = `${folder}: evaluation of task ${task}, ${formatCount(testExamples)} test examples, accuracy with 95 % interval`;
  return { text: printable([head, ...means, ...teachers, ...pairs].join("\n")), data: evaluation };
}

async function losses(folder: string, path: string): Promise<JobResult> {
  const { readJsonFile } = await import("../../formats/json_file.ts");
  const { RECORD_BYTES } = await import("../../report/run_folder.ts");
  const limits = { jsonBytes: RECORD_BYTES };
  const evaluation = (await readJsonFile(path, { wholeNumbers: "rounded", limits })) as unknown as Evaluation;
  const { losses, comparisons } = evaluation;
  const models = losses.map(
    ({ model, set, loss, interval: [low, high], instances }) =>
      `${model.padEnd(28)} ${set}  ${loss.toFixed(4)}  [${low.toFixed(4)}, ${high.toFixed(4)}]  ${formatCount(instances)} instances`,
  );
  const pairs = comparisons.map(
    ({ a, b, difference, interval: [low, high] }) =>
      `${b} - ${a}  ${difference.toFixed(4)}  [${low.toFixed(4)}, ${high.toFixed(4)}]`,
  );
  const head = `${folder}: evaluation, mean loss in nats per token with 95 % interval`;
  return { text: printable([head, ...models, ...pairs].join("\n")), data: evaluation };
}

/** A share in percent, one digit behind the point. */
export const percent = (share: number) => (100 * share).toFixed(1);
const signed = (share: number) => `${share < 0 ? "−" : "+"}${percent(Math.abs(share))}`;
