import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { acquireLock } from "../formats/lock.ts";
import { checkpointSignal, type ProgressEvent, type StageContext } from "../progress.ts";
import { changedRunError, compareInputs, type StageChange } from "./changes.ts";
import { claimFolder, RunFolder, type StageRecord } from "./run_folder.ts";
import { RunLog } from "./run_log.ts";
import { fingerprint, inputsOfStages, type Stage, type StageInputs } from "./stage.ts";

/** How a plan is to be executed. */
export interface ExecuteOptions {
  folder: string;
  /** Does again what changed instead of stopping. */
  rerun?: boolean;
  /** Compares the contents of finished outputs with their hashes, not only their sizes. */
  verify?: boolean;
  /** Commands named in the message when something changed. */
  commands: { rerun: string; elsewhere: string };
  /** What was brought from the hub for this run, with commits: noted in the log. */
  references?: readonly string[];
  /** Called before the first stage and whenever one is done: state so far, in order of the plan. */
  onStage?(finished: readonly FinishedStage[]): Promise<void>;
}

/** A stage that is done, by this execution or an earlier one. */
export interface FinishedStage {
  record: StageRecord;
  reused: boolean;
}

/** What an execution listens and talks to. */
export interface RunContext {
  report(event: ProgressEvent): void;
  readonly signal: AbortSignal;
}

/**
 * Runs the stages of a plan in their order, in one run folder. A stage whose inputs are equal and whose outputs are intact is
 * reused; one that was interrupted goes on; one whose inputs changed stops the run with a list of what changed.
 * Killing the process at any moment leaves a folder that the same call completes with the same bytes.
 * @throws HeartcutError HC4101 if inputs changed (nothing has run then), HC4102, HC4104, the lock's error, whatever a stage throws
 */
export async function executePlan(
  stages: readonly Stage[],
  options: ExecuteOptions,
  context: RunContext,
): Promise<FinishedStage[]> {
  await claimFolder(options.folder);
  const lock = await acquireLock(options.folder, "heartcut run");
  const log = new RunLog(options.folder);
  try {
    const { references = [] } = options;
    log.write({ type: "run", status: "start", ...(references.length > 0 && { references }) });
    const logged: RunContext = {
      signal: context.signal,
      report: (event) => {
        log.write(event);
        context.report(event);
      },
    };
    const finished = await executeStages(stages, options, logged);
    log.write({ type: "run", status: "done" });
    await log.flush();
    return finished;
  } catch (error) {
    const { message } = error as Error;
    log.write({ type: "run", status: "failed", ...(error instanceof HeartcutError && { code: error.code }), message });
    // The error that ended the run matters more than a log that cannot be written.
    await log.flush().catch(() => {});
    throw error;
  } finally {
    await lock.release();
  }
}

async function executeStages(
  stages: readonly Stage[],
  options: ExecuteOptions,
  context: RunContext,
): Promise<FinishedStage[]> {
  const folder = await RunFolder.open(options.folder);
  const inputs = inputsOfStages(stages);
  await settleChanges(folder, stages, inputs, options, context);
  const finished: FinishedStage[] = [];
  await options.onStage?.(finished);
  for (const stage of stages) {
    finished.push(await executeStage(folder, stage, inputs.get(stage.name)!, options, context));
    await options.onStage?.(finished);
  }
  return finished;
}

async function executeStage(
  folder: RunFolder,
  stage: Stage,
  inputs: StageInputs,
  options: ExecuteOptions,
  context: RunContext,
): Promise<FinishedStage> {
  const print = fingerprint(stage.name, inputs);
  const stageContext: StageContext = {
    stage: stage.name,
    signal: context.signal,
    report: (event) => context.report(event),
  };
  await checkpointSignal(stageContext);
  const earlier = await folder.record(stage.name);
  if (earlier?.status === "finished") {
    const damaged = await folder.damage(earlier, options.verify === true);
    if (damaged === undefined) {
      context.report({ type: "stage", stage: stage.name, status: "reused" });
      return { record: earlier, reused: true };
    }
    context.report({
      type: "warning",
      stage: stage.name,
      message: `${damaged} is missing or altered: the stage is done again`,
    });
    await folder.clear(stage);
  }
  if (earlier === undefined) await refuseForeignOutputs(folder, stage);
  if (earlier?.status !== "started") await folder.start(stage.name, inputs, print);
  context.report({ type: "stage", stage: stage.name, status: "start" });
  const begin = performance.now();
  const result = await stage.run(stageContext);
  const record = await folder.finish(stage, inputs, print, result);
  context.report({ type: "stage", stage: stage.name, status: "done", seconds: (performance.now() - begin) / 1000 });
  return { record, reused: false };
}

/** Finds the stages whose inputs are not those they were run with; clears them if that was asked for. */
async function settleChanges(
  folder: RunFolder,
  stages: readonly Stage[],
  inputs: ReadonlyMap<string, StageInputs>,
  options: ExecuteOptions,
  context: RunContext,
): Promise<void> {
  const changes: StageChange[] = [];
  for (const stage of stages) {
    const record = await folder.record(stage.name);
    const now = inputs.get(stage.name)!;
    if (record !== undefined && record.fingerprint !== fingerprint(stage.name, now))
      changes.push(compareInputs(stage.name, record, now));
  }
  const planned = new Set(stages.map((stage) => stage.name));
  for (const name of await folder.stages()) {
    if (planned.has(name)) continue;
    context.report({
      type: "warning",
      stage: name,
      message: "no longer part of the recipe; its files are kept, nothing reads them",
    });
  }
  if (changes.length === 0) return;
  if (options.rerun !== true) throw changedRunError(options.folder, changes, options.commands);
  const changed = new Set(changes.map((change) => change.stage));
  // Last stage first: a kill in between never leaves a result whose source is gone.
  for (const stage of stages.toReversed()) if (changed.has(stage.name)) await folder.clear(stage);
}

/** Files that no stage of this run wrote are not ours to replace. */
async function refuseForeignOutputs(folder: RunFolder, stage: Stage): Promise<void> {
  const file = await folder.firstOutput(stage);
  if (file === undefined) return;
  throw new HeartcutError("HC4104", {
    what: `the place of ${stage.name} holds files that no run put there`,
    where: join(folder.path, file),
    fix: `move them away, or choose another folder with --out`,
  });
}
