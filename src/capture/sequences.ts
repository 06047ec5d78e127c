import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fillWithInstances } from "../corpus/instances.ts";
import type { Instance } from "../corpus/record.ts";
import { InstanceShards } from "../corpus/shard_instances.ts";
import { HeartcutError } from "../errors.ts";
import { guarded, isMissing } from "../formats/file_system.ts";
import { publishJsonl } from "../formats/jsonl.ts";
import { openManifest } from "../formats/manifest.ts";
import { publishJson } from "../formats/publish.ts";
import { publishFolder } from "../formats/publish_folder.ts";
import { BATCH_TOKENS } from "../models/batch.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { generateBatch } from "../models/generate.ts";
import { endsDocument } from "../models/loss_mask.ts";
import { checkSampling, type SamplingOptions } from "../models/sampling.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { TokenProgress } from "../token_progress.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { documentName, openPrompts, type PromptSource, type Prompts } from "./prompts.ts";
import {
  type AfterEos,
  readSequencesSummary,
  SEQUENCES_EXAMPLES,
  SEQUENCES_SUMMARY,
  type SequenceExample,
  type SequencesSummary,
} from "./sequences_files.ts";

/** Part of every fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "sequences-1";
/** Sequences of a shard: what a kill can cost. */
const SHARD_SEQUENCES = 128;
/** Sequences shown as text. */
const EXAMPLES = 20;

/** Input of the generation: a teacher and where it starts. */
export interface SequencesInput extends SamplingOptions {
  readonly model: CausalLM;
  /** Name for records, and hash of all that decides the model's values. */
  readonly teacher: { readonly name: string; readonly fingerprint: string };
  readonly tokenizer: Pick<Tokenizer, "fingerprint" | "vocabSize" | "specials" | "decode">;
  readonly prompts: PromptSource;
  /** Where the instances, sequences.json and examples.jsonl go. */
  readonly folder: string;
  /** Tokens of an instance, prompt included, at most. */
  readonly length: number;
  /** end: an EOS ends the instance; next: the teacher goes on with the next document. */
  readonly afterEos: AfterEos;
  /** For a temperature above 0. */
  readonly seed?: number | undefined;
  /** Sequences per shard. */
  readonly shardSequences?: number | undefined;
  /** Places of a batch, prompt and new tokens; at most. */
  readonly batchTokens?: number | undefined;
}

interface Work {
  readonly input: SequencesInput;
  readonly prompts: Prompts;
  readonly stopIds: readonly number[];
  readonly fingerprint: string;
  readonly shardSequences: number;
}

/**
 * Has a teacher write texts and publishes them as a folder of packed instances, from which a student is trained by plain
 * language modelling. Shards are committed as they are made: after a kill the same call goes on behind the last one and ends
 * with the same bytes; a text depends on seed and number, not on those beside it.
 * @throws HeartcutError HC3409 for a folder that holds something else, HC3421 for prompts that cannot be used, HC3422 for a length, HC3423 without an EOS to end at; HC1140,
 *   HC1141 for sampling options; Interrupted if asked to stop   Source: Kim and Rush 2016, arXiv:1606.07947
 */
export async function generateInstances(input: SequencesInput, context: StageContext): Promise<SequencesSummary> {
  checkSampling(input);
  await requireOwnFolder(input);
  const stopIds = input.afterEos === "end" ? endIds(input) : [];
  const prompts = await openPrompts(input.prompts, context);
  try {
    checkLengths(input, prompts);
    const { shardSequences = SHARD_SEQUENCES } = input;
    const work = { input, prompts, stopIds, shardSequences, fingerprint: fingerprintOf(input, prompts, stopIds) };
    const manifest = await openManifest(input.folder);
    const entries = manifest.entries();
    const current = entries.length > 0 && entries.every(({ fingerprint }) => fingerprint === work.fingerprint);
    if (current && (await allIntact(manifest))) return await readSequencesSummary(input.folder);

    const shards = await InstanceShards.open(input.folder);
    const names = await generateShards(work, shards, context);
    const summary = await publish(work, shards, names);
    await shards.remove();
    return summary;
  } finally {
    prompts.close();
  }
}

