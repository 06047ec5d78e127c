import { createHash } from "node:crypto";
import { join } from "node:path";
import { fillWithInstances } from "../corpus/instances.ts";
import type { Instance } from "../corpus/record.ts";
import { InstanceShards } from "../corpus/shard_instances.ts";
import { refuseOtherResult } from "../formats/finished_result.ts";
import { publishJsonl } from "../formats/jsonl.ts";
import { openManifest } from "../formats/manifest.ts";
import { publishJson } from "../formats/publish.ts";
import { publishFolder } from "../formats/publish_folder.ts";
import { BATCH_TOKENS } from "../models/batch.ts";
import { generateBatch } from "../models/generate.ts";
import { endsDocument } from "../models/loss_mask.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { TokenProgress } from "../token_progress.ts";
import { documentName, openPrompts, type Prompts } from "./prompts.ts";
import {
  readSequencesSummary,
  SEQUENCES_EXAMPLES,
  SEQUENCES_SUMMARY,
  type SequenceExample,
  type SequencesSummary,
} from "./sequences_files.ts";
import { checkLengths, checkSequencesInput, type SequencesInput, stopIdsOf, vocabularyOf } from "./sequences_input.ts";
import { tellingKept } from "./stopped.ts";

export type { SequencesInput } from "./sequences_input.ts";

/** Part of every fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "sequences-1";
/** Sequences of a shard: what a kill can cost. */
const SHARD_SEQUENCES = 128;
/** Sequences shown as text. */
const EXAMPLES = 20;

interface Work {
  readonly input: SequencesInput;
  readonly prompts: Prompts;
  readonly stopIds: readonly number[];
  /** Of all that decides the texts. */
  readonly fingerprint: string;
  readonly shardSequences: number;
}

/**
 * Has a teacher write texts and publishes them as a folder of packed instances, from which a student is trained by plain
 * language modelling. Shards are committed as they are made: after a kill the same call goes on behind the last one and ends
 * with the same bytes; a text depends on seed and number, not on those beside it.
 * @throws HeartcutError HC3409 for a folder that holds something else, HC3421 for prompts that cannot be used, HC3422 for a length, HC3423 without an EOS to end at; HC1140,
 *   HC1141 for sampling options; HC1053 for a finished generation made otherwise; Interrupted if asked to stop   Source: Kim and Rush 2016, arXiv:1606.07947
 */
export async function generateInstances(input: SequencesInput, context: StageContext): Promise<SequencesSummary> {
  await checkSequencesInput(input);
  const stopIds = stopIdsOf(input);
  const prompts = await openPrompts(input.prompts, context);
  try {
    checkLengths(input, prompts);
    const { shardSequences = SHARD_SEQUENCES } = input;
    const fingerprint = fingerprintOf(input, prompts, stopIds);
    const published = hashOf([fingerprint, input.teacher.name]);
    const work = { input, prompts, stopIds, shardSequences, fingerprint };
    const manifest = await openManifest(input.folder);
    const entries = manifest.entries();
    const current = entries.length > 0 && entries.every((entry) => entry.fingerprint === published);
    if (current && (await allIntact(manifest))) return await readSequencesSummary(input.folder);
    if (!current && (await manifest.isIntact(SEQUENCES_SUMMARY, { deep: true })))
      refuseOther(work, await readSequencesSummary(input.folder));

    const shards = await InstanceShards.open(input.folder);
    let finished = 0;
    const names = await tellingKept(
      () => generateShards(work, shards, context, () => finished++),
      { finished: () => finished, total: Math.ceil(prompts.length / shardSequences) },
      context,
    );
    const summary = await publish(work, shards, names, published);
    await shards.remove();
    return summary;
  } finally {
    prompts.close();
  }
}

async function generateShards(
  work: Work,
  shards: InstanceShards,
  context: StageContext,
  onShard: () => void,
): Promise<string[]> {
  const { input, prompts, shardSequences } = work;
  const names: string[] = [];
  const room = (first: number, end: number) => {
    let places = 0;
    for (let i = first; i < end; i++) places += input.length - prompts.size(i);
    return places;
  };
  const progress = new TokenProgress(room(0, prompts.length), context);
  for (let first = 0; first < prompts.length; first += shardSequences) {
    const end = Math.min(prompts.length, first + shardSequences);
    const name = `part-${String(names.length).padStart(5, "0")}`;
    const fingerprint = hashOf([work.fingerprint, first, end]);
    names.push(name);
    let left = room(first, end);
    if (!(await shards.has(name, fingerprint))) {
      await checkpointSignal(context);
      const instances = await generateShard(work, first, end, context, (tokens) => {
        left -= tokens;
        progress.made(tokens);
      });
      await shards.commit(name, fingerprint, instances, { vocabSize: vocabularyOf(input) });
    }
    // Texts that ended early leave places that nobody has to fill.
    progress.skipped(left);
    onShard();
  }
  return names;
}

/** Tokens between two reports of progress. */
const REPORT_TOKENS = 64;

