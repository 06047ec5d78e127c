import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { publishJson } from "../formats/publish.ts";
import { publishFolder } from "../formats/publish_folder.ts";
import { lossMask } from "../models/loss_mask.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { Random } from "../random.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { fillWithInstances, type InstancesWritten } from "./instances.ts";
import { endTokens, type PackOptions, type PackSummary, resolveOptions, type SourceSummary } from "./pack_options.ts";
import { documentInstance, Packer } from "./packer.ts";
import { type CorpusSpec, type DocumentStream, type Filter, readDocuments } from "./read.ts";
import type { Document, Instance } from "./record.ts";
import { sentenceEndTokens, textEndRule } from "./sentence_ends.ts";

export type { PackOptions, PackSummary, SourceSummary } from "./pack_options.ts";

export interface PackInput extends PackOptions {
  corpus: CorpusSpec;
  filter?: Filter;
  tokenizer: Tokenizer;
  /** Where data_N.bin/.idx, instances.parquet and pack.json go. */
  folder: string;
}

/**
 * Packs a corpus into training instances and publishes them as one folder: documents are read and tokenized in batches, so
 * memory holds one shard of instances. A run that was stopped leaves nothing; packing again starts over.
 * @throws HeartcutError HC2020 no EOS or BOS, HC2021 no instance, HC2022 wrong option, those of readDocuments; Interrupted
 */
export async function packCorpus(input: PackInput, context: StageContext): Promise<PackSummary> {
  const { tokenizer, folder } = input;
  const options = resolveOptions(input);
  const { eos, bos } = endTokens(tokenizer, input.bos ?? "auto");
  const { decode, vocabSize } = tokenizer;
  const mayEnd = textEndRule(decode, sentenceEndTokens(decode, vocabSize, eos, options), eos, options);
  const chunkLength = options.contextLength + 1;
  const packer = new Packer({ ...options, chunkLength, eos, bos, mayEnd });
  const documents = readDocuments(input.corpus, input.filter);
  const sources = new Map<string, SourceSummary>();
  let unscored = 0;
  let instances = 0;
  let tokens = 0;
  const full = () =>
    instances >= (options.maxInstances ?? Number.POSITIVE_INFINITY) ||
    tokens >= (options.maxTokens ?? Number.POSITIVE_INFINITY);
  const count = (instance: Instance): boolean => {
    // Nothing is asked of a model behind EOS: an instance whose inputs are all EOS would be scored nowhere.
    if (!lossMask(instance.tokens, "miniplm", { eosId: eos }).includes(1)) {
      unscored++;
      return false;
    }
    const source = sources.get(instance.source)!;
    source.instances++;
    source.tokens += instance.tokens.length;
    instances++;
    tokens += instance.tokens.length;
    return true;
  };

  async function* packed(): AsyncGenerator<Instance> {
    for await (const { document, ids } of tokenized(documents, input, options.parseEndOfText, context, () => tokens)) {
      const source = sources.get(document.source) ?? newSource(document.source);
      sources.set(document.source, source);
      source.documents++;
      source.bytes += Buffer.byteLength(document.text, "utf8");
      const made =
        options.mode === "packed"
          ? packer.add(document.source, document.id, ids)
          : [documentInstance(document.source, document.id, ids, { chunkLength, eos, bos })];
      for (const instance of made) {
        if (count(instance)) yield instance;
        if (full()) return;
      }
    }
    for (const instance of packer.finish()) {
      if (count(instance)) yield instance;
      if (full()) return;
    }
  }

  let summary: PackSummary | undefined;
  await publishFolder(folder, async (staging) => {
    const stream = options.shuffle ? shuffledByShard(packed(), options.shardInstances, options.seed) : packed();
    const written = await fillWithInstances(staging, stream, { vocabSize, shardInstances: options.shardInstances });
    if (!options.keepRemainder)
      for (const [source, left] of packer.leftovers()) sources.get(source)!.leftoverTokens = left.length;
    summary = summarize(written);
    if (written.instances === 0) throw tooShort(summary, chunkLength);
    await publishJson(join(staging, "pack.json"), summary);
  });
  return summary!;

  function summarize(written: InstancesWritten): PackSummary {
    const bySource = [...sources.values()];
    const sum = (key: "documents" | "bytes" | "leftoverTokens") => bySource.reduce((s, source) => s + source[key], 0);
    return {
      documents: sum("documents"),
      bytes: sum("bytes"),
      ...written,
      leftoverTokens: sum("leftoverTokens"),
      bySource,
      skipped: {
        emptyDocuments: documents.counts.empty,
        badRows: documents.counts.bad,
        filteredOut: documents.counts.filteredOut,
        unscoredInstances: unscored,
        singleTokens: packer.statistics.singleTokensDropped,
        documentsCutOff: packer.statistics.documentsCutOff,
        tokensOfDocumentsCutOff: packer.statistics.tokensDroppedWithThem,
      },
      tokenizer: { fingerprint: tokenizer.fingerprint, vocabSize, eos, bos: bos ?? null },
      options,
    };
  }
}

