import { Option } from "commander";
import { ANALYSIS_DEFAULTS } from "../../analyze/defaults.ts";
import type { LabelsOptions } from "../analyze/labels.ts";
import type { ScorersOptions } from "../analyze/scorers.ts";
import type { SelectionsOptions } from "../analyze/selections.ts";
import { type Define, numberWithin, repeated, wholeNumber } from "../command.ts";
import { withCorpusOptions } from "../corpus_options.ts";
import type { JobContext, JobResult } from "../job.ts";

/** Options of `heartcut analyze`: of one of its kinds. */
export type AnalyzeOptions =
  | ({ kind: "selections" } & SelectionsOptions)
  | ({ kind: "scorers" } & ScorersOptions)
  | ({ kind: "labels" } & LabelsOptions);

export const define: Define = (program, start) => {
  const { draws, sampleTokens, sampleInstances } = ANALYSIS_DEFAULTS;
  const analyze = program
    .command("analyze")
    .description("Say what selections did, and how far their scores can be trusted");
  analyze
    .command("run", { isDefault: true })
    .argument("<run>", "folder of a run that has made its selections")
    .description("Diversity, domains, lengths and near-duplicates of each selection, beside random ones")
    .option(
      "-o, --out <folder>",
      "where NAME/analysis.json and duplicates/ go (default: RUN/analyze, where its report looks); the same command resumes",
    )
    .option("--selection <name>", "only this selection of the run; repeatable", repeated)
    .option("--tokenizer <folder>", "tokenizer of the instances (default: the one that the run trained)")
    .option("--model <folder>", "also measure the diversity of this model's mean-pooled hidden states")
    .option("--device <device>", "for --model: cpu, cuda, webgpu or auto")
    .option("--draws <number>", `random selections behind each range (default: ${draws})`, wholeNumber(20))
    .option(
      "--sample-tokens <number>",
      `tokens that word measures are taken on (default: ${sampleTokens})`,
      wholeNumber(),
    )
    .option(
      "--sample-instances <number>",
      `instances that are compared with each other (default: ${sampleInstances})`,
      wholeNumber(2),
    )
    .option("--threshold <similarity>", "Jaccard similarity of near-duplicates (default: 0.8)", numberWithin(0, 1))
    .option("--shingle <tokens>", "tokens of a shingle (default: 5)", wholeNumber())
    .option("--permutations <number>", "MinHash permutations (default: 128)", wholeNumber())
    .option("--seed <number>", "decides what is drawn by chance", wholeNumber(0), 1)
    .action((run: string, options: Omit<SelectionsOptions, "run">) =>
      start("analyze", { kind: "selections", run, ...options }),
    );
  analyze
    .command("scorers")
    .description("Hold cheap scorers against the exact one over the same instances")
    .requiredOption("--exact <scores>", "scores.parquet, or the folder that holds it")
    .requiredOption(
      "--cheap <scorer>",
      "scores.parquet or its folder; scores of another teacher (score.json); low_teacher_nll, high_reference_nll, length, low_compression_ratio; repeatable",
      repeated,
    )
    .option("--ratio <share>", "share of the instances that is kept; repeatable (default: 0.3, 0.5 and 0.7)", repeated)
    .option("--instances <folder>", "for low_compression_ratio: the instances that were scored")
    .option("--tokenizer <folder>", "for low_compression_ratio: their tokenizer")
    .option("--evaluation <run>", "run or evaluation.json of students on both selections, for the regret")
    .option("--cheap-student <name>", "student trained on the cheap selection")
    .option("--exact-student <name>", "student trained on the exact selection")
    .option("-o, --out <file>", "also write the audit as JSON")
    .action((options: ScorersOptions) => start("analyze", { kind: "scorers", ...options }));
  withCorpusOptions(analyze.command("labels"))
    .description("AUROC of scores against what people marked good and bad")
    .requiredOption(
      "--scores <scores>",
      "scores.parquet of instances with one document each (`heartcut pack --per-document`), or its folder; repeatable",
      repeated,
    )
    .requiredOption("--label <column>", "column that holds the label")
    .requiredOption("--good <label>", "label of good documents")
    .requiredOption("--bad <label>", "label of bad documents")
    .option("--only <source>", "only documents of this source")
    .addOption(new Option("--resamples <number>", "of the bootstrap").argParser(wholeNumber(100)).default(2_000))
    .option("--seed <number>", "for the bootstrap", wholeNumber(0), 1)
    .option("-o, --out <file>", "also write the audit as JSON")
    .action((corpus: string[], options: Omit<LabelsOptions, "corpus">) =>
      start("analyze", { kind: "labels", corpus, ...options }),
    );
};

/** Analyses selections, scorers or labels. */
export async function execute(options: AnalyzeOptions, context: JobContext): Promise<JobResult> {
  switch (options.kind) {
    case "selections":
      return (await import("../analyze/selections.ts")).analyzeSelections(options, context);
    case "scorers":
      return (await import("../analyze/scorers.ts")).analyzeScorers(options, context);
    case "labels":
      return (await import("../analyze/labels.ts")).analyzeLabels(options, context);
  }
}
