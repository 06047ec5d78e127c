import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openInstances } from "../corpus/instances.ts";
import type { InstanceReader } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import { MANIFEST_NAME, type Manifest, openManifest } from "../formats/manifest.ts";
import { readParquet, writeParquet } from "../formats/parquet.ts";
import { publishJson } from "../formats/publish.ts";
import { lengthBatches } from "../models/length_batches.ts";
import { type LossMask, lossMask, type MaskIds, reduceNll } from "../models/loss_mask.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { TokenProgress } from "../token_progress.ts";
import { readContent } from "./content.ts";
import { SCORE_DEFAULTS } from "./defaults.ts";
import { type ScoreSummary, SUMMARY_NAME } from "./files.ts";
import type { NllRow } from "./record.ts";
import type { TokenNllModel } from "./scorer.ts";

/** Part of every shard's fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "score-1";

/** Input of the scoring stage: one model over one folder of packed instances. */
export interface ScoreInput {
  model: TokenNllModel;
  /** Hash of all that decides the model's values: weights, config, precision, engine. */
  modelFingerprint: string;
  /** The model's vocabulary: larger ids are refused before anything runs. */
  vocabSize: number;
  /** Ids the mask leaves out as inputs. */
  ids: MaskIds;
  /** Folder of packed instances. */
  instances: string;
  /** Where part-00000.parquet … and score.json go. */
  folder: string;
  mask?: LossMask;
  /** Padded label positions of a batch, at most; a single longer instance goes alone. */
  batchTokens?: number;
  /** Instances per shard: what a kill can cost. */
  shardInstances?: number;
  /** Also stores the NLL of every label position. */
  perToken?: boolean;
  /** Keeps the documents of one instance from seeing each other. */
  documentBarrier?: boolean;
}

/**
 * Scores every instance with one model and writes the NLLs in shards, each committed on its own: after a kill the same call
 * goes on behind the last shard and ends with the same bytes. A shard is reused only if model, tokens and settings are equal.
 * @throws HeartcutError HC3001 at an unknown id, HC3004 for a barrier without an EOS id, HC3002 if the model's answer is not one value a position, HC3003 at a value
 *   that is no NLL (nothing of its shard is stored), Interrupted if asked to stop
 */
export async function scoreModel(input: ScoreInput, context: StageContext): Promise<ScoreSummary> {
  const settings = { ...SCORE_DEFAULTS, ...definedOnly(input) };
  if (settings.documentBarrier && settings.ids.eosId === undefined) {
    throw new HeartcutError("HC3004", {
      what: "documents cannot be kept apart: no id is known that ends one",
      where: settings.instances,
      fix: "name the tokenizer's eos_token, or score without documentBarrier",
    });
  }
  const reader = await openInstances(settings.instances);
  try {
    const content = await readContent(reader, settings, context);
    const shards = content.shards.map((shard, s) => ({
      name: `part-${String(s).padStart(5, "0")}.parquet`,
      first: s * settings.shardInstances,
      end: Math.min(reader.length, (s + 1) * settings.shardInstances),
      fingerprint: shardFingerprint(settings, shard),
    }));
    const manifest = await openOwnManifest(settings.folder, new Set(shards.map((s) => s.name)), context);
    const progress = new TokenProgress(reader.totalTokens, context);
    const totals = new Totals();
    for (const shard of shards) {
      const tokens = tokensBetween(reader, shard.first, shard.end);
      const reusable = manifest.get(shard.name)?.fingerprint === shard.fingerprint;
      if (reusable && (await manifest.isIntact(shard.name, { deep: true }))) {
        for (const row of await readParquet<NllRow>(join(settings.folder, shard.name))) totals.add(row);
        progress.skipped(tokens);
        continue;
      }
      const rows = await scoreShard(settings, reader, shard, progress, context);
      const published = await writeRows(join(settings.folder, shard.name), rows, settings.perToken);
      await manifest.commit({
        name: shard.name,
        ...published,
        rows: rows.length,
        tokens,
        fingerprint: shard.fingerprint,
      });
      for (const row of rows) totals.add(row);
    }
    const summary: ScoreSummary = {
      model: settings.modelFingerprint,
      corpus: content.fingerprint,
      mask: settings.mask,
      perToken: settings.perToken,
      documentBarrier: settings.documentBarrier,
      instances: reader.length,
      tokens: reader.totalTokens,
      ...totals.summary(),
      shards: shards.map((s) => s.name),
    };
    await publishSummary(manifest, summary, fingerprint(shards.map((s) => s.fingerprint)));
    if (summary.unscoredInstances > 0) {
      const message = `${summary.unscoredInstances} of ${summary.instances} instances have no scored position: they are never selected`;
      context.report({ type: "warning", stage: context.stage, message });
    }
    return summary;
  } finally {
    reader.close();
  }
}

type Settings = ScoreInput & { [K in keyof typeof SCORE_DEFAULTS]: Exclude<ScoreInput[K], undefined> };

async function scoreShard(
  settings: Settings,
  reader: InstanceReader,
  shard: { first: number; end: number },
  progress: TokenProgress,
  context: StageContext,
): Promise<NllRow[]> {
  const instances = Array.from({ length: shard.end - shard.first }, (_, i) => reader.read(shard.first + i));
  const rows = new Array<NllRow>(instances.length);
  // Batches are made inside a shard, so that a resumed run hands the model the same ones.
  for (const batch of lengthBatches(
    instances.map((tokens) => tokens.length),
    settings.batchTokens,
  )) {
    await checkpointSignal(context);
    const sequences = batch.map((i) => instances[i]!);
    const answers = await tokenNlls(settings, sequences);
    for (const [at, i] of batch.entries()) {
      const instance = shard.first + i;
      const nll = checkedNll(answers[at]!, sequences[at]!, `${reader.folder}, instance ${instance}`);
      const reduced = reduceNll(nll, lossMask(sequences[at]!, settings.mask, settings.ids));
      rows[i] = { instance, tokens: reduced.tokens, nll_sum: reduced.sum, nll_mean: reduced.mean };
      if (settings.perToken) rows[i].token_nll = Array.from(nll);
    }
    progress.made(sequences.reduce((sum, tokens) => sum + tokens.length, 0));
  }
  return rows;
}

