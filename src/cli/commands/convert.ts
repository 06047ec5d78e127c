import { Option } from "commander";
import type { Overflow } from "../../corpus/convert_record.ts";
import { type Define, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut convert`. */
export interface ConvertOptions {
  instances: string;
  from: string;
  to: string;
  output: string;
  length?: number;
  overflow: Overflow;
}

export const define: Define = (program, start) => {
  program
    .command("convert")
    .argument("<instances>", "what `heartcut pack` or `heartcut select` (refined/) made")
    .description("Re-encode instances for a model of another family")
    .requiredOption("--from <tokenizer>", "folder with the tokenizer.json that made them")
    .requiredOption("--to <tokenizer>", "folder with the tokenizer.json of the other family")
    .requiredOption("-o, --output <folder>", "where the converted instances go; the same command resumes")
    .option("--length <number>", "label positions of an instance (default: as long as the longest)", wholeNumber(2))
    .addOption(
      new Option("--overflow <way>", "what does not fit is dropped, or carried into further instances")
        .choices(["drop", "carry"])
        .default("drop"),
    )
    .action((instances: string, options: Omit<ConvertOptions, "instances">) =>
      start("convert", { instances, ...options }),
    );
};

/** Converts a folder of instances. */
export async function execute(options: ConvertOptions, context: JobContext): Promise<JobResult> {
  const { convertInstances } = await import("../../corpus/convert.ts");
  const { loadTokenizer } = await import("../../tokenizers/tokenizer.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { output, length, overflow } = options;
  const { instances, from, to } = await localArguments(context, {
    instances: ["files", options.instances],
    from: ["tokenizer", options.from],
    to: ["tokenizer", options.to],
  });
  const summary = await convertInstances(
    {
      instances,
      from: await loadTokenizer(from),
      to: await loadTokenizer(to),
      folder: output,
      contextLength: length,
      overflow,
    },
    { stage: "convert", ...context },
  );
  const lost = summary.lostTokens > 0 ? `, ${formatCount(summary.lostTokens)} tokens cut off` : "";
  return {
    text: `${output}: ${formatCount(summary.instances)} instances, ${formatCount(summary.tokens)} tokens${lost}`,
    data: summary,
  };
}
