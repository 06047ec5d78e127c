import { createHash } from "node:crypto";
import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { publishJsonl } from "../formats/jsonl.ts";
import { publishJson, sha256File } from "../formats/publish.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { shown } from "../schema_words.ts";
import { examplesPath, finishedTask, SUMMARY_NAME } from "./files.ts";
import { type DataFile, findDataFiles, readSplit } from "./read_split.ts";
import { SPLITS, type Split, type SplitSummary, type TaskExample, type TaskSummary } from "./record.ts";
import { keptApart, limited, requireApart, type Splits, sharedInputs, takeValidation } from "./splits.ts";
import type { Task } from "./task.ts";

/** Part of the fingerprint: to be raised when the same input would give other examples. */
const CODE_VERSION = "tasks-1";

/** Input of the task stage. */
export interface PrepareInput {
  task: Task;
  /** Where train.jsonl, validation.jsonl, test.jsonl and task.json go. */
  folder: string;
  /** Data files in any layout of the task: JSONL or one JSON array, plain, gzip or zstd. */
  train: string | readonly string[];
  /** Files, or the share of the training examples that is set aside. */
  validation: string | readonly string[] | { readonly share: number };
  test: string | readonly string[];
  /** At most so many examples of a split, drawn at random. */
  limit?: { readonly [split in Split]?: number | undefined } | undefined;
  /** Decides the validation share and the limits. */
  seed: number;
}

/**
 * Reads a task's files and writes its examples as text, train, validation and test apart. Reused if task, files and
 * settings are those of what stands in the folder. Inputs that occur in two splits are counted and warned of.
 * @throws HeartcutError HC6033 for a share or limit out of range, HC6031 if a file or an id is in two splits; those of readSplit;
 *   Interrupted if asked to stop
 */
export async function prepareTask(input: PrepareInput, context: StageContext): Promise<TaskSummary> {
  checkSettings(input);
  const { task, folder, validation } = input;
  const files = {
    train: await findDataFiles(task, input.train),
    validation: isShare(validation) ? [] : await findDataFiles(task, validation),
    test: await findDataFiles(task, input.test),
  };
  const fingerprint = fingerprintOf(input, await hashFiles(files));
  const finished = await finishedTask(folder, fingerprint);
  if (finished !== undefined) return finished;

  const read = (split: Split) => readSplit(task, split, files[split], context);
  const train = await read("train");
  const kept = isShare(validation)
    ? takeValidation(train, validation.share, input.seed)
    : { train, validation: await read("validation") };
  const whole: Splits = { ...kept, test: await read("test") };
  requireApart(whole);
  const limit = (split: Split) => limited(whole[split], input.limit?.[split], input.seed, split);
  const splits: Splits = { train: limit("train"), validation: limit("validation"), test: limit("test") };
  return publishTask({ task, folder, splits, fingerprint, settings: settingsOf(input) }, context);
}

/** A task's examples, ready to be written. */
export interface TaskToPublish {
  readonly task: Pick<Task, "name" | "metric">;
  readonly folder: string;
  readonly splits: Splits;
  readonly fingerprint: string;
  readonly settings: TaskSummary["settings"];
}

/** Writes the examples of each split, then task.json. @throws HeartcutError HC6031 if an id is in two splits; Interrupted */
export async function publishTask(
  { task, folder, splits, fingerprint, settings }: TaskToPublish,
  context: StageContext,
): Promise<TaskSummary> {
  requireApart(splits);
  const shared = sharedInputs(splits);
  warnOfShared(shared, context);
  const summaries: Partial<Record<Split, SplitSummary>> = {};
  for (const split of SPLITS) {
    await checkpointSignal(context);
    const { sha256 } = await publishJsonl(examplesPath(folder, split), splits[split]);
    summaries[split] = { examples: splits[split].length, rationales: countRationales(splits[split]), sha256 };
  }
  const all = SPLITS.flatMap((split) => splits[split]);
  const summary: TaskSummary = {
    task: task.name,
    metric: task.metric,
    fingerprint,
    settings,
    splits: summaries as Record<Split, SplitSummary>,
    answerInInput: all.filter((example) => example.input.includes(example.target)).length / all.length,
    sharedInputs: shared,
  };
  await publishJson(join(folder, SUMMARY_NAME), summary);
  return summary;
}

