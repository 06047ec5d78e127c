import { type Define, wholeNumber } from "../command.ts";
import { type CorpusOptions, localCorpusSpec, withCorpusOptions } from "../corpus_options.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Options of `heartcut tokenizer train`. */
export interface TokenizerOptions extends CorpusOptions {
  vocabSize: number;
  minFrequency?: number;
  out: string;
}

export const define: Define = (program, start) => {
  const tokenizer = program.command("tokenizer").description("Make tokenizers");
  withCorpusOptions(tokenizer.command("train"))
    .description("Train a byte-level BPE tokenizer")
    .requiredOption("--vocab-size <number>", "entries, the 256 bytes and end of text included", wholeNumber(257))
    .requiredOption("-o, --out <folder>", "where tokenizer.json goes")
    .option("--min-frequency <number>", "pairs rarer than this are not merged", wholeNumber())
    .action((corpus: string[], options: Omit<TokenizerOptions, "corpus">) =>
      start("tokenizer", { corpus, ...options }),
    );
};

/** Trains a tokenizer. */
export async function execute(options: TokenizerOptions, context: JobContext): Promise<JobResult> {
  const { readDocuments } = await import("../../corpus/read.ts");
  const { trainByteLevelBpe } = await import("../../tokenizers/train.ts");
  const { vocabSize, minFrequency, out } = options;
  const documents = readDocuments(await localCorpusSpec(options, context));
  async function* texts() {
    for await (const { text } of documents) yield text;
  }
  const settings = {
    vocabSize,
    folder: out,
    emptyRows: () => documents.counts.empty,
    ...(minFrequency !== undefined && { minFrequency }),
  };
  const trained = await trainByteLevelBpe(texts(), settings, { stage: "tokenizer", ...context });
  return {
    text: `${out}: ${formatCount(trained.vocabSize)} entries from ${formatCount(trained.texts)} documents`,
    data: trained,
  };
}
