import { Option } from "commander";
import { ATTRIBUTION_METHODS } from "../../attribute/record.ts";
import type { WeighedAnswer } from "../../attribute/text.ts";
import { HeartcutError, printable } from "../../errors.ts";
import { SPLITS } from "../../tasks/record.ts";
import { type Define, repeated, repeatedChoice, seedWithoutEffect, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut attribute`. */
export interface AttributeOptions {
  model: string;
  task?: string;
  out?: string;
  input?: string;
  target?: string;
  method: string;
  option?: string[];
  contrast?: string;
  explain: "gold" | "predicted";
  split?: string[];
  topK?: number;
  maxInput: number;
  maxTarget: number;
  seed?: number;
  device: string;
}

export const define: Define = (program, start) => {
  program
    .command("attribute")
    .argument("<model>", "Hugging Face folder or hf://owner/name, tokenizer included")
    .description("Score how much each input token matters for a model's answer: of one text, or of a task")
    .addOption(new Option("--input <text>", "one input text").conflicts(["task", "out"]))
    .addOption(
      new Option("--target <text>", "the answer that is explained, for --input; the model's own without it").conflicts(
        "task",
      ),
    )
    .option("--task <folder>", "what `heartcut task` made")
    .option("-o, --out <folder>", "where the scores of a task go")
    .addOption(
      new Option("--method <method>", "how tokens get their scores")
        .choices(ATTRIBUTION_METHODS.filter((method) => method !== "imported"))
        .default("gradient"),
    )
    .option("--option <key=value>", "option of the method, for example norm=l2; repeatable", repeated)
    .option("--contrast <text>", "the other answer, for --option scalar=contrastive; a task's next choice without it")
    .addOption(
      new Option("--explain <answer>", "answers of a task that are explained")
        .choices(["gold", "predicted"])
        .default("gold")
        .conflicts("input"),
    )
    .addOption(
      new Option("--split <split>", "split of the task; repeatable, all without it")
        .choices(SPLITS)
        .argParser(repeatedChoice(SPLITS))
        .conflicts("input"),
    )
    .addOption(
      new Option("--top-k <number>", "also keep the model's likeliest tokens at each place of a task's answers")
        .argParser(wholeNumber())
        .conflicts("input"),
    )
    .option("--max-input <tokens>", "longest input; the end of longer ones is cut", wholeNumber(), 1024)
    .option("--max-target <tokens>", "longest answer the model itself may give", wholeNumber(), 64)
    .option("--seed <number>", "for method random (1 without it)", wholeNumber(0))
    .option("--device <device>", "cpu, cuda, webgpu or auto", "auto")
    .action((model: string, options: Omit<AttributeOptions, "model">) => start("attribute", { model, ...options }));
};

/**
 * Scores one text or a task.
 * @throws HeartcutError HC4207 where neither is named whole, HC4211 for --seed without effect, HC6042 for a folder of another kind
 */
export async function execute(options: AttributeOptions, context: JobContext): Promise<JobResult> {
  const { requireKind } = await import("../folder_kind.ts");
  if (options.seed !== undefined && options.method !== "random") throw seedWithoutEffect(`--method ${options.method}`);
  const { localArguments } = await import("../hub_arguments.ts");
  const { model, task } = await localArguments(context, {
    model: ["model", options.model],
    task: ["files", options.task],
  });
  await requireKind(model, "model", "<model>");
  if (options.input !== undefined) return attributeOneText({ ...options, model }, options.input, context);
  if (task !== undefined && options.out !== undefined)
    return attributeSplits(options, model, task, options.out, context);
  throw new HeartcutError("HC4207", {
    what: "it is not clear what is to be attributed",
    found: options.task === undefined ? "neither --input nor --task" : "--task without --out",
    fix: "give --input TEXT, or --task FOLDER with --out FOLDER",
  });
}

async function attributeOneText(options: AttributeOptions, text: string, context: JobContext): Promise<JobResult> {
  const { attributeText } = await import("../../attribute/text.ts");
  const { loadLanguageModel } = await import("../../models/load.ts");
  const { loadTokenizer } = await import("../../tokenizers/tokenizer.ts");
  const { deviceChoice } = await import("../device_option.ts");
  const { keyValues } = await import("../key_values.ts");
  if (text.trim() === "")
    throw new HeartcutError("HC4207", {
      what: "there is no text to attribute",
      found: `--input ${JSON.stringify(text)}`,
      fix: "give the text that the model reads",
    });
  const given = keyValues(options.option ?? [], "--option");
  if ((given.scalar === "contrastive") !== (options.contrast !== undefined))
    throw new HeartcutError("HC4207", {
      what: "--contrast and --option scalar=contrastive belong together",
      found: options.contrast === undefined ? "no --contrast" : `--contrast ${JSON.stringify(options.contrast)} alone`,
      fix: "give both, or neither",
    });
  const model = await loadLanguageModel(options.model, { device: deviceChoice(options.device) });
  try {
    const { answer, predicted, tokens, truncated, unknown, targetLogits, completeness } = await attributeText(
      {
        model,
        tokenizer: await loadTokenizer(options.model),
        text,
        target: options.target,
        contrast: options.contrast,
        method: options.method as "gradient",
        options: { ...given, ...(options.seed !== undefined && { seed: options.seed }) },
        limits: { input: options.maxInput, target: options.maxTarget },
      },
      { stage: "attribute", ...context },
    );
    const most = Math.max(...tokens.map(({ score }) => Math.abs(score)));
    const lines = tokens.map(({ text: piece, score }) => {
      const bar = "#".repeat(Math.round((24 * Math.abs(score)) / (most || 1)));
      return `${score.toPrecision(4).padStart(11)}  ${bar.padEnd(24)}  ${JSON.stringify(piece)}`;
    });
    const own = options.target === undefined ? [] : [`the model itself answers: ${inWords(predicted)}`];
    return {
      text: printable([`answer: ${inWords(answer)}`, ...own, ...lines].join("\n")),
      data: {
        answer: answer.text,
        logProbability: answer.logProbability,
        predicted: { answer: predicted.text, logProbability: predicted.logProbability },
        unknown,
        tokens,
        truncated,
        ...(targetLogits && { targetLogits: [...targetLogits] }),
        ...(completeness && { completeness }),
      },
    };
  } finally {
    await model.dispose();
  }
}

function inWords({ text, logProbability }: WeighedAnswer): string {
  return `${text} (log-probability ${logProbability.toFixed(3)})`;
}

async function attributeSplits(
  options: AttributeOptions,
  model: string,
  task: string,
  out: string,
  context: JobContext,
): Promise<JobResult> {
  const { attributeWithModel } = await import("../../run/rationale/with_models.ts");
  const { readTaskSummary } = await import("../../tasks/files.ts");
  const { metricNamed } = await import("../../tasks/metrics.ts");
  const { deviceChoice } = await import("../device_option.ts");
  const { keyValues } = await import("../key_values.ts");
  const { requireKind } = await import("../folder_kind.ts");
  const { claimOutput } = await import("../output_folder.ts");
  await requireKind(task, "task", "--task");
  await claimOutput(out, "attributions");
  const { metric } = await readTaskSummary(task);
  const summary = await attributeWithModel(
    {
      model,
      modelName: options.model,
      task,
      metric: metricNamed(metric),
      limits: { input: options.maxInput, target: options.maxTarget },
      device: deviceChoice(options.device),
      splits: SPLITS.filter((split) => options.split === undefined || options.split.includes(split)),
      method: options.method as "gradient",
      options: keyValues(options.option ?? [], "--option"),
      target: options.explain,
      predict: true,
      ...(options.topK !== undefined && { outputs: { topK: options.topK } }),
      ...(options.contrast !== undefined && { contrast: { text: options.contrast } }),
      seed: options.seed ?? 1,
      folder: out,
    },
    { stage: "attribute", ...context },
  );
  const parts = Object.entries(summary.splits).map(
    ([split, { examples }]) =>
      `${split} ${formatCount(examples)} (${((summary.accuracy?.[split] ?? 0) * 100).toFixed(1)} % answered right)`,
  );
  return { text: `${out}: ${summary.method}, ${parts.join(", ")}`, data: summary };
}
