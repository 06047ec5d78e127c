import { Option } from "commander";
import { type Define, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { type EndpointOptions, localTeacher, withEndpointOptions } from "../teacher_argument.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut score`. */
export interface ScoreOptions extends EndpointOptions {
  model: string;
  instances: string;
  tokenizer?: string;
  out: string;
  batchTokens?: number;
  mask?: "miniplm" | "all";
  perToken?: boolean;
  documentBarrier?: boolean;
  shardInstances?: number;
  device: string;
}

export const define: Define = (program, start) => {
  const command = program
    .command("score")
    .argument("<model>", "Hugging Face folder, .gguf or .onnx file, also hf://…, or address of a server")
    .description("Write down the loss of a model on every instance")
    .requiredOption("--instances <folder>", "what `heartcut pack` made")
    .requiredOption("-o, --out <folder>", "where the scores go; the same command resumes")
    .option("--tokenizer <folder>", "tokenizer of the instances (default: the model's)")
    .option("--batch-tokens <number>", "tokens computed at once", wholeNumber())
    .addOption(
      new Option("--mask <mask>", "miniplm leaves out positions whose input token ends a document").choices([
        "miniplm",
        "all",
      ]),
    )
    .option("--per-token", "also keep the loss of every token")
    .option("--document-barrier", "keep the documents of an instance from seeing each other")
    .option("--shard-instances <number>", "instances of a shard: the most that a stop costs", wholeNumber())
    .option("--device <device>", "cpu, cuda, webgpu or auto", "auto");
  withEndpointOptions(command).action((model: string, options: Omit<ScoreOptions, "model">) =>
    start("score", { model, ...options }),
  );
};

/** Scores instances with one model. */
export async function execute(options: ScoreOptions, context: JobContext): Promise<JobResult> {
  const { scoreWithTeacher } = await import("../../run/score_with_teacher.ts");
  const { deviceChoice } = await import("../device_option.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const opened = await localTeacher(options, "score", context);
  const { instances } = await localArguments(context, { instances: ["files", options.instances] });
  const { out, batchTokens, mask, perToken, documentBarrier, shardInstances } = options;
  const { summary } = await scoreWithTeacher(
    {
      ...opened,
      instances,
      folder: out,
      device: deviceChoice(options.device),
      ...(batchTokens !== undefined && { batchTokens }),
      ...(shardInstances !== undefined && { shardInstances }),
      ...(mask !== undefined && { mask }),
      ...(perToken !== undefined && { perToken }),
      ...(documentBarrier !== undefined && { documentBarrier }),
    },
    { stage: "score", ...context },
  );
  const mean =
    summary.meanNll === null ? "no scored position" : `mean loss ${summary.meanNll.toFixed(4)} nats per token`;
  return { text: `${out}: ${formatCount(summary.instances)} instances, ${mean}`, data: summary };
}
