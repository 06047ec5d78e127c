import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { HeartcutError } from "../../errors.ts";
import { type Origin, refuseOtherResult } from "../../formats/finished_result.ts";
import { readJsonFile } from "../../formats/json_file.ts";
import { publishJsonl } from "../../formats/jsonl.ts";
import { type Manifest, openManifest } from "../../formats/manifest.ts";
import { publishJson } from "../../formats/publish.ts";
import { isCurrent, openFolder } from "../../formats/stage_folder.ts";
import { ASKED_PLACES } from "../../models/asked_log_probs.ts";
import type { CausalLM } from "../../models/causal_lm.ts";
import { checkpointSignal, type StageContext } from "../../progress.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { FEWSHOT_SEED } from "./fewshot.ts";
import { prepareGeneration, prepareRolling, prepareTask } from "./prepare.ts";
import type { ModelTasks } from "./record.ts";
import { contextLength } from "./requests.ts";
import { RESULTS_NAME, resultsDocument, samplesName, type TaskReport } from "./results_layout.ts";
import { type ReadSample, readSamples, sampleLine, taskHash } from "./sample_files.ts";
import { type EvaluationTask, isLikelihoodTask } from "./task.ts";
import { type TaskWork, taskWork } from "./task_work.ts";

/** Part of every fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "tasks-1";

/** Input of the evaluation of one model on tasks. */
export interface EvaluateTasksInput {
  model: CausalLM;
  /** What results call it. */
  name: string;
  /** Hash of all that decides the model's values: weights, config, engine. */
  modelFingerprint: string;
  tokenizer: Tokenizer;
  tasks: readonly EvaluationTask[];
  /** Folder with the tasks' data, or the file of the only one; may be left out where tasks name their own. */
  data?: string | undefined;
  /** Questions per task at most: the results are then none of the tasks'. */
  limit?: number | undefined;
  /** Worked examples in front of each question; default 0. */
  fewshot?: number | undefined;
  fewshotSeed?: number | undefined;
  /** The model's batches, where it was opened with others than the default: values differ in their last bits. */
  batchTokens?: number | undefined;
  /** Where results_….json and samples_….jsonl go. */
  folder: string;
}

/** What a model did, and of each task where its data came from and which rows could not be asked. */
export interface EvaluatedTasks extends ModelTasks {
  skipped: { task: string; docIds: number[] }[];
}

/**
 * Evaluates a model on tasks and writes the folder that lm-evaluation-harness writes with --log_samples. Each task is committed on
 * its own: after a kill the same call goes on behind the last finished one and ends with the same bytes. Tasks may be added to a
 * finished folder; under other settings it is left as it is. Results come last: a folder that has them is complete.
 * @throws HeartcutError HC3537 for no task or one named twice, HC1053 for a folder of other results; as prepareTask, scoreTask and
 *   generateAnswers; Interrupted if asked to stop
 */
export async function evaluateTasks(input: EvaluateTasksInput, context: StageContext): Promise<EvaluatedTasks> {
  requireDistinct(input.tasks);
  const works: TaskWork[] = [];
  // All data are read before the first question is asked: what is missing is said at once.
  for (const task of input.tasks) {
    await checkpointSignal(context);
    works.push(taskWork(await prepare(task, input), input));
  }
  const prints = works.map((work, i) => taskFingerprint(input, input.tasks[i]!, work));
  const manifest = await openOwnFolder(input, works, prints);
  const progress = new QuestionProgress(works, context);
  const reports: TaskReport[] = [];
  for (const [i, work] of works.entries()) {
    const { task } = work.prepared;
    const name = samplesName(task);
    const path = join(input.folder, name);
    if (!(await isCurrent(manifest, name, prints[i]!))) {
      const samples = await work.answer(context.signal, () => progress.answered());
      await checkpointSignal(context);
      const lines = samples.map((sample) => sampleLine(sample, work.filter));
      const published = await publishJsonl(path, lines);
      await manifest.commit({ name, ...published, rows: lines.length, fingerprint: prints[i]! });
    } else progress.answered(work.prepared.items.length);
    reports.push(await reportOf(input.tasks[i]!, work, path));
  }
  const print = resultsFingerprint(input, prints);
  if (!(await isCurrent(manifest, RESULTS_NAME, print))) {
    const published = await publishJson(join(input.folder, RESULTS_NAME), document(input, reports));
    await manifest.commit({ name: RESULTS_NAME, ...published, fingerprint: print });
  }
  return {
    model: input.name,
    tasks: reports.map(({ outcome }) => outcome),
    skipped: works.map(({ prepared, skipped }) => ({
      task: prepared.task,
      docIds: skipped.map(({ docId }) => docId),
    })),
  };
}

async function prepare(task: EvaluationTask, input: EvaluateTasksInput) {
  const { tokenizer, data, limit, fewshot, fewshotSeed, model } = input;
  const options = { tokenizer, data, limit, fewshot, fewshotSeed };
  if (isLikelihoodTask(task))
    return prepareTask(task, { ...options, maxPositions: model.description.config.maxPositions });
  return task.outputType === "generate_until" ? prepareGeneration(task, options) : prepareRolling(task, options);
}