function countRationales(examples: readonly TaskExample[]): SplitSummary["rationales"] {
  const count = (has: (example: TaskExample) => boolean) => examples.filter(has).length;
  return {
    llm: count(({ rationales }) => rationales.llm !== undefined),
    humanText: count(({ rationales }) => rationales.human?.text !== undefined),
    humanSpans: count(({ rationales }) => rationales.human?.spans !== undefined),
  };
}

function warnOfShared(shared: TaskSummary["sharedInputs"], context: StageContext): void {
  const named = [
    [shared.trainValidation, "validation", "train"],
    [shared.trainTest, "test", "train"],
    [shared.validationTest, "test", "validation"],
  ] as const;
  for (const [count, split, other] of named) {
    if (count === 0) continue;
    const message = `${count} examples of the ${split} split have an input that is also in the ${other} split`;
    context.report({ type: "warning", stage: context.stage, message });
  }
}

function settingsOf({ validation, limit, seed }: PrepareInput): TaskSummary["settings"] {
  return {
    seed,
    validation_share: isShare(validation) ? validation.share : null,
    limit_train: limit?.train ?? null,
    limit_validation: limit?.validation ?? null,
    limit_test: limit?.test ?? null,
  };
}

/** SHA-256 of every data file and of the model outputs that belong to it, by split. */
async function hashFiles(files: Record<Split, DataFile[]>): Promise<Record<Split, string[][]>> {
  const hashes: Record<Split, string[][]> = { train: [], validation: [], test: [] };
  const owners = new Map<string, { split: Split; path: string }>();
  for (const split of SPLITS) {
    for (const { path, outputs } of files[split]) {
      const [data, ...rest] = await Promise.all(
        [path, ...outputs].map(async (file) => (await sha256File(file)).sha256),
      );
      const owner = owners.get(data!);
      if (owner !== undefined && owner.split !== split) throw sameFile(owner.path, path, owner.split, split);
      owners.set(data!, { split, path });
      hashes[split].push([data!, ...rest]);
    }
  }
  return hashes;
}

function sameFile(one: string, other: string, split: Split, second: Split): HeartcutError {
  return new HeartcutError("HC6031", {
    what: `the ${split} and the ${second} split are the same file`,
    where: one === other ? one : `${one} and ${other}`,
    why: "a student that has seen the answers of its test proves nothing",
    fix: keptApart(split, second),
  });
}

function fingerprintOf(input: PrepareInput, hashes: Record<Split, string[][]>): string {
  const { name, metric, definition } = input.task;
  return createHash("sha256")
    .update(JSON.stringify([CODE_VERSION, name, metric, definition ?? null, hashes, settingsOf(input)]))
    .digest("hex");
}

function isShare(validation: PrepareInput["validation"]): validation is { readonly share: number } {
  return typeof validation === "object" && "share" in validation;
}

function checkSettings({ validation, limit }: PrepareInput): void {
  const refuse = (what: string, found: unknown, expected: string) => {
    throw new HeartcutError("HC6033", { what, found: shown(found), expected, fix: "correct the setting" });
  };
  if (isShare(validation) && !(validation.share > 0 && validation.share < 1))
    refuse("the validation share is out of range", validation.share, "a number between 0 and 1, both excluded");
  for (const split of SPLITS) {
    const most = limit?.[split];
    if (most !== undefined && !(Number.isInteger(most) && most > 0))
      refuse(`the limit of the ${split} split is out of range`, most, "a whole number above 0");
  }
}
