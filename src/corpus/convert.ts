import { join } from "node:path";
import { openManifest } from "../formats/manifest.ts";
import { publishJson } from "../formats/publish.ts";
import { publishFolder } from "../formats/publish_folder.ts";
import { lossMask } from "../models/loss_mask.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { splitDocuments } from "../tokenizers/documents.ts";
import { TextBytes } from "../tokenizers/text_bytes.ts";
import { hashInstances, type InstanceContent } from "./content_files.ts";
import { CONVERT_SUMMARY, readConvertSummary, writeConvertRows } from "./convert_files.ts";
import { fitInstances, joinDocuments } from "./convert_instance.ts";
import { type ConvertInput, checkIds, hashOf, type Plan, planOf, requireOwnFolder } from "./convert_plan.ts";
import type { ConvertRow, ConvertSummary } from "./convert_record.ts";

import { type ConvertedInstance, ConvertShards } from "./convert_shards.ts";
import { fillWithInstances, openInstances } from "./instances.ts";
import type { Instance, InstanceReader, InstanceRow } from "./record.ts";

export type { ConvertInput } from "./convert_plan.ts";

/** Source instances whose documents are encoded together. */
const BATCH_INSTANCES = 256;

/**
 * Re-encodes instances for a model of another family: each is split at EOS, its documents are decoded, encoded with the new
 * tokenizer, joined by its EOS, and brought to length. Shards are committed one by one beside the folder, which appears as a
 * whole: after a kill the same call goes on behind the last shard and ends with the same bytes.
 * @throws HeartcutError HC2020 for a tokenizer without EOS or BOS, HC2101 for a tokenizer other than the one that made the
 *   instances, HC2102 for an id it does not have, HC2103 for an option out of range, HC2104 for a folder that holds something else;
 *   Interrupted   Source: MiniPLM, arXiv:2410.17215
 */
export async function convertInstances(input: ConvertInput, context: StageContext): Promise<ConvertSummary> {
  const source = await openInstances(input.instances);
  try {
    await requireOwnFolder(input);
    const plan = await planOf(input, source);
    const check = (ids: Int32Array, i: number) => checkIds(ids, plan.from.vocabSize, `${source.folder}, instance ${i}`);
    const content = await hashInstances(source, { shardInstances: plan.shardInstances, check }, context);
    const fingerprint = hashOf([...plan.settings, content.fingerprint]);
    const shards = await ConvertShards.open(input.folder);
    const done = await finished(input.folder, fingerprint);
    if (done !== undefined) {
      await shards.remove();
      return done;
    }
    const rows = await source.rows();
    const names: string[] = [];
    let tokens = 0;
    for (const [s, shard] of content.shards.entries()) {
      const first = s * plan.shardInstances;
      const end = Math.min(source.length, first + plan.shardInstances);
      const name = `shard-${String(s).padStart(5, "0")}`;
      const print = hashOf([...plan.settings, first, shard]);
      if (!(await shards.has(name, print))) {
        const report = (done: number) => reportTokens(context, tokens + done, source.totalTokens);
        await shards.commit(name, print, await convertShard(source, rows, { first, end }, plan, report, context), plan);
      }
      for (let i = first; i < end; i++) tokens += source.size(i);
      reportTokens(context, tokens, source.totalTokens);
      names.push(name);
    }
    const summary = await publish(input.folder, shards, names, { plan, source, content, fingerprint }, context);
    await shards.remove();
    warn(summary, context);
    return summary;
  } finally {
    source.close();
  }
}

/** Counts of an instance stand on its first piece. */
const NOTHING = { documents: 0, altered_documents: 0, lost_tokens: 0 };

async function convertShard(
  source: InstanceReader,
  rows: readonly InstanceRow[],
  { first, end }: { first: number; end: number },
  plan: Plan,
  report: (tokens: number) => void,
  context: StageContext,
): Promise<ConvertedInstance[]> {
  const converted: ConvertedInstance[] = [];
  const bytes = { from: new TextBytes(plan.from), to: new TextBytes(plan.to) };
  let tokens = 0;
  for (let start = first; start < end; start += BATCH_INSTANCES) {
    await checkpointSignal(context);
    const numbers = Array.from({ length: Math.min(BATCH_INSTANCES, end - start) }, (_, k) => start + k);
    const sequences = numbers.map((i) => source.read(i));
    const all = await reencode(sequences, plan);
    for (const [k, { parts, encoded }] of all.entries()) {
      const whole = { documents: parts.filter((part) => part.length > 0).length, altered_documents: 0, lost_tokens: 0 };
      for (const [p, part] of parts.entries())
        if (Buffer.compare(bytes.from.bytes(part), bytes.to.bytes(encoded[p]!)) !== 0) whole.altered_documents++;
      const fitted = fitInstances(joinDocuments(encoded, plan.marks.eos), { ...plan, ...plan.marks });
      whole.lost_tokens = fitted.lost;
      const { source: name, first_document, last_document } = rows[numbers[k]!]!;
      for (const [piece, ids] of fitted.instances.entries()) {
        const instance = { tokens: ids, source: name, firstDocument: first_document, lastDocument: last_document };
        converted.push({ instance, origin: numbers[k]!, piece, ...(piece === 0 ? whole : NOTHING) });
      }
      tokens += sequences[k]!.length;
    }
    report(tokens);
  }
  return converted;
}