/** Figures are worked out from what was written, whether now or by an earlier call: both give the same bits. */
async function reportOf(task: EvaluationTask, work: TaskWork, path: string): Promise<TaskReport> {
  const samples: ReadSample[] = [];
  for await (const sample of readSamples(path)) samples.push(sample);
  const { prepared, filter, skipped } = work;
  return { task, prepared, outcome: work.outcome(samples), filter, skipped, hash: taskHash(samples) };
}

function document(input: EvaluateTasksInput, reports: readonly TaskReport[]) {
  const { name, tokenizer, model } = input;
  const token = (id: number | undefined): [string, string] => [
    id === undefined ? "None" : (tokenizer.tokenOf(id) ?? "None"),
    String(id ?? "None"),
  ];
  const { pad, eos, bos } = tokenizer.specials;
  const { maxPositions } = model.description.config;
  return resultsDocument(
    {
      name,
      maxLength: contextLength(maxPositions),
      ...settingsOf(input),
      tokens: { pad: token(pad), eos: token(eos), bos: token(bos) },
      origin: originOf(
        input,
        reports.map(({ prepared }) => prepared),
      ),
    },
    reports,
  );
}

function settingsOf({
  limit,
  fewshot = 0,
  fewshotSeed = FEWSHOT_SEED,
  batchTokens = ASKED_PLACES,
}: EvaluateTasksInput) {
  return { limit: limit ?? null, fewshot, fewshotSeed, batchTokens };
}

/** What the results are made of, by the names that messages give it. */
function originOf(input: EvaluateTasksInput, prepared: readonly Pick<TaskWork["prepared"], "task" | "data">[]): Origin {
  const { modelFingerprint, tokenizer } = input;
  const { limit, fewshot, fewshotSeed, batchTokens } = settingsOf(input);
  return {
    model: modelFingerprint,
    tokenizer: tokenizer.fingerprint,
    limit,
    "worked examples": fewshot,
    "seed of the worked examples": fewshotSeed,
    "tokens of a batch": batchTokens,
    ...Object.fromEntries(prepared.map(({ task, data }) => [`data of ${task}`, data.sha256])),
  };
}

function taskFingerprint(
  input: EvaluateTasksInput,
  { name, version, definition }: EvaluationTask,
  { prepared: { outputType, data, examples } }: TaskWork,
): string {
  const { modelFingerprint, tokenizer } = input;
  const settings = settingsOf(input);
  const files = [data.sha256, examples?.sha256 ?? null];
  return fingerprint([
    modelFingerprint,
    tokenizer.fingerprint,
    settings,
    name,
    version,
    definition ?? null,
    outputType,
    files,
  ]);
}

function resultsFingerprint({ name }: EvaluateTasksInput, prints: readonly string[]): string {
  return fingerprint([name, ...prints]);
}

function fingerprint(parts: readonly unknown[]): string {
  return createHash("sha256")
    .update(JSON.stringify([CODE_VERSION, ...parts]))
    .digest("hex");
}

/** The folder with what this call can use of it; what an unfinished call of other settings left is removed. */
async function openOwnFolder(
  input: EvaluateTasksInput,
  works: readonly TaskWork[],
  prints: readonly string[],
): Promise<Manifest> {
  const { folder } = input;
  const expected = new Map(works.map(({ prepared }, i) => [samplesName(prepared.task), prints[i]!]));
  expected.set(RESULTS_NAME, resultsFingerprint(input, prints));
  const manifest = await openManifest(folder);
  const finished = await manifest.isIntact(RESULTS_NAME, { deep: true });
  const lost = manifest
    .entries()
    .some(({ name, fingerprint: print }) => name !== RESULTS_NAME && expected.get(name) !== print);
  if (finished && lost) {
    const there = await readOrigin(join(folder, RESULTS_NAME));
    const wanted = originOf(
      input,
      works.map(({ prepared }) => prepared),
    );
    refuseOtherResult(folder, "an evaluation on tasks", there, { ...withoutValues(there), ...wanted });
  }
  return openFolder(folder, expected);
}

/** Tasks that only stand in the folder are part of what differs. */
function withoutValues(origin: Origin): Origin {
  return Object.fromEntries(Object.keys(origin).map((name) => [name, null]));
}

const originSchema = z.object({
  heartcut: z.object({ origin: z.record(z.string(), z.union([z.string(), z.number(), z.null()])) }),
});

async function readOrigin(path: string): Promise<Origin> {
  return originSchema.parse(await readJsonFile(path)).heartcut.origin;
}

/** @throws HeartcutError HC3537 */
function requireDistinct(tasks: readonly EvaluationTask[]): void {
  const names = tasks.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (names.length > 0 && twice === undefined) return;
  throw new HeartcutError("HC3537", {
    what: twice === undefined ? "no task is named" : "two tasks have one name",
    ...(twice !== undefined && { found: twice }),
    expected: "one task or more, each once",
    fix: "name each task once; a task of one's own needs a name of its own",
  });
}

/** Questions answered so far, over all tasks. */
class QuestionProgress {
  private done = 0;
  private readonly total: number;

  constructor(
    works: readonly TaskWork[],
    private readonly context: StageContext,
  ) {
    this.total = works.reduce((sum, { prepared }) => sum + prepared.items.length, 0);
  }

  answered(questions = 1): void {
    this.done += questions;
    const { stage } = this.context;
    this.context.report({ type: "progress", stage, done: this.done, total: this.total, unit: "questions" });
  }
}
