import { join } from "node:path";
import { Option } from "commander";
import type { SelectionMethod } from "../../select/record.ts";
import { type Define, numberWithin, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut select`. */
export interface SelectOptions {
  teacher: string;
  reference: string;
  instances: string;
  tokenizer: string;
  out: string;
  method: SelectionMethod;
  reduction: "mean" | "sum";
  ratio?: number;
  tokens?: number;
  threshold?: number;
  perSource?: boolean;
  perplexityModel?: "teacher" | "reference";
  seed: number;
}

const METHODS: SelectionMethod[] = ["difference", "random", "lowest_perplexity", "highest_perplexity", "all"];

export const define: Define = (program, start) => {
  program
    .command("select")
    .description("Keep the instances on which the teacher is furthest ahead of the reference")
    .requiredOption("--teacher <folder>", "scores of the teacher, from `heartcut score`")
    .requiredOption("--reference <folder>", "scores of the reference")
    .requiredOption("--instances <folder>", "the instances that were scored")
    .requiredOption("--tokenizer <folder>", "folder with tokenizer.json")
    .requiredOption("-o, --out <folder>", "where the selection goes; refined/ in it is what a student trains on")
    .addOption(new Option("--method <method>", "how to choose").choices(METHODS).default("difference"))
    .addOption(
      new Option("--reduction <reduction>", "how the losses of an instance become one number")
        .choices(["mean", "sum"])
        .default("mean"),
    )
    .addOption(
      new Option("--ratio <share>", "share of the instances to keep")
        .argParser(numberWithin(0, 1))
        .conflicts(["tokens", "threshold"]),
    )
    .addOption(new Option("--tokens <number>", "tokens to keep").argParser(wholeNumber()).conflicts(["threshold"]))
    .addOption(new Option("--threshold <score>", "score from which to keep").argParser(Number))
    .option("--per-source", "keep the same share of every source")
    .addOption(
      new Option("--perplexity-model <role>", "whose loss the perplexity methods rank by").choices([
        "teacher",
        "reference",
      ]),
    )
    .option("--seed <number>", "for what is drawn by chance", wholeNumber(0), 1)
    .action((options: SelectOptions) => start("select", options));
};

/** Joins the scores of two models and selects. */
export async function execute(options: SelectOptions, context: JobContext): Promise<JobResult> {
  const { joinScores } = await import("../../score/join.ts");
  const { selectInstances } = await import("../../select/select.ts");
  const { budgetOf } = await import("../../run/stages/scoring.ts");
  const { loadTokenizer } = await import("../../tokenizers/tokenizer.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { out, method, reduction, seed } = options;
  const { teacher, reference, instances, tokenizer } = await localArguments(context, {
    teacher: ["files", options.teacher],
    reference: ["files", options.reference],
    instances: ["files", options.instances],
    tokenizer: ["tokenizer", options.tokenizer],
  });
  const scores = join(out, "scores.parquet");
  const stage = { stage: "select", ...context };
  await joinScores(
    { teacherFolder: teacher, referenceFolder: reference, instancesFolder: instances, reduction, output: scores },
    stage,
  );
  const { summary } = await selectInstances(
    {
      name: method,
      method,
      budget: budgetOf(options),
      perSource: options.perSource,
      perplexityModel: options.perplexityModel,
      seed,
      scores,
      instances,
      tokenizer: await loadTokenizer(tokenizer),
      folder: out,
    },
    stage,
  );
  const { kept, total } = summary.instances;
  const text = `${out}: kept ${formatCount(kept)} of ${formatCount(total)} instances, ${formatCount(summary.tokens.kept)} tokens`;
  return { text, data: summary };
}
