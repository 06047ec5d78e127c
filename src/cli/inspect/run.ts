import { join } from "node:path";
import { printable } from "../../errors.ts";
import type { RationaleRunSummary } from "../../report/rationale/record.ts";
import type { RunSummary } from "../../run/record.ts";
import type { JobResult } from "../job.ts";
import { formatBytes, formatCount, formatSeconds } from "../terminal.ts";

/** The last stage of every run. */
const LAST = "report";

/** What a run is about, what its stages made, and whether it came to its end. */
export async function inspectRun(folder: string): Promise<JobResult> {
  const { readJsonFile } = await import("../../formats/json_file.ts");
  const run = (await readJsonFile(join(folder, "run.json"), { wholeNumbers: "rounded" })) as unknown as
    | RunSummary
    | RationaleRunSummary;
  const lines = run.stages.map(({ stage, seconds, files }) => {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    return `${stage.padEnd(28)} ${formatSeconds(seconds).padStart(10)} ${formatBytes(bytes).padStart(9)}  ${files.length} files`;
  });
  const head = `run ${run.name}, seed ${run.seed}, heartcut ${run.heartcutVersion}`;
  const state = await stateOf(folder);
  const unfinished = state.finished ? [] : [unfinishedInWords(folder, state)];
  return {
    text: printable([head, dataOf(run), ...lines, ...unfinished].join("\n")),
    data: { ...run, ...state },
  };
}

/** How far a run is, as its stages themselves have noted. */
interface RunState {
  finished: boolean;
  stagesDone: string[];
  /** Stages that were started and did not come to their end. */
  stagesBegun: string[];
}

async function stateOf(path: string): Promise<RunState> {
  const { RunFolder } = await import("../../run/run_folder.ts");
  const folder = await RunFolder.open(path);
  const [done, begun]: [string[], string[]] = [[], []];
  for (const stage of await folder.stages())
    ((await folder.record(stage))?.status === "finished" ? done : begun).push(stage);
  return { finished: begun.length === 0 && done.includes(LAST), stagesDone: done, stagesBegun: begun };
}

function unfinishedInWords(folder: string, { stagesDone, stagesBegun }: RunState): string {
  const begun = stagesBegun.length === 0 ? "" : `, begun: ${stagesBegun.join(", ")}`;
  return [
    `not finished: ${stagesDone.length} stages done${begun}`,
    `the command that started it resumes it: heartcut run RECIPE --out ${folder}`,
  ].join("\n");
}

/** What a run is about, in a line. */
function dataOf(run: RunSummary | RationaleRunSummary): string {
  if ("task" in run) return `task ${run.task.name}: ${run.task.description}`;
  const { documents, tokens, instances } = run.corpus;
  return `${formatCount(documents)} documents, ${formatCount(tokens)} tokens, ${formatCount(instances)} instances`;
}
