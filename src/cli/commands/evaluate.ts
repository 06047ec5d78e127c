import { join } from "node:path";
import { HeartcutError } from "../../errors.ts";
import { type Define, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut evaluate`. */
export interface EvaluateOptions {
  models: string[];
  instances: string;
  tokenizer?: string;
  out: string;
  baseline?: string;
  documentBarrier?: boolean;
  seed: number;
  device: string;
}

export const define: Define = (program, start) => {
  program
    .command("evaluate")
    .argument("<models...>", "Hugging Face folders, also hf://…; each is called by the name of its folder")
    .description("Held-out loss of models on packed text, with intervals, compared in pairs")
    .requiredOption("--instances <folder>", "held-out instances, for example pack/heldout-pool of a run")
    .requiredOption("-o, --out <folder>", "where scores and evaluation.json go")
    .option("--tokenizer <folder>", "tokenizer of the instances (default: the first model's)")
    .option("--baseline <name>", "model the others are compared with; all pairs without it")
    .option("--document-barrier", "keep the documents of an instance from seeing each other")
    .option("--seed <number>", "for the bootstrap", wholeNumber(0), 1)
    .option("--device <device>", "cpu, cuda, webgpu or auto", "auto")
    .action((models: string[], options: Omit<EvaluateOptions, "models">) => start("evaluate", { models, ...options }));
};

/** Scores models on one set and compares them. */
export async function execute(options: EvaluateOptions, context: JobContext): Promise<JobResult> {
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
  const students = distinct(options.models.map(shortName)).map((name) => ({
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

/** Makes sure that no two models have one name. @throws HeartcutError HC4204 */
function distinct(names: string[]): string[] {
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return names;
  throw new HeartcutError("HC4204", {
    what: "two models have folders of one name",
    found: twice,
    fix: "rename one folder, or give each model once",
  });
}
