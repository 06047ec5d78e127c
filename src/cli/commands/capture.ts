import { Option } from "commander";
import type { StorePrecision } from "../../distill/store_precision.ts";
import { HeartcutError } from "../../errors.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { type Define, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { type EndpointOptions, type LocalTeacher, localTeacher, withEndpointOptions } from "../teacher_argument.ts";
import { formatBytes, formatCount } from "../terminal.ts";

/** Options of `heartcut capture`. */
export interface CaptureOptions extends EndpointOptions {
  model: string;
  instances: string;
  tokenizer?: string;
  out: string;
  topK: number;
  precision: StorePrecision;
  batchTokens?: number;
  shardInstances?: number;
  documentBarrier?: boolean;
  dryRun?: boolean;
  device: string;
}

// As in distill/store_precision.ts, which is too much to load for a help text.
const PRECISIONS: StorePrecision[] = ["float32", "float16", "step256", "step64", "step16"];

export const define: Define = (program, start) => {
  const command = program
    .command("capture")
    .argument("<model>", "teacher: Hugging Face folder, .gguf or .onnx file, also hf://…, or address of a server")
    .description("Write down the likeliest next tokens of a teacher at every position, for students to learn from")
    .requiredOption("--instances <folder>", "what `heartcut pack` made, or refined/ of a selection")
    .requiredOption("-o, --out <folder>", "where the store goes; the same command resumes")
    .option("--tokenizer <folder>", "tokenizer of the instances (default: the model's)")
    .option("-k, --top-k <number>", "tokens to keep at each position", wholeNumber(), 32)
    .addOption(
      new Option("--precision <precision>", "log-probabilities as they are, or in steps of 1/256, 1/64 or 1/16 nat")
        .choices(PRECISIONS)
        .default("step64"),
    )
    .option("--batch-tokens <number>", "tokens computed at once", wholeNumber())
    .option(
      "--shard-instances <number>",
      "instances of a shard: the most that a stop costs (default: 65,536 positions)",
      wholeNumber(),
    )
    .option("--document-barrier", "keep the documents of an instance from seeing each other")
    .option("--dry-run", "say how large the store will be, and write nothing")
    .option("--device <device>", "cpu, cuda, webgpu or auto", "auto");
  withEndpointOptions(command).action((model: string, options: Omit<CaptureOptions, "model">) =>
    start("capture", { model, ...options }),
  );
};

/** Captures a teacher, or says what that would take. @throws HeartcutError HC4212 without a tokenizer */
export async function execute(options: CaptureOptions, context: JobContext): Promise<JobResult> {
  const { localArguments } = await import("../hub_arguments.ts");
  const { dryRun = false } = options;
  const opened = await localTeacher(options, "capture", context, dryRun ? "tokenizer" : "model");
  const { instances } = await localArguments(context, { instances: ["files", options.instances] });
  const local = { ...options, instances };
  return dryRun ? estimate(local, opened) : capture(local, opened, context);
}

async function capture(
  { instances, out, topK, precision, batchTokens, shardInstances, documentBarrier, device }: CaptureOptions,
  opened: LocalTeacher,
  context: JobContext,
): Promise<JobResult> {
  const { captureTeacher } = await import("../../capture/capture.ts");
  const { withTeacher } = await import("../../run/score_with_teacher.ts");
  const { deviceChoice } = await import("../device_option.ts");
  const stage = { stage: "capture", ...context };
  const summary = await withTeacher(
    { ...opened, instances, device: deviceChoice(device), batchTokens },
    stage,
    (teacher, tokenizer) =>
      captureTeacher(
        {
          teacher,
          tokenizer: tokenizer.fingerprint,
          instances,
          folder: out,
          topK,
          precision,
          batchTokens,
          shardInstances,
          barrier: documentBarrier === true ? endOfDocument(tokenizer, opened.tokenizer) : undefined,
        },
        stage,
      ),
  );
  const { positions, bytes, meanRest } = summary;
  const each = positions === 0 ? "" : `, ${(bytes / positions).toFixed(1)} bytes each`;
  const left = meanRest === null ? "" : `; ${(100 * meanRest).toFixed(2)} % of the probability is left over`;
  return { text: `${out}: ${formatCount(positions)} positions in ${formatBytes(bytes)}${each}${left}`, data: summary };
}

async function estimate(
  { instances, topK, precision }: CaptureOptions,
  { teacher, tokenizer }: LocalTeacher,
): Promise<JobResult> {
  const { openInstances } = await import("../../corpus/instances.ts");
  const { estimateStore } = await import("../../distill/store_estimate.ts");
  const { readHfConfig } = await import("../../formats/hf_config.ts");
  const { describeCausalModel } = await import("../../models/architecture.ts");
  const { requireInstancesIn } = await import("../../run/vocabulary.ts");
  const { loadTokenizer } = await import("../../tokenizers/tokenizer.ts");
  const ids = await loadTokenizer(tokenizer);
  await requireInstancesIn(ids, tokenizer, [instances]);
  // Only a model folder says how many ids it has without being opened.
  const { vocabSize } =
    "path" in teacher ? describeCausalModel(await readHfConfig(teacher.path), teacher.path).config : ids;
  const reader = await openInstances(instances);
  try {
    let positions = 0;
    for (let i = 0; i < reader.length; i++) positions += Math.max(0, reader.size(i) - 1);
    const bytes = estimateStore({ positions, topK, vocabSize, precision });
    const data = { instances: reader.length, positions, topK, vocabSize, precision, bytes };
    const each = positions === 0 ? "" : `, ${(bytes / positions).toFixed(1)} bytes each`;
    return {
      text: `${formatCount(positions)} positions with ${topK} tokens each: about ${formatBytes(bytes)}${each}; nothing was written`,
      data,
    };
  } finally {
    reader.close();
  }
}

function endOfDocument({ specials }: Tokenizer, folder: string): number {
  if (specials.eos !== undefined) return specials.eos;
  throw new HeartcutError("HC3004", {
    what: "documents cannot be kept apart: no id is known that ends one",
    where: folder,
    fix: "name the tokenizer's eos_token, or leave out --document-barrier",
  });
}
