import { printable } from "../../errors.ts";
import type { PushResult } from "../../hub/push.ts";
import type { Define } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatBytes } from "../terminal.ts";

/** Options of `heartcut push`. */
export interface PushOptions {
  folder: string;
  repository: string;
  public?: boolean;
  revision?: string;
  message?: string;
  dryRun?: boolean;
}

export const define: Define = (program, start) => {
  program
    .command("push")
    .argument("<folder>", "a finished model, for example runs/quickstart/students/difference-seed1")
    .argument("<repository>", "owner/name on the Hugging Face hub; made where it is missing")
    .description("Upload a student with its model card to the Hugging Face hub; private unless told otherwise")
    .option("--public", "let everybody see it")
    .option("--revision <branch>", "branch that is written to; main without it")
    .option("--message <text>", "title of the commit")
    .option("--dry-run", "show what would be sent and its model card, without token or network")
    .action((folder: string, repository: string, options: Omit<PushOptions, "folder" | "repository">) =>
      start("push", { folder, repository, ...options }),
    );
};

/** Uploads a model. @throws HeartcutError HC16xx as pushModel; Interrupted on the signal */
export async function execute(
  { folder, repository, ...options }: PushOptions,
  context: JobContext,
): Promise<JobResult> {
  const { pushModel } = await import("../../hub/push.ts");
  const result = await pushModel(folder, repository, options, { stage: "push", ...context });
  return { text: printable(describe(result, options.dryRun === true)), data: result };
}

function describe({ url, visibility, revision, files, card, commit }: PushResult, dryRun: boolean): string {
  const sent = files.filter(({ change }) => change !== "unchanged");
  const where = `${url} (${visibility}, ${revision})`;
  if (dryRun) {
    const lines = files.map(({ name, bytes }) => `${formatBytes(bytes).padStart(9)}  ${name}`);
    return [
      ...lines,
      `${where}: would get these ${files.length} files, ${formatBytes(files.reduce((sum, { bytes }) => sum + bytes, 0))}; what is there already is not known`,
      "README.md:",
      card.trimEnd(),
    ].join("\n");
  }
  const lines = files.map(
    ({ name, bytes, change }) => `${change.padEnd(9)} ${formatBytes(bytes).padStart(9)}  ${name}`,
  );
  if (sent.length === 0) return [...lines, `${where}: everything is there already`].join("\n");
  return [...lines, `${where}: commit ${commit}`].join("\n");
}
