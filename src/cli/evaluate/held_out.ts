import { join } from "node:path";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";
import { modelNames } from "./model_names.ts";

/** Options of `heartcut evaluate --instances`. */
export interface HeldOutOptions {
  models: string[];
  instances: string;
  tokenizer?: string | undefined;
  out: string;
  baseline?: string | undefined;
  documentBarrier?: boolean | undefined;
  seed: number;
  device: string;
}

/** Scores models on one set of packed text and compares them. @throws HeartcutError HC4204 as modelNames */
export async function evaluateHeldOut(options: HeldOutOptions, context: JobContext): Promise<JobResult> {
  const { evaluateRun } = await import("../../evaluate/evaluate.ts");
  const { scoreWithTeacher } = await import("../../run/score_with_teacher.ts");
  const { deviceChoice } = await import("../device_option.ts");
  const { shortName } = await import("../../run/hub_inputs.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { out, baseline, seed } = options;
  const { models, instances, tokenizer } = await localArguments(context, {
    models: ["model", options.models],
    instances: ["files", options.instances],
    tokenizer: ["tokenizer", options.tokenizer],
  });
  const set = shortName(options.instances);
  const students = (await modelNames(options.models)).map((name) => ({
    name,
    seed: 0,
    scores: { [set]: join(out, "scores", name) },
  }));
  for (const [i, student] of students.entries()) {
    await scoreWithTeacher(
      {
        teacher: { path: models[i]! },
        tokenizer: tokenizer ?? models[0]!,
        instances,
        folder: student.scores[set]!,
        device: deviceChoice(options.device),
        ...(options.documentBarrier !== undefined && { documentBarrier: options.documentBarrier }),
      },
      { stage: `score ${student.name}`, ...context },
    );
  }
  const input = { students, sets: { [set]: instances }, baseline, seed, output: join(out, "evaluation.json") };
  const evaluation = await evaluateRun(input, { stage: "evaluate", ...context });
  const losses = evaluation.losses.map(
    ({ loss, interval: [low, high], instances: count }, i) =>
      `${students[i]!.name}  ${loss.toFixed(4)}  [${low.toFixed(4)}, ${high.toFixed(4)}]  ${formatCount(count)} instances`,
  );
  const pairs = evaluation.comparisons.map(
    ({ a, b, difference, interval: [low, high] }) =>
      `${plain(b)} - ${plain(a)}  ${difference.toFixed(4)}  [${low.toFixed(4)}, ${high.toFixed(4)}]`,
  );
  return {
    text: [`mean loss on ${set}, nats per token, with 95 % interval:`, ...losses, ...pairs].join("\n"),
    data: evaluation,
  };
}

/** The evaluation knows seeds of students; a folder given here stands for itself. */
function plain(name: string): string {
  return name.replace(/-seed0$/, "");
}