/** The documents of instances, and each in the new tokens.
 * @param sequences - ids of the old tokenizer   @returns for each its parts, empty ones included, and the same parts encoded */
export async function reencode(
  sequences: readonly Int32Array[],
  { from, to, old, parseSpecials }: Pick<Plan, "from" | "to" | "old" | "parseSpecials">,
): Promise<{ parts: Int32Array[]; encoded: Int32Array[] }[]> {
  const parts = sequences.map((tokens) => splitDocuments(tokens, old));
  const texts = parts.flatMap((own) => own.map((part) => from.decode(part)));
  const encodings = await to.encodeBatch(texts, { parseSpecials });
  let next = 0;
  return parts.map((own) => ({ parts: own, encoded: own.map(() => encodings[next++]!) }));
}

interface Provenance {
  plan: Plan;
  source: InstanceReader;
  content: InstanceContent;
  fingerprint: string;
}

async function publish(
  folder: string,
  shards: ConvertShards,
  names: readonly string[],
  { plan, source, content, fingerprint }: Provenance,
  context: StageContext,
): Promise<ConvertSummary> {
  const { from, to, old, marks, overflow, parseSpecials, chunkLength, madeBy } = plan;
  const rows: ConvertRow[] = [];
  let unscored = 0;
  async function* instances(): AsyncGenerator<Instance> {
    for await (const { instance, ...row } of shards.read(names)) {
      if (rows.length % BATCH_INSTANCES === 0) await checkpointSignal(context);
      rows.push({ instance: rows.length, ...row });
      if (!lossMask(instance.tokens, "miniplm", { eosId: marks.eos }).includes(1)) unscored++;
      yield instance;
    }
  }
  let summary: ConvertSummary | undefined;
  await publishFolder(
    folder,
    async (staging) => {
      const written = await fillWithInstances(staging, instances(), { vocabSize: to.vocabSize });
      await writeConvertRows(staging, rows);
      summary = {
        source: { fingerprint: content.fingerprint, instances: source.length, tokens: source.totalTokens, madeBy },
        from: { fingerprint: from.fingerprint, eos: old.eos, bos: old.bos ?? null },
        tokenizer: { fingerprint: to.fingerprint, vocabSize: to.vocabSize, eos: marks.eos, bos: marks.bos ?? null },
        options: { contextLength: chunkLength - 1, overflow, parseSpecials },
        ...written,
        documents: sumOf(rows, "documents"),
        alteredDocuments: sumOf(rows, "altered_documents"),
        truncatedInstances: rows.filter((row) => row.lost_tokens > 0).length,
        lostTokens: sumOf(rows, "lost_tokens"),
        splitInstances: rows.filter((row) => row.piece === 1).length,
        unscoredInstances: unscored,
      };
      await publishJson(join(staging, CONVERT_SUMMARY), summary);
    },
    { fingerprint },
  );
  return summary!;
}

/** The summary of an earlier call with equal input, if all its files are intact. */
async function finished(folder: string, fingerprint: string): Promise<ConvertSummary | undefined> {
  const manifest = await openManifest(folder);
  if (manifest.get(CONVERT_SUMMARY)?.fingerprint !== fingerprint) return undefined;
  for (const { name } of manifest.entries()) if (!(await manifest.isIntact(name, { deep: true }))) return undefined;
  return readConvertSummary(folder);
}

function reportTokens(context: StageContext, done: number, total: number): void {
  context.report({ type: "progress", stage: context.stage, done, total, unit: "tokens" });
}

function warn(summary: ConvertSummary, context: StageContext): void {
  const say = (message: string) => context.report({ type: "warning", stage: context.stage, message });
  const { truncatedInstances, lostTokens, alteredDocuments, documents, source } = summary;
  if (lostTokens > 0)
    say(
      `${truncatedInstances} of ${source.instances} instances lost their end, ${lostTokens} tokens in all: overflow: carry keeps them`,
    );
  if (alteredDocuments > 0)
    say(
      `${alteredDocuments} of ${documents} documents could not be kept byte for byte (a character cut by a window, special tokens written in the text, or text the new tokenizer normalises or does not know)`,
    );
}

function sumOf(rows: readonly ConvertRow[], key: keyof ConvertRow): number {
  return rows.reduce((sum, row) => sum + row[key], 0);
}
