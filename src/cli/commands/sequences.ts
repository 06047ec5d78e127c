import { Option } from "commander";
import type { AfterEos } from "../../capture/sequences_files.ts";
import { HeartcutError } from "../../errors.ts";
import { type Define, numberWithin, seedWithoutEffect, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut sequences`. */
export interface SequencesOptions {
  model: string;
  instances?: string;
  promptTokens?: number;
  count?: number;
  tokenizer?: string;
  out: string;
  length?: number;
  afterEos: AfterEos;
  temperature: number;
  topK?: number;
  topP?: number;
  seed?: number;
  batchTokens?: number;
  shardInstances?: number;
  device: string;
}

export const define: Define = (program, start) => {
  program
    .command("sequences")
    .argument("<model>", "teacher: Hugging Face folder or hf://owner/name of a causal model")
    .description("Have a teacher write texts for students to train on (sequence-level distillation)")
    .option("--instances <folder>", "take prompts from these; without it, every text starts from BOS")
    .option("--prompt-tokens <number>", "tokens of each prompt (default: 32)", wholeNumber())
    .option("--count <number>", "texts to write (default: one for each instance)", wholeNumber())
    .option("--tokenizer <folder>", "tokenizer of the instances (default: the model's)")
    .requiredOption(
      "-o, --out <folder>",
      "where the instances go, packed as a student reads them; the same command resumes",
    )
    .option(
      "--length <number>",
      "tokens of a text, prompt included (default: longest instance, or the context)",
      wholeNumber(2),
    )
    .addOption(
      new Option("--after-eos <what>", "end: a text ends there; next: go on with the next document")
        .choices(["end", "next"])
        .default("end"),
    )
    .option("--temperature <number>", "0 takes the likeliest token each time", numberWithin(0, 10), 1)
    .option("--top-k <number>", "draw from that many likeliest tokens only", wholeNumber())
    .option("--top-p <share>", "draw from the likeliest tokens that have this probability together", numberWithin(0, 1))
    .option("--seed <number>", "for a temperature above 0 (default: 1)", wholeNumber(0))
    .option("--batch-tokens <number>", "places computed at once", wholeNumber())
    .option("--shard-instances <number>", "texts of a shard: the most that a stop costs (default: 128)", wholeNumber())
    .option("--device <device>", "cpu, cuda, webgpu or auto", "auto")
    .action((model: string, options: Omit<SequencesOptions, "model">) => start("sequences", { model, ...options }));
};

/** Has a model write texts. @throws HeartcutError HC4211 and HC4213 for options without effect or without a start */
export async function execute(options: SequencesOptions, context: JobContext): Promise<JobResult> {
  const { generateInstances } = await import("../../capture/sequences.ts");
  const { loadModel } = await import("../../models/load.ts");
  const { requireInstancesIn, requireSameVocabulary } = await import("../../run/vocabulary.ts");
  const { describeModelFolder, fingerprintOf } = await import("../../teachers/fingerprint.ts");
  const { loadTokenizer } = await import("../../tokenizers/tokenizer.ts");
  const { deviceChoice } = await import("../device_option.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { out, afterEos, temperature, topK, topP, batchTokens, shardInstances } = options;
  if (temperature === 0 && options.seed !== undefined) throw seedWithoutEffect("--temperature 0");
  const {
    model: folder,
    instances,
    tokenizer: tokenizerFolder = folder,
  } = await localArguments(context, {
    model: ["model", options.model],
    instances: ["files", options.instances],
    tokenizer: ["tokenizer", options.tokenizer],
  });
  const tokenizer = await loadTokenizer(tokenizerFolder);
  const stage = { stage: "sequences", ...context };
  await requireSameVocabulary(folder, tokenizer, tokenizerFolder, stage);
  if (instances !== undefined) await requireInstancesIn(tokenizer, tokenizerFolder, [instances]);
  const device = deviceChoice(options.device);
  const prompts = promptsOf({ ...options, instances }, tokenizer.specials.bos);
  const fingerprint = fingerprintOf([await describeModelFolder(folder), device]);
  const model = await loadModel(folder, { device });
  try {
    const summary = await generateInstances(
      {
        model,
        teacher: { name: options.model, fingerprint },
        tokenizer,
        prompts,
        folder: out,
        length: options.length ?? (await defaultLength(instances, model.description.config.maxPositions)),
        afterEos,
        temperature,
        topK,
        topP,
        seed: options.seed ?? 1,
        batchTokens,
        shardSequences: shardInstances,
      },
      stage,
    );
    const { generatedTokens, ended } = summary;
    const text = `${out}: ${formatCount(summary.instances)} texts, ${formatCount(generatedTokens)} tokens written, ${formatCount(ended)} ended by EOS`;
    return { text, data: summary };
  } finally {
    await model.dispose();
  }
}

function promptsOf({ instances, promptTokens, count }: SequencesOptions, bos: number | undefined) {
  const refuse = (what: string, fix: string): never => {
    throw new HeartcutError("HC4213", { what, fix });
  };
  if (instances !== undefined) return { instances, promptTokens: promptTokens ?? 32, count };
  if (promptTokens !== undefined) refuse("--prompt-tokens has no effect without --instances", "give --instances");
  const start = bos ?? refuse("the tokenizer has no BOS to start from", "take prompts from --instances");
  return { bos: start, count: count ?? refuse("the number of texts is not known", "give --count or --instances") };
}

async function defaultLength(instances: string | undefined, context: number): Promise<number> {
  if (instances === undefined) return boundedContext(context);
  const { openInstances } = await import("../../corpus/instances.ts");
  const reader = await openInstances(instances);
  reader.close();
  return Math.min(context, reader.maxTokens);
}

function boundedContext(context: number): number {
  if (context < Number.POSITIVE_INFINITY) return context;
  throw new HeartcutError("HC4213", {
    what: "nothing says how long a text may be: this model has no context limit",
    fix: "give --length",
  });
}
