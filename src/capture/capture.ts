import { createHash } from "node:crypto";
import { join } from "node:path";
import { hashInstances } from "../corpus/content_files.ts";
import { openInstances } from "../corpus/instances.ts";
import type { InstanceReader } from "../corpus/record.ts";
import type { TopLogProbs } from "../distill/record.ts";
import { readStoreSummary } from "../distill/store.ts";
import { restOf } from "../distill/store_block.ts";
import { checkTopLogProbs } from "../distill/store_check.ts";
import { STORE_SUMMARY, STORE_VERSION, type StoreOrigin, type StoreSummary } from "../distill/store_header.ts";
import { writeStoreShard } from "../distill/store_shard_write.ts";
import { refuseOtherResult } from "../formats/finished_result.ts";
import { type Manifest, openManifest } from "../formats/manifest.ts";
import { publishJson } from "../formats/publish.ts";
import { isCurrent, openFolder } from "../formats/stage_folder.ts";
import { lengthBatches } from "../models/length_batches.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { TokenProgress } from "../token_progress.ts";
import {
  type CaptureInput,
  type CaptureSettings,
  checkInstance,
  defaultShard,
  requireOwnFolder,
  settleCapture,
} from "./capture_settings.ts";

import { tellingKept } from "./stopped.ts";

export type { CapturedTeacher, CaptureInput } from "./capture_settings.ts";

/** Part of every shard's fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "capture-1";

interface Shard {
  readonly name: string;
  readonly first: number;
  readonly end: number;
  /** SHA-256 of its instances. */
  readonly content: string;
  readonly fingerprint: string;
}

/**
 * Asks a teacher for the likeliest tokens at every label position and writes them as a store, shard by shard: after a kill
 * the same call goes on behind the last shard and ends with the same bytes. A shard is reused only if teacher, tokens and
 * settings are equal; a finished store of others is not replaced.
 * @throws HeartcutError HC3401 for a teacher that gives no such list, HC3402 for a setting that cannot be used, HC3408 for
 *   instances the teacher cannot read, HC3409 for a folder that holds something else, HC1053 for a finished store made otherwise; HC3403 … HC3407 for an answer that is no
 *   such list (nothing of its shard is stored); Interrupted if asked to stop
 */
export async function captureTeacher(input: CaptureInput, context: StageContext): Promise<StoreSummary> {
  const reader = await openInstances(input.instances);
  try {
    const settings = settleCapture(input, reader);
    await requireOwnFolder(input.folder);
    const perShard = input.shardInstances ?? defaultShard(reader.maxTokens, input.topK);
    const check = (tokens: Int32Array, i: number) =>
      checkInstance(tokens, `${reader.folder}, instance ${i}`, input.teacher);
    const content = await hashInstances(reader, { shardInstances: perShard, check }, context);
    const shards = content.shards.map((hash, s): Shard => {
      const first = s * perShard;
      const end = Math.min(reader.length, first + perShard);
      const name = `part-${String(s).padStart(5, "0")}.topk`;
      return { name, first, end, content: hash, fingerprint: shardFingerprint(settings, hash) };
    });
    const summaryPrint = hashOf([
      input.teacher.name,
      content.fingerprint,
      ...shards.map(({ fingerprint }) => fingerprint),
    ]);
    const expected = new Map(shards.map(({ name, fingerprint }) => [name, fingerprint]));
    await requireSameStore(settings, expected, { corpus: content.fingerprint, perShard });
    const manifest = await openFolder(input.folder, expected.set(STORE_SUMMARY, summaryPrint));
    const progress = new TokenProgress(reader.totalTokens, context);
    let finished = 0;
    const captureAll = async () => {
      for (const shard of shards) {
        if (await isCurrent(manifest, shard.name, shard.fingerprint)) progress.skipped(tokensOf(reader, shard));
        else await captureShard(settings, reader, shard, manifest, progress, context);
        finished++;
      }
    };
    await tellingKept(captureAll, { finished: () => finished, total: shards.length }, context);
    const summary = summarize(settings, content.fingerprint, reader, shards, manifest);
    if (!(await isCurrent(manifest, STORE_SUMMARY, summaryPrint))) {
      const published = await publishJson(join(input.folder, STORE_SUMMARY), summary);
      await manifest.commit({ name: STORE_SUMMARY, ...published, fingerprint: summaryPrint });
    }
    return summary;
  } finally {
    reader.close();
  }
}

