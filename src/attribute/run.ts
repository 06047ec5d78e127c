import { join } from "node:path";
import type { Manifest } from "../formats/manifest.ts";
import { publishJson } from "../formats/publish.ts";
import { isCurrent, openFolder } from "../formats/stage_folder.ts";
import type { StageContext } from "../progress.ts";
import { readTaskSummary } from "../tasks/files.ts";
import type { Split, TaskExample, TaskSummary } from "../tasks/record.ts";
import { attributePairs } from "./attribute.ts";
import { answerInputs, encodeExamples, type TargetedExample, type TextCodec, targetExamples } from "./encode.ts";
import { figuresOf, summarize, truncationWarning } from "./figures.ts";
import { readAttributionSummary, rowsName, SUMMARY_NAME } from "./files.ts";
import type { Attribution, PreparedMethod } from "./method.ts";
import { checkTopK, teacherOutputs } from "./outputs.ts";
import type { AttributionRow, AttributionSummary, TeacherOutputRow } from "./record.ts";
import type { AttributionEngine } from "./rows.ts";
import { removeShards, Shards } from "./shards.ts";
import { shortest } from "./shortest.ts";
import { exampleGroups } from "./task_examples.ts";
import {
  type AttributeTaskInput,
  checkSettings,
  filesOf,
  fingerprintOf,
  hash,
  preparedMethod,
  recordedSettings,
  type Settings,
  settleInput,
} from "./task_input.ts";

/**
 * Scores the input tokens of every example and writes a row for each, in shards that are committed one by one: after a
 * kill the same call goes on behind the last shard and ends with the same bytes. Memory is bounded by shard and batch.
 * Files are reused only if model, tokenizer, task and settings are equal.
 * @throws HeartcutError HC6101-HC6103 for the method's options, HC6105 for a score that is not finite, HC6106 for topK,
 *   HC6107 without another answer, HC6108 for settings that exclude each other, HC6120 for a damaged task; those of
 *   encodeInput and generateBatch; Interrupted if asked to stop
 */
export async function attributeTask(input: AttributeTaskInput, context: StageContext): Promise<AttributionSummary> {
  const settings = settleInput(input);
  const method = preparedMethod(settings);
  checkSettings(input, method);
  if (settings.outputs !== undefined) checkTopK(settings.model, settings.outputs.topK);
  const task = await readTaskSummary(settings.task);
  const recorded = recordedSettings(settings, method);
  const printOf = (split: Split) => fingerprintOf(settings, recorded, task, split);
  const expected = new Map(
    settings.splits.flatMap((split) => filesOf(settings, split).map((name) => [name, printOf(split)])),
  );
  const summaryPrint = hash([settings.modelName, ...expected.values()]);
  const manifest = await openFolder(settings.folder, new Map([...expected, [SUMMARY_NAME, summaryPrint]]));
  if (await isCurrent(manifest, SUMMARY_NAME, summaryPrint)) {
    const current = await Promise.all([...expected].map(([name, print]) => isCurrent(manifest, name, print)));
    if (current.every(Boolean)) {
      // A kill between the summary and their removal leaves them.
      await removeShards(settings.folder);
      return readAttributionSummary(settings.folder);
    }
  }
  const shards = await Shards.open(settings.folder);
  const progress = new ExampleProgress(
    settings.splits.reduce((n, split) => n + task.splits[split].examples, 0),
    context,
  );
  for (const split of settings.splits)
    await attributeSplit({ settings, method, task, manifest, shards, progress, context }, split, printOf(split));
  const figures = await figuresOf(settings.folder, settings.splits, method.completenessBound ?? Number.NaN);
  const summary = summarize(
    figures,
    { method: method.name, settings: recorded, model: settings.modelName },
    (split) => manifest.get(rowsName(split as Split))!.sha256,
  );
  for (const message of [truncationWarning(figures, settings.maxInput), figures.completeness.warning()])
    if (message !== undefined) context.report({ type: "warning", stage: context.stage, message });
  const published = await publishJson(join(settings.folder, SUMMARY_NAME), summary);
  await manifest.commit({ name: SUMMARY_NAME, ...published, fingerprint: summaryPrint });
  await removeShards(settings.folder);
  return summary;
}

