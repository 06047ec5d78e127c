import { type Command, Option } from "commander";
import type { CorpusSpec } from "../corpus/read.ts";
import { repeated } from "./command.ts";
import type { JobContext } from "./job.ts";

/** Options of commands that read raw text. */
export interface CorpusOptions {
  corpus: string[];
  inputFormat?: CorpusSpec["format"];
  text?: string;
  id?: string;
  source?: string;
  tag?: string[];
  skipBadRows?: boolean;
}

/** Puts the argument and the options that describe a corpus on a command. */
export function withCorpusOptions(command: Command): Command {
  return command
    .argument("<corpus...>", "files, folders or globs, also hf://datasets/…: JSONL (.gz, .zst), Parquet or plain text")
    .addOption(
      new Option("--input-format <format>", "auto looks at the file names").choices([
        "auto",
        "jsonl",
        "parquet",
        "text",
      ]),
    )
    .option("--text <column>", "column that holds the text")
    .option("--id <column>", "column that names a document")
    .option("--source <column>", "column that names a document's domain")
    .option("--tag <column>", "further column to carry; repeatable", repeated)
    .option("--skip-bad-rows", "pass over rows that cannot be read, and count them");
}

/** The corpus that the options describe, on this machine; what was not given is left to the reader's defaults. */
export async function localCorpusSpec(
  { corpus, inputFormat, text, id, source, tag, skipBadRows }: CorpusOptions,
  context: JobContext,
): Promise<CorpusSpec> {
  const { localCorpus } = await import("./hub_arguments.ts");
  return {
    path: await localCorpus(context, corpus),
    ...(inputFormat !== undefined && { format: inputFormat }),
    ...(text !== undefined && { text }),
    ...(id !== undefined && { id }),
    ...(source !== undefined && { source }),
    ...(tag !== undefined && { tags: tag }),
    ...(skipBadRows === true && { onBadRow: "skip" as const }),
  };
}
