import { Option } from "commander";
import { type Define, repeated, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut finetune`. */
export interface FinetuneOptions {
  settings: string;
  task: string;
  tokenizer?: string;
  rationales?: string;
  attributions?: string;
  teacherOutputs?: string;
  set?: string[];
  maxInput: number;
  maxTarget: number;
  seed: number;
  device: string;
  out: string;
}

export const define: Define = (program, start) => {
  program
    .command("finetune")
    .argument("<settings>", "YAML file with what stands under `train` of a rationale recipe, and `objective`")
    .description("Train a teacher or a student on a task; the same command resumes")
    .requiredOption("--task <folder>", "what `heartcut task` made; its test split is not read")
    .option("--tokenizer <folder>", "of a model that is trained from scratch; a start folder brings its own")
    .option("--rationales <folder>", "what `heartcut rationales` made, where the objective uses them")
    .option("--attributions <folder>", "what `heartcut attribute` made, for attribution matching")
    .option("--teacher-outputs <folder>", "the same, made with --top-k, for distillation")
    .option(
      "--set <key=value>",
      "override a key of the settings, for example objective.lambda=0.5; repeatable",
      repeated,
    )
    .option("--max-input <tokens>", "longest input; the end of longer ones is cut", wholeNumber(), 1024)
    .option("--max-target <tokens>", "longest answer", wholeNumber(), 64)
    .option("--seed <number>", "decides first weights and order", wholeNumber(0), 1)
    .addOption(new Option("--device <device>", "cpu, cuda, webgpu or auto").default("auto"))
    .requiredOption("-o, --out <folder>", "becomes a Hugging Face folder")
    .action((settings: string, options: Omit<FinetuneOptions, "settings">) =>
      start("finetune", { settings, ...options }),
    );
};

/** Fine-tunes a model. @throws HeartcutError HC6042 for a folder, HC6043 for a file of another kind */
export async function execute(options: FinetuneOptions, context: JobContext): Promise<JobResult> {
  const { loadFineTuning } = await import("../../run/rationale/recipe.ts");
  const { fineTuneWithSettings } = await import("../../run/rationale/with_models.ts");
  const { readTaskSummary } = await import("../../tasks/files.ts");
  const { metricNamed } = await import("../../tasks/metrics.ts");
  const { deviceChoice } = await import("../device_option.ts");
  const { requireKind } = await import("../folder_kind.ts");
  const { claimOutput } = await import("../output_folder.ts");
  const { requireContent } = await import("../yaml_kind.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { seed, out } = options;
  await requireContent(options.settings, "training");
  const { task, rationales, attributions, teacherOutputs, ...local } = await localArguments(context, {
    task: ["files", options.task],
    rationales: ["files", options.rationales],
    attributions: ["files", options.attributions],
    teacherOutputs: ["files", options.teacherOutputs],
    tokenizer: ["tokenizer", options.tokenizer],
  });
  await requireKind(task, "task", "--task");
  const folders = { "--rationales": rationales, "--attributions": attributions, "--teacher-outputs": teacherOutputs };
  for (const [option, folder] of Object.entries(folders))
    if (folder !== undefined)
      await requireKind(folder, option === "--rationales" ? "rationales" : "attributions", option);
  if (local.tokenizer !== undefined) await requireKind(local.tokenizer, "tokenizer", "--tokenizer");
  const { settings: written, objective } = await loadFineTuning(options.settings, options.set, local.tokenizer);
  const { from } = await localArguments(context, { from: ["model", written.from] });
  const settings = from === undefined ? written : { ...written, from };
  const tokenizer = local.tokenizer ?? from!;
  await claimOutput(out, "model", [tokenizer]);
  const summary = await fineTuneWithSettings(
    {
      settings,
      objective,
      tokenizer,
      task,
      metric: metricNamed((await readTaskSummary(task)).metric),
      limits: { input: options.maxInput, target: options.maxTarget },
      device: deviceChoice(options.device),
      rationales,
      attributions,
      teacherOutputs,
      seed,
      output: out,
    },
    { stage: "finetune", ...context },
  );
  const { best, steps, parameters } = summary;
  return {
    text: `${out}: ${formatCount(parameters)} parameters, ${formatCount(steps)} steps, best at ${best.step} with ${(100 * best.accuracy).toFixed(1)} % on validation`,
    data: summary,
  };
}