interface Work {
  readonly settings: Settings;
  readonly method: PreparedMethod;
  readonly task: TaskSummary;
  readonly manifest: Manifest;
  readonly shards: Shards;
  readonly progress: ExampleProgress;
  readonly context: StageContext;
}

/** Makes what is missing of a split's files. */
async function attributeSplit(work: Work, split: Split, fingerprint: string): Promise<void> {
  const { settings, task, manifest, shards, progress } = work;
  const names = filesOf(settings, split);
  if ((await Promise.all(names.map((name) => isCurrent(manifest, name, fingerprint)))).every(Boolean))
    return progress.add(task.splits[split].examples);
  let count = 0;
  const shardName = (name: string, shard: number) => `${name}-${String(shard).padStart(5, "0")}`;
  for await (const examples of exampleGroups(settings.task, split, task, settings.shardExamples)) {
    const shard = count++;
    const own = names.map((name) => shardName(name, shard));
    if (!(await Promise.all(own.map((name) => shards.has(name, fingerprint)))).every(Boolean))
      for (const [i, rows] of (await attributeShard(work, examples)).entries())
        await shards.commit(own[i]!, fingerprint, rows);
    progress.add(examples.length);
  }
  for (const name of names) {
    const parts = Array.from({ length: count }, (_, shard) => shardName(name, shard));
    const published = await shards.join(parts, join(settings.folder, name));
    await manifest.commit({ name, ...published, rows: task.splits[split].examples, fingerprint });
  }
}

/** The rows of a shard's files. */
async function attributeShard(
  { settings, method, progress, context }: Work,
  examples: readonly TaskExample[],
): Promise<[AttributionRow[]] | [AttributionRow[], TeacherOutputRow[]]> {
  const { model, tokenizer, batchPlaces, maxNewTokens, maxInput, separator } = settings;
  const codec: TextCodec = { tokenizer, kind: model.description.kind, maxInput, separator };
  const encoded = await encodeExamples(codec, examples);
  const answers = settings.predict
    ? await answerInputs(
        model,
        tokenizer,
        encoded.map(({ ids }) => ids),
        { maxNewTokens, places: batchPlaces, signal: context.signal },
      )
    : undefined;
  const targeted = await targetExamples(codec, model.endId, encoded, answers, {
    predicted: settings.target === "predicted",
    contrast: method.contrastive ? (settings.contrast ?? "next_choice") : undefined,
  });
  const pairs = targeted.map(({ pair }) => pair);
  const onShare = (share: number) => progress.show(share * examples.length);
  const engine: AttributionEngine = { model, batchPlaces, context, onShare };
  const attributions = await attributePairs(engine, method, pairs);
  const rows = targeted.map((one, i) => rowOf(one, attributions[i]!, settings.judge));
  return settings.outputs === undefined ? [rows] : [rows, await teacherOutputs(engine, pairs, settings.outputs.topK)];
}

function rowOf(
  { example, pair, target, answer, spans, truncated }: TargetedExample,
  { scores, completeness }: Attribution,
  judge: AttributeTaskInput["judge"],
): AttributionRow {
  return {
    id: example.id,
    target,
    ...(answer && { prediction: answer.text, correct: judge!(example, answer.text).correct }),
    ids: Array.from(pair.input),
    spans,
    scores: Array.from(scores, shortest),
    truncated,
    ...(completeness && { completeness }),
  };
}

/** Tells how far the stage is, in examples of all splits. */
class ExampleProgress {
  private done = 0;

  constructor(
    private readonly total: number,
    private readonly context: StageContext,
  ) {}

  /** Examples that are finished. */
  add(examples: number): void {
    this.done += examples;
    this.show(0);
  }

  /** Examples of the current shard that are done beside the finished ones. */
  show(more: number): void {
    const { stage } = this.context;
    const done = Math.floor(this.done + more);
    this.context.report({ type: "progress", stage, done, total: this.total, unit: "examples" });
  }
}