/** Documents with their ids, tokenized many at a time; reports progress and stops on the signal between batches. */
async function* tokenized(
  documents: DocumentStream,
  { tokenizer }: PackInput,
  parseSpecials: boolean,
  context: StageContext,
  tokensPacked: () => number,
): AsyncGenerator<{ document: Document; ids: Int32Array }> {
  const started = performance.now();
  let tokens = 0;
  let done = 0;
  let batch: Document[] = [];
  let characters = 0;
  async function* encoded() {
    const encodings = await tokenizer.encodeBatch(
      batch.map(({ text }) => text),
      { parseSpecials },
    );
    for (const [i, document] of batch.entries()) {
      tokens += encodings[i]!.length;
      yield { document, ids: encodings[i]! };
    }
    done += batch.length;
    batch = [];
    characters = 0;
    context.report({
      type: "progress",
      stage: context.stage,
      done,
      // The number of documents is not known before the last one is read.
      total: 0,
      unit: "documents",
      tokensPerSecond: (1000 * tokens) / (performance.now() - started),
      values: { tokens: tokensPacked() },
    });
    await checkpointSignal(context);
  }
  for await (const document of documents) {
    batch.push(document);
    characters += document.text.length;
    if (batch.length === 512 || characters >= 2_000_000) yield* encoded();
  }
  if (batch.length > 0) yield* encoded();
}

/** Collects a shard, permutes it, hands it on. */
async function* shuffledByShard(
  instances: AsyncIterable<Instance>,
  shardInstances: number,
  seed: number,
): AsyncGenerator<Instance> {
  let shard: Instance[] = [];
  let number = 0;
  function* permuted() {
    const order = new Random(seed, `pack/shard-${number++}`).permutation(shard.length);
    for (const i of order) yield shard[i]!;
    shard = [];
  }
  for await (const instance of instances) {
    shard.push(instance);
    if (shard.length === shardInstances) yield* permuted();
  }
  yield* permuted();
}

function newSource(source: string): SourceSummary {
  return { source, documents: 0, bytes: 0, instances: 0, tokens: 0, leftoverTokens: 0 };
}

function tooShort(summary: PackSummary, chunkLength: number): HeartcutError {
  const { documents, leftoverTokens, bySource, skipped } = summary;
  if (documents === 0)
    return new HeartcutError("HC2021", {
      what: "the corpus has no document to pack",
      found: `0 documents, ${skipped.emptyDocuments} empty rows, ${skipped.badRows} bad rows, ${skipped.filteredOut} left out by the filter`,
      fix: "check the corpus path, its text column and its filter",
    });
  const longest = Math.max(...bySource.map((source) => source.leftoverTokens));
  return new HeartcutError("HC2021", {
    what: "the corpus is shorter than one instance",
    found: `${leftoverTokens} tokens in ${documents} documents, at most ${longest} of one source`,
    expected: `at least ${chunkLength} tokens of one source (pack.length + 1)`,
    fix: "give more text, lower pack.length, or set pack.keepRemainder: true or pack.mode: document",
  });
}
