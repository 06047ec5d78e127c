import { Option } from "commander";
import { RATIONALE_SOURCES, type RationaleSource } from "../../rationale/record.ts";
import { SPLITS } from "../../tasks/record.ts";
import { type Define, repeated, repeatedChoice, seedWithoutEffect, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut rationales`. */
export interface RationalesOptions {
  task: string;
  source: RationaleSource;
  attributions?: string;
  option?: string[];
  split?: string[];
  seed?: number;
  out: string;
}

export const define: Define = (program, start) => {
  program
    .command("rationales")
    .argument("<task>", "folder that `heartcut task` made")
    .description("Turn scores of input tokens, or what the data holds, into rationales for students")
    .addOption(new Option("--source <source>", "where they come from").choices(RATIONALE_SOURCES).default("saliency"))
    .option("--attributions <folder>", "what `heartcut attribute` made, for sources that choose by scores")
    .option("--option <key=value>", "option of the source, for example k=5 or unit=token; repeatable", repeated)
    .addOption(
      new Option("--split <split>", "split of the task; repeatable, all without it")
        .choices(SPLITS)
        .argParser(repeatedChoice(SPLITS)),
    )
    .option("--seed <number>", "for sources random and shuffled (1 without it)", wholeNumber(0))
    .requiredOption("-o, --out <folder>", "where the rationales go")
    .action((task: string, options: Omit<RationalesOptions, "task">) => start("rationales", { task, ...options }));
};

/** Makes rationales. @throws HeartcutError HC4211 for --seed without effect, HC6042 for a folder of another kind */
export async function execute(options: RationalesOptions, context: JobContext): Promise<JobResult> {
  const { isSeeded } = await import("../../rationale/sources.ts");
  const { makeRationales } = await import("../../rationale/rationales.ts");
  const { readTaskSummary } = await import("../../tasks/files.ts");
  const { judge, metricNamed } = await import("../../tasks/metrics.ts");
  const { keyValues } = await import("../key_values.ts");
  const { requireKind } = await import("../folder_kind.ts");
  const { claimOutput } = await import("../output_folder.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { source, seed, out } = options;
  if (seed !== undefined && !isSeeded(source)) throw seedWithoutEffect(`--source ${source}`);
  const { task, attributions } = await localArguments(context, {
    task: ["files", options.task],
    attributions: ["files", options.attributions],
  });
  await requireKind(task, "task", "<task>");
  if (attributions !== undefined) await requireKind(attributions, "attributions", "--attributions");
  await claimOutput(out, "rationales");
  const metric = metricNamed((await readTaskSummary(task)).metric);
  const summary = await makeRationales(
    {
      source,
      task,
      attributions,
      splits: SPLITS.filter((split) => options.split === undefined || options.split.includes(split)),
      options: keyValues(options.option ?? [], "--option"),
      judge: (example, answer) => judge({ metric }, example, answer),
      seed: seed ?? 1,
      folder: out,
    },
    { stage: "rationales", ...context },
  );
  const parts = Object.entries(summary.splits).map(
    ([split, { rationales, examples }]) => `${split} ${formatCount(rationales)} of ${formatCount(examples)}`,
  );
  return { text: `${out}: ${source}, ${parts.join(", ")}`, data: summary };
}
