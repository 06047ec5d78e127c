import { createHash } from "node:crypto";
import { join } from "node:path";
import { HeartcutError } from "../../errors.ts";
import type { Origin } from "../../formats/finished_result.ts";
import { publishJsonl } from "../../formats/jsonl.ts";
import type { Manifest } from "../../formats/manifest.ts";
import { publishJson } from "../../formats/publish.ts";
import { isCurrent } from "../../formats/stage_folder.ts";
import { ASKED_PLACES } from "../../models/asked_log_probs.ts";
import type { CausalLM } from "../../models/causal_lm.ts";
import { checkpointSignal, type StageContext } from "../../progress.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { requireOneForFile } from "./data_files.ts";
import { FEWSHOT_SEED } from "./fewshot.ts";
import { prepareGeneration, prepareRolling, prepareTask } from "./prepare.ts";
import type { ModelTasks } from "./record.ts";
import { contextLength } from "./requests.ts";
import { openResultsFolder, withFinished } from "./results_folder.ts";
import {
  isOtherSize,
  OTHER_SIZE,
  RESULTS_NAME,
  resultsDocument,
  samplesName,
  sizesOf,
  type TaskReport,
} from "./results_layout.ts";
import { type ReadSample, readSamples, sampleLine, taskHash } from "./sample_files.ts";
import { type EvaluationTask, isLikelihoodTask } from "./task.ts";
import { type TaskWork, taskWork } from "./task_work.ts";
import { removeUnfinished, UnfinishedAnswers } from "./unfinished_answers.ts";

/** Part of every fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "tasks-1";

/** To be raised when equal samples would give other results files. */
const LAYOUT_VERSION = "results-2";

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
 * Evaluates a model on tasks and writes the folder that lm-evaluation-harness writes with --log_samples. Answers are kept call by
 * call: after a kill the same call goes on behind the last whole one and ends with the same bytes. A finished folder keeps its tasks:
 * those asked again come from it, new ones are added; under other settings it is left as it is. Results come last.
 * @returns the tasks asked, in their order
 * @throws HeartcutError HC3537 for no task or one named twice, HC3539 for one file and several tasks, HC1053 for a folder of other
 *   results; as prepareTask, scoreTask and generateAnswers; Interrupted if asked to stop
 */