/** What a teacher is called may change: its shards are the same. @throws HeartcutError HC1053 for a finished store of other shards */
async function requireSameStore(
  { folder, origin }: CaptureSettings,
  expected: ReadonlyMap<string, string>,
  { corpus, perShard }: { corpus: string; perShard: number },
): Promise<void> {
  const manifest = await openManifest(folder);
  if (!(await manifest.isIntact(STORE_SUMMARY, { deep: true }))) return;
  const shards = manifest.entries().filter(({ name }) => name !== STORE_SUMMARY);
  if (shards.length === expected.size && shards.every(({ name, fingerprint }) => expected.get(name) === fingerprint))
    return;
  const there = await readStoreSummary(folder, manifest);
  const facts = (store: StoreOrigin, instances: string, shard: number | undefined) => ({
    teacher: store.teacher,
    tokenizer: store.tokenizer,
    instances,
    "top-k": store.topK,
    precision: store.precision,
    "document barrier": store.documentBarrier,
    "instances of a shard": shard,
  });
  refuseOtherResult(
    folder,
    "a store of a teacher",
    facts(there, there.corpus, there.shards.length > 1 ? there.shards[0]!.instances : perShard),
    facts(origin, corpus, perShard),
  );
}

async function captureShard(
  settings: CaptureSettings,
  reader: InstanceReader,
  shard: Shard,
  manifest: Manifest,
  progress: TokenProgress,
  context: StageContext,
): Promise<void> {
  const { origin, topK } = settings;
  const instances = Array.from({ length: shard.end - shard.first }, (_, i) => reader.read(shard.first + i));
  const tops = new Array<TopLogProbs>(instances.length);
  // Batches are made inside a shard, so that a resumed run hands the teacher the same ones.
  for (const batch of lengthBatches(
    instances.map((tokens) => tokens.length),
    settings.batchTokens,
  )) {
    await checkpointSignal(context);
    const sequences = batch.map((i) => instances[i]!);
    const answers = await askTeacher(settings, sequences);
    for (const [at, i] of batch.entries()) {
      const { ids, logProbs } = answers[at]!;
      const positions = Math.max(0, sequences[at]!.length - 1);
      const where = `${settings.teacher.name}, instance ${shard.first + i} of ${reader.folder}`;
      checkTopLogProbs({ ids, logProbs }, { positions, topK, vocabSize: origin.vocabSize }, where);
      tops[i] = { ids, logProbs };
    }
    progress.made(sequences.reduce((sum, tokens) => sum + tokens.length, 0));
  }
  let restSum = 0;
  for (const { logProbs } of tops)
    if (topK < origin.vocabSize)
      for (let at = 0; at < logProbs.length; at += topK) restSum += restOf(logProbs, at, topK);
  const path = join(manifest.folder, shard.name);
  const published = await writeStoreShard(path, { ...origin, content: shard.content }, tops);
  await manifest.commit({
    name: shard.name,
    ...published,
    rows: tops.length,
    tokens: tokensOf(reader, shard),
    fingerprint: shard.fingerprint,
    rest_sum: restSum,
  });
}

/** Asks about all sequences that have something to predict. */
async function askTeacher(
  { ask, topK: k, barrier: eosId }: CaptureSettings,
  sequences: readonly Int32Array[],
): Promise<TopLogProbs[]> {
  const nothing: TopLogProbs = { ids: new Int32Array(0), logProbs: new Float32Array(0) };
  const asked = sequences.filter((tokens) => tokens.length > 1);
  const answers = asked.length === 0 ? [] : await ask(asked, { k, ...(eosId !== undefined && { eosId }) });
  let next = 0;
  return sequences.map((tokens) => (tokens.length > 1 ? (answers[next++] ?? nothing) : nothing));
}

function summarize(
  { origin, teacher }: CaptureSettings,
  corpus: string,
  reader: InstanceReader,
  shards: readonly Shard[],
  manifest: Manifest,
): StoreSummary {
  const entries = shards.map(({ name }) => manifest.get(name)!);
  let positions = 0;
  for (let i = 0; i < reader.length; i++) positions += Math.max(0, reader.size(i) - 1);
  const restSum = entries.reduce((sum, entry) => sum + Number(entry.rest_sum), 0);
  return {
    format: "heartcut-teacher-store",
    version: STORE_VERSION,
    ...origin,
    teacherName: teacher.name,
    corpus,
    instances: reader.length,
    positions,
    bytes: entries.reduce((sum, { bytes }) => sum + bytes, 0),
    meanRest: positions === 0 ? null : restSum / positions,
    shards: shards.map(({ name, first, end, content }) => ({ name, first, instances: end - first, content })),
  };
}

/** Batches are part of it: a sum in another order would differ in its last bits. */
function shardFingerprint({ origin, barrier, batchTokens }: CaptureSettings, content: string): string {
  return hashOf([origin, barrier ?? null, batchTokens, content]);
}

function hashOf(parts: readonly unknown[]): string {
  return createHash("sha256")
    .update(JSON.stringify([CODE_VERSION, ...parts]))
    .digest("hex");
}

function tokensOf(reader: InstanceReader, { first, end }: Shard): number {
  let tokens = 0;
  for (let i = first; i < end; i++) tokens += reader.size(i);
  return tokens;
}
