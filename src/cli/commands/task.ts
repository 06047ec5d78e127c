import { Option } from "commander";
import { type Define, numberWithin, repeated, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut task`. */
export interface TaskOptions {
  task: string;
  train: string[];
  validation?: string[];
  validationShare: number;
  test: string[];
  limit?: string[];
  seed: number;
  out: string;
}

/** Set aside of the training examples where nothing is said. */
const VALIDATION_SHARE = 0.1;

export const define: Define = (program, start) => {
  program
    .command("task")
    .argument("<task>", "commonsense_qa, esnli, anli_r1, svamp, gsm8k, strategyqa, or a YAML file that describes one")
    .description("Read a task's files: train, validation and test as text, kept apart")
    .requiredOption("--train <file>", "JSONL (.gz, .zst); repeatable", repeated)
    .addOption(
      new Option("--validation <file>", "the same; repeatable").argParser(repeated).conflicts("validationShare"),
    )
    .addOption(
      new Option(
        "--validation-share <share>",
        "without such a file: the share of the training examples set aside for it",
      )
        .argParser(numberWithin(0, 1))
        .default(VALIDATION_SHARE),
    )
    .requiredOption("--test <file>", "read only when models are evaluated; repeatable", repeated)
    .option("--limit <split=number>", "use a random subset of a split; repeatable", repeated)
    .option("--seed <number>", "decides what is drawn by chance", wholeNumber(0), 1)
    .requiredOption("-o, --out <folder>", "where the examples go")
    .action((task: string, options: Omit<TaskOptions, "task">) => start("task", { task, ...options }));
};

/** Prepares a task. */
export async function execute(options: TaskOptions, context: JobContext): Promise<JobResult> {
  const { prepareTask } = await import("../../tasks/prepare.ts");
  const { readTask } = await import("../task_argument.ts");
  const { claimOutput } = await import("../output_folder.ts");
  const { splitNumbers } = await import("../split_option.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { validationShare, seed, out } = options;
  const { train, validation, test } = await localArguments(context, {
    train: ["files", options.train],
    validation: ["files", options.validation],
    test: ["files", options.test],
  });
  await claimOutput(out, "task", [...train, ...(validation ?? []), ...test]);
  const summary = await prepareTask(
    {
      task: await readTask(options.task),
      folder: out,
      train,
      validation: validation ?? { share: validationShare },
      test,
      limit: splitNumbers(options.limit ?? []),
      seed,
    },
    { stage: "task", ...context },
  );
  const from =
    validation === undefined
      ? ` (${Number((100 * validationShare).toPrecision(4))} % of the training file's, drawn with seed ${seed})`
      : "";
  const sizes = Object.entries(summary.splits).map(
    ([split, { examples }]) => `${split} ${formatCount(examples)}${split === "validation" ? from : ""}`,
  );
  return { text: `${out}: ${summary.task}, ${sizes.join(", ")}`, data: summary };
}
