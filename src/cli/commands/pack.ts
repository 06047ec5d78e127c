import { type Define, wholeNumber } from "../command.ts";
import { type CorpusOptions, localCorpusSpec, withCorpusOptions } from "../corpus_options.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut pack`. */
export interface PackCommandOptions extends CorpusOptions {
  tokenizer: string;
  out: string;
  length: number;
  perDocument?: boolean;
  maxTokens?: number;
  seed: number;
}

export const define: Define = (program, start) => {
  withCorpusOptions(program.command("pack"))
    .description("Turn text into training instances of one length (.bin/.idx)")
    .requiredOption("--tokenizer <folder>", "folder with tokenizer.json")
    .requiredOption("-o, --out <folder>", "where the instances go")
    .requiredOption("--length <number>", "label positions of an instance: it holds one token more", wholeNumber(2))
    .option("--per-document", "one instance per document instead of filled ones")
    .option("--max-tokens <number>", "stop after this many tokens", wholeNumber())
    .option("--seed <number>", "decides the order of the instances", wholeNumber(0), 1)
    .action((corpus: string[], options: Omit<PackCommandOptions, "corpus">) => start("pack", { corpus, ...options }));
};

/** Packs a corpus. */
export async function execute(options: PackCommandOptions, context: JobContext): Promise<JobResult> {
  const { packCorpus } = await import("../../corpus/pack.ts");
  const { loadTokenizer } = await import("../../tokenizers/tokenizer.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const { tokenizer } = await localArguments(context, { tokenizer: ["tokenizer", options.tokenizer] });
  const { out, length, perDocument, maxTokens, seed } = options;
  const summary = await packCorpus(
    {
      corpus: await localCorpusSpec(options, context),
      tokenizer: await loadTokenizer(tokenizer),
      folder: out,
      contextLength: length,
      seed,
      ...(perDocument === true && { mode: "document" }),
      ...(maxTokens !== undefined && { maxTokens }),
    },
    { stage: "pack", ...context },
  );
  const { documents, instances, tokens } = summary;
  return {
    text: `${out}: ${formatCount(instances)} instances, ${formatCount(tokens)} tokens of ${formatCount(documents)} documents`,
    data: summary,
  };
}
