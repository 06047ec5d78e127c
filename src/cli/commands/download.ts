import { Option } from "commander";
import { printable } from "../../errors.ts";
import type { Define } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";

/** What a reference is downloaded as. */
const USES = ["model", "tokenizer", "files"] as const;

/** Options of `heartcut download`. */
export interface DownloadOptions {
  reference: string;
  as?: (typeof USES)[number];
}

export const define: Define = (program, start) => {
  program
    .command("download")
    .argument("<reference>", "hf://owner/name[@revision][/path], or hf://datasets/owner/name[@revision][/path]")
    .description("Bring a model or data from the Hugging Face hub into its standard cache, and print where it is")
    .addOption(
      new Option(
        "--as <use>",
        "tokenizer is a model without weights; without this: files for data sets, else model",
      ).choices(USES),
    )
    .action((reference: string, options: Omit<DownloadOptions, "reference">) =>
      start("download", { reference, ...options }),
    );
};

/** Downloads a reference. @throws HeartcutError HC16xx as downloadModel; HC1601 for a local path; Interrupted on the signal */
export async function execute({ reference, as }: DownloadOptions, context: JobContext): Promise<JobResult> {
  const { downloadFiles, downloadModel } = await import("../../hub/download.ts");
  const { hubReference } = await import("../../hub/reference.ts");
  const source = hubReference(reference);
  const part = as ?? (source.type === "dataset" ? "files" : "model");
  const stage = { stage: "download", ...context };
  const data = part === "files" ? await downloadFiles(source, {}, stage) : await downloadModel(source, { part }, stage);
  return { text: printable(data.path), data };
}