async function generateShards(work: Work, shards: InstanceShards, context: StageContext): Promise<string[]> {
  const { input, prompts, shardSequences } = work;
  const names: string[] = [];
  // Texts may end early: the total is what there can be at most.
  const progress = new TokenProgress(prompts.length * input.length, context);
  for (let first = 0; first < prompts.length; first += shardSequences) {
    const end = Math.min(prompts.length, first + shardSequences);
    const name = `part-${String(names.length).padStart(5, "0")}`;
    const fingerprint = hashOf([work.fingerprint, first, end]);
    names.push(name);
    if (await shards.has(name, fingerprint)) {
      progress.reused(shards.tokensOf(name));
      continue;
    }
    await checkpointSignal(context);
    const instances = await generateShard(work, first, end, progress, context);
    await shards.commit(name, fingerprint, instances, { vocabSize: vocabularyOf(input) });
  }
  return names;
}

/** Sequences first … end-1. Prompts of one length go together, as they may take equally many new tokens. */
async function generateShard(
  { input, prompts, stopIds }: Work,
  first: number,
  end: number,
  progress: TokenProgress,
  context: StageContext,
): Promise<Instance[]> {
  const { model, length, temperature, topK, topP, seed, batchTokens = BATCH_TOKENS } = input;
  const numbers = Array.from({ length: end - first }, (_, i) => first + i);
  const all = numbers.map((i) => prompts.at(i));
  const instances = new Array<Instance>(numbers.length);
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
        onToken: () => progress.made(1),
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
  return instances;
}

async function publish(work: Work, shards: InstanceShards, names: readonly string[]): Promise<SequencesSummary> {
  const { input, prompts, fingerprint } = work;
  const { teacher, tokenizer, length, afterEos, temperature = 0, topK = null, topP = null, seed = 0 } = input;
  const examples: SequenceExample[] = [];
  let [ended, generatedTokens, number] = [0, 0, 0];
  async function* counted(): AsyncGenerator<Instance> {
    for await (const instance of shards.read(names)) {
      const { tokens, source } = instance;
      const size = prompts.at(number).tokens.length;
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
        teacher,
        tokenizer: tokenizer.fingerprint,
        corpus: prompts.corpus,
        promptTokens: prompts.promptTokens,
        length,
        afterEos,
        temperature,
        topK,
        topP,
        seed,
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

/** Ids are written for the tokenizer; a model may have further rows, which it can choose when it samples. */
function vocabularyOf({ model, tokenizer }: SequencesInput): number {
  return Math.max(model.vocabSize, tokenizer.vocabSize);
}

function endIds({ tokenizer, folder }: SequencesInput): number[] {
  const { eos } = tokenizer.specials;
  if (eos !== undefined) return [eos];
  throw new HeartcutError("HC3423", {
    what: "no id is known that ends a text",
    where: folder,
    why: 'with afterEos "end" an instance ends there',
    fix: 'name the tokenizer\'s eos_token, or generate with afterEos "next"',
  });
}

function checkLengths({ length, shardSequences, model }: SequencesInput, prompts: Prompts): void {
  const { maxPositions } = model.description.config;
  const refuse = (what: string, found: number, expected: string) => {
    throw new HeartcutError("HC3422", { what, found: String(found), expected });
  };
  if (!(Number.isInteger(length) && length > prompts.promptTokens && length <= maxPositions))
    refuse(
      "length cannot be used for generated instances",
      length,
      `a whole number above the prompt's ${prompts.promptTokens} tokens, at most the teacher's context of ${maxPositions}`,
    );
  if (shardSequences !== undefined && !(Number.isInteger(shardSequences) && shardSequences >= 1))
    refuse("shardSequences cannot be used", shardSequences, "a whole number of 1 or more");
}

/** A folder is published as a whole, in place of an earlier one: it must not be another's. */
async function requireOwnFolder({ folder, prompts }: SequencesInput): Promise<void> {
  const names = await guarded(folder, "nothing was changed", () => readdir(folder)).catch(
    (error: unknown): string[] => {
      if (isMissing(error)) return [];
      throw error;
    },
  );
  const isRead = "instances" in prompts && resolve(prompts.instances) === resolve(folder);
  if (!isRead && (names.length === 0 || names.includes(SEQUENCES_SUMMARY))) return;
  throw new HeartcutError("HC3409", {
    what: "the output would replace something else",
    where: folder,
    found: isRead ? "the instances that the prompts come from" : names.slice(0, 5).join(", "),
    fix: "choose a new folder",
  });
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
    teacher,
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