/** Asks the model about all sequences that have something to predict. */
async function tokenNlls(
  { model, ids, documentBarrier }: Settings,
  sequences: readonly Int32Array[],
): Promise<Float32Array[]> {
  const asked = sequences.filter((tokens) => tokens.length > 1);
  const answers =
    asked.length === 0 ? [] : await model.tokenNll(asked, documentBarrier ? { eosId: ids.eosId } : undefined);
  let next = 0;
  return sequences.map((tokens) =>
    tokens.length > 1 ? (answers[next++] ?? new Float32Array(0)) : new Float32Array(0),
  );
}

/** A softmax in single precision misses log p = 0 by its rounding: values this little below zero are stored as they are. */
const ROUNDING = 1e-3;

function checkedNll(nll: Float32Array, tokens: Int32Array, where: string): Float32Array {
  const expected = Math.max(0, tokens.length - 1);
  if (nll.length !== expected) {
    throw new HeartcutError("HC3002", {
      what: "the model answered with the wrong number of values",
      where,
      found: `${nll.length} values`,
      expected: `${expected}, one for each token but the first`,
      fix: "check that the model sees the instance as it is (no cut to its context length, no added tokens)",
    });
  }
  const position = nll.findIndex((x) => !(x >= -ROUNDING && x < Number.POSITIVE_INFINITY));
  if (position < 0) return nll;
  throw new HeartcutError("HC3003", {
    what: "the model gave a value that is no negative log-likelihood",
    where: `${where}, position ${position} (token ${tokens[position + 1]})`,
    found: String(nll[position]),
    expected: "a finite number of nats, not below 0",
    why: "one such value decides the rank of its instance, or of all",
    fix: "score in float32 (half precision may overflow), and check that the weights are finite",
  });
}

async function writeRows(path: string, rows: readonly NllRow[], perToken: boolean) {
  return writeParquet(path, [
    { name: "instance", type: "int32", data: rows.map((r) => r.instance) },
    { name: "tokens", type: "int32", data: rows.map((r) => r.tokens) },
    { name: "nll_sum", type: "double", data: rows.map((r) => r.nll_sum) },
    { name: "nll_mean", type: "double", data: rows.map((r) => r.nll_mean) },
    ...(perToken ? [{ name: "token_nll", type: "float[]" as const, data: rows.map((r) => r.token_nll!) }] : []),
  ]);
}

/** Opens the folder's manifest; one that lists other shards belongs to another corpus, and its files are removed. */
async function openOwnManifest(folder: string, names: ReadonlySet<string>, context: StageContext): Promise<Manifest> {
  const manifest = await openManifest(folder);
  const foreign = manifest.entries().filter((entry) => entry.name !== SUMMARY_NAME && !names.has(entry.name));
  if (foreign.length === 0) return manifest;
  context.report({
    type: "warning",
    stage: context.stage,
    message: `${folder} holds scores of a larger corpus: they are made anew`,
  });
  // The manifest goes first: a kill in between leaves files nobody vouches for, which are then overwritten.
  await rm(join(folder, MANIFEST_NAME), { force: true });
  for (const { name } of manifest.entries()) await rm(join(folder, name), { force: true });
  return openManifest(folder);
}

async function publishSummary(manifest: Manifest, summary: ScoreSummary, print: string): Promise<void> {
  if (manifest.get(SUMMARY_NAME)?.fingerprint === print && (await manifest.isIntact(SUMMARY_NAME, { deep: true })))
    return;
  const published = await publishJson(join(manifest.folder, SUMMARY_NAME), summary);
  await manifest.commit({ name: SUMMARY_NAME, ...published, fingerprint: print });
}

/** Batches are part of it: a sum in another order would differ in its last bits. */
function shardFingerprint(s: Settings, content: string): string {
  return fingerprint([
    s.modelFingerprint,
    s.mask,
    s.ids.eosId ?? null,
    s.ids.padId ?? null,
    s.batchTokens,
    s.perToken,
    s.documentBarrier,
    content,
  ]);
}

function fingerprint(parts: readonly unknown[]): string {
  return createHash("sha256")
    .update(JSON.stringify([CODE_VERSION, ...parts]))
    .digest("hex");
}

function tokensBetween(reader: InstanceReader, first: number, end: number): number {
  let tokens = 0;
  for (let i = first; i < end; i++) tokens += reader.size(i);
  return tokens;
}

/** Drops keys whose value is undefined, so that they do not hide a default. */
function definedOnly<T extends object>(input: T): T {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined)) as T;
}

/** Sums over all rows, in instance order whether scored now or read back, so that both give the same bits. */
class Totals {
  private scoredTokens = 0;
  private scored = 0;
  private unscored = 0;
  private meanSum = 0;

  add(row: NllRow): void {
    this.scoredTokens += row.tokens;
    if (row.tokens === 0) this.unscored++;
    else this.scored++;
    this.meanSum += row.nll_mean;
  }

  summary() {
    const meanNll = this.scored === 0 ? null : this.meanSum / this.scored;
    return { scoredTokens: this.scoredTokens, unscoredInstances: this.unscored, meanNll };
  }
}
