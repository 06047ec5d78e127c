import { join } from "node:path";
import { Option } from "commander";
import { HeartcutError } from "../../errors.ts";
import { SPLITS, type Split } from "../../tasks/record.ts";
import { type Define, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";

/** Options of `heartcut answer`. */
export interface AnswerOptions {
  model: string;
  task: string;
  split: Split;
  rationales?: string;
  maxInput: number;
  maxTarget: number;
  device: string;
  out?: string;
}

export const define: Define = (program, start) => {
  program
    .command("answer")
    .argument("<model>", "Hugging Face folder or hf://owner/name, tokenizer included")
    .description("Have a model answer a split of a task, and judge its answers")
    .requiredOption("--task <folder>", "what `heartcut task` made")
    .addOption(new Option("--split <split>", "which examples").choices(SPLITS).default("test"))
    .option("--rationales <folder>", "for a model that was taught to read them")
    .option("--max-input <tokens>", "longest input; the end of longer ones is cut", wholeNumber(), 1024)
    .option("--max-target <tokens>", "longest answer", wholeNumber(), 64)
    .option("--device <device>", "cpu, cuda, webgpu or auto", "auto")
    .option("-o, --out <file>", "where the answers go; default: predictions-<split>.jsonl in the model's folder")
    .action((model: string, options: Omit<AnswerOptions, "model">) => start("answer", { model, ...options }));
};

/**
 * Answers a split. A model that was trained here is asked as it was taught; any other one reads the input as it is.
 * @throws HeartcutError HC6042 for a folder of another kind
 */
export async function execute(options: AnswerOptions, context: JobContext): Promise<JobResult> {
  const { answerWithModel, taughtObjective } = await import("../../run/rationale/with_models.ts");
  const { readTaskSummary } = await import("../../tasks/files.ts");
  const { metricNamed } = await import("../../tasks/metrics.ts");
  const { answerFigures, figuresInWords } = await import("../answer_figures.ts");
  const { deviceChoice } = await import("../device_option.ts");
  const { requireKind } = await import("../folder_kind.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { split } = options;
  const { model, task, rationales } = await localArguments(context, {
    model: ["model", options.model],
    task: ["files", options.task],
    rationales: ["files", options.rationales],
  });
  if (options.out === undefined && model !== options.model) throw nowhere(options);
  await requireKind(model, "model", "<model>");
  await requireKind(task, "task", "--task");
  if (rationales !== undefined) await requireKind(rationales, "rationales", "--rationales");
  const file = options.out ?? join(model, `predictions-${split}.jsonl`);
  const predictions = await answerWithModel(
    {
      model,
      task,
      split,
      metric: metricNamed((await readTaskSummary(task)).metric),
      limits: { input: options.maxInput, target: options.maxTarget },
      device: deviceChoice(options.device),
      objective: await taughtObjective(model),
      rationales,
      file,
    },
    { stage: "answer", ...context },
  );
  const figures = answerFigures(predictions);
  return { text: `${file}: ${figuresInWords(figures)}`, data: { file, split, ...figures } };
}

/** Folders of the hub's cache are not written into. */
function nowhere({ model, split }: AnswerOptions): HeartcutError {
  return new HeartcutError("HC4215", {
    what: "it is not said where the answers go",
    where: model,
    why: "a model of the hub lies in a cache that others read, too",
    fix: `give --out with a file, for example --out predictions-${split}.jsonl`,
  });
}