/** Sequences first … end-1. Prompts of one length go together, as they may take equally many new tokens. */
async function generateShard(
  { input, prompts, stopIds }: Work,
  first: number,
  end: number,
  context: StageContext,
  onTokens: (tokens: number) => void,
): Promise<Instance[]> {
  const { model, length, temperature, topK, topP, seed, batchTokens = BATCH_TOKENS } = input;
  const numbers = Array.from({ length: end - first }, (_, i) => first + i);
  const all = numbers.map((i) => prompts.at(i));
  const instances = new Array<Instance>(numbers.length);
  let unreported = 0;
  const report = (atLeast: number) => {
    if (unreported < atLeast) return;
    onTokens(unreported);
    unreported = 0;
  };
  for (const size of new Set(all.map(({ tokens }) => tokens.length))) {
    const group = numbers.filter((i) => all[i - first]!.tokens.length === size);
    const made = await generateBatch(
      model,
      group.map((i) => all[i - first]!.tokens),
      {
        maxNewTokens: length - size,
        temperature,
        topK,
        topP,
        seed,
        stopIds,
        streams: group.map(String),
        places: batchTokens,
        signal: context.signal,
        onToken: () => {
          unreported++;
          report(REPORT_TOKENS);
        },
      },
    );
    for (const [row, i] of group.entries()) {
      const { tokens: prompt, source, document } = all[i - first]!;
      const tokens = new Int32Array(prompt.length + made[row]!.length);
      tokens.set(prompt);
      tokens.set(made[row]!, prompt.length);
      instances[i - first] = { tokens, source, firstDocument: document, lastDocument: documentName(i) };
    }
  }
  report(1);
  return instances;
}

async function publish(
  work: Work,
  shards: InstanceShards,
  names: readonly string[],
  fingerprint: string,
): Promise<SequencesSummary> {
  const { input, prompts } = work;
  const { tokenizer } = input;
  const examples: SequenceExample[] = [];
  let [ended, generatedTokens, number] = [0, 0, 0];
  async function* counted(): AsyncGenerator<Instance> {
    for await (const instance of shards.read(names)) {
      const { tokens, source } = instance;
      const size = prompts.size(number);
      generatedTokens += tokens.length - size;
      if (endsDocument(tokens.at(-1), tokenizer.specials.eos)) ended++;
      if (examples.length < EXAMPLES) {
        const text = (part: Int32Array) => tokenizer.decode(part);
        examples.push({
          instance: number,
          source,
          prompt: text(tokens.subarray(0, size)),
          completion: text(tokens.subarray(size)),
        });
      }
      number++;
      yield instance;
    }
  }
  let summary: SequencesSummary | undefined;
  await publishFolder(
    input.folder,
    async (staging) => {
      const written = await fillWithInstances(staging, counted(), { vocabSize: vocabularyOf(input) });
      summary = {
        teacher: input.teacher,
        ...settingsOf(work),
        instances: written.instances,
        tokens: written.tokens,
        generatedTokens,
        ended,
      };
      await publishJsonl(join(staging, SEQUENCES_EXAMPLES), examples);
      await publishJson(join(staging, SEQUENCES_SUMMARY), summary);
    },
    { fingerprint },
  );
  return summary!;
}

/** What of a generation its record tells, beside the teacher and what came out. */
function settingsOf({ input, prompts }: Work) {
  const { tokenizer, length, afterEos, temperature = 0, topK = null, topP = null, seed = 0 } = input;
  const { corpus, promptTokens } = prompts;
  return { tokenizer: tokenizer.fingerprint, corpus, promptTokens, length, afterEos, temperature, topK, topP, seed };
}

function refuseOther(work: Work, there: SequencesSummary): never {
  const { teacher, folder } = work.input;
  refuseOtherResult(
    folder,
    "a generation",
    { ...there, teacher: there.teacher.name, weights: there.teacher.fingerprint },
    { teacher: teacher.name, weights: teacher.fingerprint, ...settingsOf(work), instances: work.prompts.length },
  );
}

async function allIntact(manifest: Awaited<ReturnType<typeof openManifest>>): Promise<boolean> {
  for (const { name } of manifest.entries()) if (!(await manifest.isIntact(name, { deep: true }))) return false;
  return true;
}

/** Batches are part of it: equal logits could round to another choice in another batch. */
function fingerprintOf(input: SequencesInput, prompts: Prompts, stopIds: readonly number[]): string {
  const { teacher, tokenizer, length, temperature = 0, topK, topP, seed = 0, shardSequences, batchTokens } = input;
  const from = "bos" in input.prompts ? { bos: input.prompts.bos } : { promptTokens: prompts.promptTokens };
  const sampling = [temperature, topK ?? null, topP ?? null, seed];
  const batches = [shardSequences ?? SHARD_SEQUENCES, batchTokens ?? BATCH_TOKENS];
  return hashOf([
    teacher.fingerprint,
    tokenizer.fingerprint,
    prompts.corpus,
    from,
    prompts.length,
    length,
    stopIds,
    ...sampling,
    ...batches,
  ]);
}

function hashOf(parts: readonly unknown[]): string {
  return createHash("sha256")
    .update(JSON.stringify([CODE_VERSION, ...parts]))
    .digest("hex");
}