export async function evaluateTasks(input: EvaluateTasksInput, context: StageContext): Promise<EvaluatedTasks> {
  requireDistinct(input.tasks);
  await requireOneForFile(input.tasks, input.data);
  const works: TaskWork[] = [];
  // All data are read before the first question is asked: what is missing is said at once.
  for (const task of input.tasks) {
    await checkpointSignal(context);
    works.push(taskWork(await prepare(task, input), input));
  }
  warnOfSizes(works, context);
  const prints = works.map((work, i) => taskFingerprint(input, input.tasks[i]!, work));
  const settingsPrint = settingsFingerprint(input);
  const { manifest, finished } = await openResultsFolder(input.folder, {
    settings: settingsOrigin(input),
    settingsFingerprint: settingsPrint,
    tasks: works.map(({ prepared }, i) => ({
      task: prepared.task,
      fingerprint: prints[i]!,
      origin: taskOrigin(input.tasks[i]!, prepared),
    })),
  });
  const progress = new QuestionProgress(works, context);
  const reports: TaskReport[] = [];
  for (const [i, work] of works.entries()) {
    const { task, items } = work.prepared;
    const name = samplesName(task);
    const path = join(input.folder, name);
    const fingerprint = prints[i]!;
    if (!(await isCurrent(manifest, name, fingerprint))) {
      const lines = await answerTask(work, { folder: input.folder, fingerprint, progress }, context);
      const published = await publishJsonl(path, lines);
      await manifest.commit({ name, ...published, rows: lines.length, fingerprint, settings: settingsPrint });
    }
    await removeUnfinished(input.folder, task);
    progress.finished(items.length);
    reports.push(await reportOf(input.tasks[i]!, work, path));
  }
  const results = withFinished(finished, document(input, reports));
  const print = resultsFingerprint(input, Object.keys(results.heartcut.tasks), manifest);
  if (!(await isCurrent(manifest, RESULTS_NAME, print))) {
    const published = await publishJson(join(input.folder, RESULTS_NAME), results);
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

/** The lines of a task's samples: what an earlier call kept, and the answers to the rest. */
async function answerTask(
  { prepared, filter, questionsPerCall, answer }: TaskWork,
  { folder, fingerprint, progress }: { folder: string; fingerprint: string; progress: QuestionProgress },
  context: StageContext,
) {
  const { task, items } = prepared;
  const of = { task, fingerprint, questions: items.length, perCall: questionsPerCall };
  const answers = await UnfinishedAnswers.open(folder, of);
  try {
    for (let start = answers.lines().length; start < items.length; start = answers.lines().length) {
      const end = Math.min(start + questionsPerCall, items.length);
      const onProgress = (questions: number) => progress.within(start + questions);
      const samples = await answer(start, end, { signal: context.signal, onProgress });
      await answers.add(samples.map((sample) => sampleLine(sample, filter)));
      await checkpointSignal(context);
    }
    return answers.lines();
  } finally {
    await answers.close();
  }
}

/** A file of another size may be meant: it is said, not refused. */
function warnOfSizes(works: readonly TaskWork[], { stage, report }: StageContext): void {
  for (const { prepared } of works)
    if (isOtherSize(prepared))
      report({
        type: "warning",
        stage,
        message: `${OTHER_SIZE} (${sizesOf(prepared)}); a part of it is no result of the task`,
      });
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
      origin: Object.assign(settingsOrigin(input), ...reports.map(({ task, prepared }) => taskOrigin(task, prepared))),
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

/** What all tasks of a folder share, by the names that messages give it. */
function settingsOrigin(input: EvaluateTasksInput): Origin {
  const { limit, fewshot, fewshotSeed, batchTokens } = settingsOf(input);
  return {
    model: input.modelFingerprint,
    tokenizer: input.tokenizer.fingerprint,
    limit,
    "worked examples": fewshot,
    "seed of the worked examples": fewshotSeed,
    "tokens of a batch": batchTokens,
  };
}

/** What one task was made of, by the names that messages give it. */
function taskOrigin(
  { definition }: EvaluationTask,
  { task, data, examples }: Pick<TaskWork["prepared"], "task" | "data" | "examples">,
): Origin {
  return {
    [`data of ${task}`]: data.sha256,
    ...(examples !== null && { [`examples of ${task}`]: examples.sha256 }),
    ...(definition !== undefined && { [`definition of ${task}`]: fingerprint([definition]) }),
  };
}

function taskFingerprint(
  input: EvaluateTasksInput,
  { name, version, definition }: EvaluationTask,
  { prepared: { outputType, data, examples } }: TaskWork,
): string {
  const files = [data.sha256, examples?.sha256 ?? null];
  const task = [name, version, definition ?? null, outputType, files];
  return fingerprint([input.modelFingerprint, input.tokenizer.fingerprint, settingsOf(input), ...task]);
}

function settingsFingerprint(input: EvaluateTasksInput): string {
  return fingerprint([input.modelFingerprint, input.tokenizer.fingerprint, settingsOf(input)]);
}

/** @param tasks - all of the folder, in their order */
function resultsFingerprint({ name }: EvaluateTasksInput, tasks: readonly string[], manifest: Manifest): string {
  return fingerprint([
    LAYOUT_VERSION,
    name,
    ...tasks.map((task) => manifest.get(samplesName(task))?.fingerprint ?? null),
  ]);
}

function fingerprint(parts: readonly unknown[]): string {
  return createHash("sha256")
    .update(JSON.stringify([CODE_VERSION, ...parts]))
    .digest("hex");
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
  /** Of the tasks before the one in hand. */
  private before = 0;
  private readonly total: number;

  constructor(
    works: readonly TaskWork[],
    private readonly context: StageContext,
  ) {
    this.total = works.reduce((sum, { prepared }) => sum + prepared.items.length, 0);
  }

  /** @param questions - of the task in hand, the last one begun counted in part */
  within(questions: number): void {
    const { stage } = this.context;
    const done = this.before + Math.floor(questions);
    this.context.report({ type: "progress", stage, done, total: this.total, unit: "questions" });
  }

  /** The task in hand is finished. @param questions - all of its */
  finished(questions: number): void {
    this.within(questions);
    this.before += questions;
  }
}
