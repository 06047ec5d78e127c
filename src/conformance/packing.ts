import { createHash } from "node:crypto";
import { join } from "node:path";
import { documentInstance, Packer, type PackerOptions, type PackingStatistics } from "../corpus/packer.ts";
import { readDocuments } from "../corpus/read.ts";
import type { Instance } from "../corpus/record.ts";
import { sentenceEndTokens, type TextEndOptions, textEndRule } from "../corpus/sentence_ends.ts";
import { openSafetensors } from "../formats/safetensors.ts";
import { padTokens } from "../models/batch.ts";
import { lossMask } from "../models/loss_mask.ts";
import { loadTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import type { CaseResult, GoldenFolders, GoldenKind } from "./case.ts";
import { firstDifference, goldenOrAbsent, same } from "./tokenization.ts";

/** Packing of Difference Sampling: sentence ends, instances, leftovers, masks, against the reference implementation's output. */
export const packing: GoldenKind = async function* (folders) {
  const folder = join(folders.fixtures, "difference_sampling");
  const ends = await goldenOrAbsent<EndsGolden>(join(folder, "sentence_end_tokens.json"));
  if (ends) yield* checkSentenceEnds(ends, folders);
  const packed = await goldenOrAbsent<PackingGolden>(join(folder, "packing.json"));
  if (packed) yield* checkPacking(packed, folder, folders);
  const cases = await goldenOrAbsent<{ cases: SmallCase[] }>(join(folder, "packing_cases.json"));
  if (cases) yield* checkSmallCases(cases.cases, folders);
  for (const mode of ["packed", "document"] as const) {
    const scores = await goldenOrAbsent<ScoresGolden>(join(folder, `scores_${mode}.json`));
    if (scores) yield await checkScoredInstances(mode, scores, folder, folders);
  }
};

interface DocumentGolden {
  id: string;
  domain: string;
  tokens_without_eos: number;
}

interface EndsGolden {
  tokenizer: string;
  count: number;
  ids: number[];
  newline_ids: number[];
  only_with_the_braces_rule_as_meant: number[];
  only_with_the_reference_rule: number[];
  others: Record<
    string,
    {
      vocab_size: number;
      eos: number;
      count: number;
      newline_count: number;
      sha256_of_compact_json: string;
      count_with_the_braces_rule_as_meant: number;
    }
  >;
}

async function* checkSentenceEnds(golden: EndsGolden, folders: GoldenFolders): AsyncIterable<CaseResult> {
  const name = (family: string) => `packing/sentence_ends/${family}`;
  {
    const tokenizer = await loadTokenizer(join(folders.data, "tokenizers", golden.tokenizer));
    const eos = golden.ids.at(-1)!;
    const ids = sentenceEndTokens(tokenizer.decode, tokenizer.vocabSize, eos);
    const meant = sentenceEndTokens(tokenizer.decode, tokenizer.vocabSize, eos, { brackets: "correct" });
    const faults = [
      ...differ("ids", golden.ids, ids),
      ...differ("newline ids", golden.newline_ids, withNewline(ids, tokenizer)),
      ...differ("braces as meant", golden.only_with_the_braces_rule_as_meant, without(meant, ids)),
      ...differ("reference only", golden.only_with_the_reference_rule, without(ids, meant)),
    ];
    yield result(name(golden.tokenizer), faults, `${ids.length} ids equal`);
  }
  for (const [family, other] of Object.entries(golden.others)) {
    const tokenizer = await loadTokenizer(join(folders.data, "tokenizers", family));
    const ids = sentenceEndTokens(tokenizer.decode, other.vocab_size, other.eos);
    const meant = sentenceEndTokens(tokenizer.decode, other.vocab_size, other.eos, { brackets: "correct" });
    const faults = [
      ...differ("sha256", other.sha256_of_compact_json, sha256(ids)),
      ...differ("count", other.count, ids.length),
      ...differ("newline count", other.newline_count, withNewline(ids, tokenizer).length),
      ...differ("braces as meant", other.count_with_the_braces_rule_as_meant, meant.length),
    ];
    yield result(name(family), faults, `${ids.length} ids equal`);
  }
}

interface PackingGolden {
  tokenizer: string;
  eos: number;
  pad: number;
  bos: number | null;
  max_length: number;
  chunk_length: number;
  corpus: string;
  documents: DocumentGolden[];
  instances: { domain: string; document: number; length: number; scored: number }[];
  statistics: StatisticsGolden & { leftover_tokens: Record<string, number> };
  single_buffer: StatisticsGolden & { leftover_tokens: Record<string, number> };
}

async function* checkPacking(golden: PackingGolden, folder: string, folders: GoldenFolders): AsyncIterable<CaseResult> {
  const tokenizer = await loadTokenizer(join(folders.data, "tokenizers", golden.tokenizer));
  const documents = await documentsOf(golden.documents, golden.corpus, tokenizer, folders);
  const tensors = await openSafetensors(join(folder, "packing.safetensors"));
  try {
    for (const single of [false, true]) {
      const packer = packerFor(tokenizer, golden, golden.chunk_length);
      const instances = documents.flatMap(({ id, domain, tokens }) => [
        ...packer.add(single ? "all" : domain, id, tokens),
      ]);
      const prefix = single ? "single_buffer." : "";
      const wanted = await raggedOf(tensors, prefix);
      const expected = single ? golden.single_buffer : golden.statistics;
      const leftovers = Object.fromEntries([...packer.leftovers()].map(([source, { length }]) => [source, length]));
      const faults = [
        ...differInstances(wanted, instances),
        ...differ("statistics", statisticsOf(expected), packer.statistics),
        ...differ("leftovers", expected.leftover_tokens, leftovers),
      ];
      if (!single)
        faults.push(
          ...differ(
            "sources",
            golden.instances.map(({ domain }) => domain),
            instances.map(({ source }) => source),
          ),
          ...differ(
            "documents that complete the instances",
            golden.instances.map(({ document }) => golden.documents[document]!.id),
            completedBy(documents, packerFor(tokenizer, golden, golden.chunk_length)),
          ),
        );
      yield result(`packing/${single ? "single_buffer" : "by_domain"}`, faults, `${instances.length} instances equal`);
      if (!single) {
        const faults = await differBatch(tensors, "batch.", instances, golden);
        yield result("packing/batch", faults, `${instances.length} × ${golden.max_length} equal`);
      }
    }
  } finally {
    await tensors.close();
  }
}

interface SmallCase {
  what: string;
  tokenizer: string;
  bos: number | null;
  eos: number;
  chunk_length: number;
  max_chunks: number;
  documents?: string[];
  document_ids?: number[][];
  instances?: number[][];
  texts?: string[];
  loss_mask?: number[][];
  instances_count?: number;
  sha256_of_compact_json?: string;
  last_two?: number[][];
  leftover: number[];
  statistics: StatisticsGolden;
}

async function* checkSmallCases(cases: SmallCase[], folders: GoldenFolders): AsyncIterable<CaseResult> {
  const tokenizers = new Map<string, Tokenizer>();
  for (const golden of cases) {
    const tokenizer =
      tokenizers.get(golden.tokenizer) ?? (await loadTokenizer(join(folders.data, "tokenizers", golden.tokenizer)));
    tokenizers.set(golden.tokenizer, tokenizer);
    const packer = packerFor(tokenizer, golden, golden.chunk_length, { instanceLimit: golden.max_chunks });
    const documents = golden.documents
      ? await tokenizer.encodeBatch(golden.documents)
      : await longDocument(golden.what, tokenizer);
    const instances = documents.flatMap((tokens, i) => [...packer.add("x", String(i), tokens)]);
    const ids = instances.map(({ tokens }) => Array.from(tokens));
    const faults = [
      ...differ("leftover", golden.leftover, Array.from(packer.leftovers().get("x")!)),
      ...differ("statistics", statisticsOf(golden.statistics), packer.statistics),
    ];
    if (golden.document_ids)
      faults.push(
        ...differ(
          "document ids",
          golden.document_ids,
          documents.map((d) => Array.from(d)),
        ),
      );
    if (golden.instances) faults.push(...differ("instances", golden.instances, ids));
    if (golden.texts)
      faults.push(
        ...differ(
          "texts",
          golden.texts,
          ids.map((tokens) => tokenizer.decode(tokens)),
        ),
      );
    if (golden.loss_mask) {
      const masks = instances.map(({ tokens }) => Array.from(lossMask(tokens, "miniplm", { eosId: golden.eos })));
      faults.push(...differ("loss mask", golden.loss_mask, masks));
    }
    if (golden.instances_count !== undefined) faults.push(...differ("count", golden.instances_count, ids.length));
    if (golden.last_two) faults.push(...differ("last two", golden.last_two, ids.slice(-2)));
    if (golden.sha256_of_compact_json) faults.push(...differ("sha256", golden.sha256_of_compact_json, sha256(ids)));
    yield result(`packing/cases/${golden.what}`, faults, `${ids.length} instances equal`);
  }
}

/** The case too long to list says how to make its ids; its second document stands in the fixture's make.py. */
async function longDocument(what: string, tokenizer: Tokenizer): Promise<Int32Array[]> {
  const [, a, b, modulus, count] = /\((\d+) i \+ (\d+)\) mod (\d+), i < (\d+)/.exec(what)!.map(Number);
  const long = Int32Array.from({ length: count! }, (_, i) => (a! * i + b!) % modulus!);
  return [long, await tokenizer.encode("The next document. It starts with an empty buffer, as it should.")];
}

interface ScoresGolden {
  teacher: string;
  bos: number | null;
  eos: number;
  pad: number;
  max_length: number;
  chunk_length: number;
  instances: number;
  corpus: string;
  documents: DocumentGolden[];
  lengths: number[];
  instance_domain?: string[];
}

async function checkScoredInstances(
  mode: "packed" | "document",
  golden: ScoresGolden,
  folder: string,
  folders: GoldenFolders,
): Promise<CaseResult> {
  const tokenizer = await loadTokenizer(await weightsFolder(golden.teacher, folders));
  const documents = await documentsOf(golden.documents, golden.corpus, tokenizer, folders);
  const { chunk_length: chunkLength, eos } = golden;
  const packer = packerFor(tokenizer, golden, chunkLength);
  const all = documents.flatMap(({ id, domain, tokens }) =>
    mode === "packed"
      ? [...packer.add(domain, id, tokens)]
      : [documentInstance(domain, id, tokens, { chunkLength, eos, bos: golden.bos ?? undefined })],
  );
  const instances = all.slice(0, golden.instances);
  const tensors = await openSafetensors(join(folder, `scores_${mode}.safetensors`));
  try {
    const faults = [
      ...differ(
        "lengths",
        golden.lengths,
        instances.map(({ tokens }) => tokens.length),
      ),
      ...(golden.instance_domain
        ? differ(
            "sources",
            golden.instance_domain,
            instances.map(({ source }) => source),
          )
        : []),
      ...(await differBatch(tensors, "", instances, golden)),
    ];
    return result(`packing/scored_${mode}`, faults, `${instances.length} instances equal`);
  } finally {
    await tensors.close();
  }
}

async function weightsFolder(name: string, folders: GoldenFolders): Promise<string> {
  const own = join(folders.fixtures, name);
  return (await goldenOrAbsent(join(own, "tokenizer.json"))) === undefined ? join(folders.data, name) : own;
}

type Tensors = Awaited<ReturnType<typeof openSafetensors>>;
type NamedDocument = DocumentGolden & { tokens: Int32Array };

async function documentsOf(
  wanted: DocumentGolden[],
  corpus: string,
  tokenizer: Tokenizer,
  folders: GoldenFolders,
): Promise<NamedDocument[]> {
  const path = join(folders.data, "corpus", `${corpus}.jsonl.gz`);
  const texts = new Map<string, string>(wanted.map(({ id }) => [id, ""]));
  for await (const { id, text } of readDocuments({ path, id: "id", source: "source" }))
    if (texts.has(id)) texts.set(id, text);
  const tokens = await tokenizer.encodeBatch(wanted.map(({ id }) => texts.get(id)!));
  return wanted.map((document, i) => ({ ...document, tokens: tokens[i]! }));
}

function packerFor(
  tokenizer: Tokenizer,
  { eos, bos }: { eos: number; bos: number | null },
  chunkLength: number,
  options: Partial<PackerOptions> & TextEndOptions = {},
): Packer {
  const ends = sentenceEndTokens(tokenizer.decode, tokenizer.vocabSize, eos, options);
  const mayEnd = textEndRule(tokenizer.decode, ends, eos, options);
  return new Packer({ chunkLength, eos, bos: bos ?? undefined, mayEnd, ...options });
}

/** For each instance, the document whose arrival completed it. */
function completedBy(documents: NamedDocument[], packer: Packer): string[] {
  return documents.flatMap(({ id, domain, tokens }) => [...packer.add(domain, id, tokens)].map(() => id));
}

async function raggedOf(tensors: Tensors, prefix: string): Promise<Int32Array[]> {
  const tokens = (await tensors.readTyped(`${prefix}tokens`)) as Int32Array;
  const offsets = Array.from((await tensors.readTyped(`${prefix}offsets`)) as BigInt64Array, Number);
  return offsets.slice(1).map((end, i) => tokens.slice(offsets[i]!, end));
}

function differInstances(wanted: Int32Array[], got: Instance[]): string[] {
  const wrong = wanted.findIndex((tokens, i) => got[i] === undefined || !same(tokens, got[i].tokens));
  if (wrong >= 0) return [`instance ${wrong} ${firstDifference(wanted[wrong]!, got[wrong]?.tokens ?? [])}`];
  return differ("number of instances", wanted.length, got.length);
}

async function differBatch(
  tensors: Tensors,
  prefix: string,
  instances: readonly Instance[],
  { max_length, pad, eos }: { max_length: number; pad: number; eos: number },
): Promise<string[]> {
  const sequences = instances.map(({ tokens }) => tokens);
  const weights = sequences.map((tokens) => Float32Array.from(lossMask(tokens, "miniplm", { eosId: eos, padId: pad })));
  const batch = padTokens(sequences, max_length, { weights, eosId: eos, padId: pad });
  const got = {
    input_ids: batch.ids,
    label: batch.targets,
    attention_mask: batch.visibility!.map((document) => (document < 0 ? 0 : 1)),
    loss_mask: batch.lossWeights,
  };
  const faults: string[] = [];
  for (const [key, values] of Object.entries(got)) {
    const wanted = (await tensors.readTyped(`${prefix}${key}`)) as Int32Array | Uint8Array;
    if (!same(wanted, values)) faults.push(`${key} ${firstDifference(wanted, values)}`);
  }
  return faults;
}

interface StatisticsGolden {
  windows?: number;
  windows_without_a_cut?: number;
  tokens_written?: number;
  single_tokens_dropped?: number;
  documents_cut_off?: number;
  tokens_dropped_with_them?: number;
}

function statisticsOf(golden: StatisticsGolden): PackingStatistics {
  return {
    windows: golden.windows ?? 0,
    windowsWithoutACut: golden.windows_without_a_cut ?? 0,
    tokensWritten: golden.tokens_written ?? 0,
    singleTokensDropped: golden.single_tokens_dropped ?? 0,
    documentsCutOff: golden.documents_cut_off ?? 0,
    tokensDroppedWithThem: golden.tokens_dropped_with_them ?? 0,
  };
}

function withNewline(ids: number[], tokenizer: Tokenizer): number[] {
  return ids.filter((id) => tokenizer.decode([id]).includes("\n")).sort((a, b) => a - b);
}

function without(ids: number[], others: number[]): number[] {
  const drop = new Set(others);
  return ids.filter((id) => !drop.has(id));
}

function differ(what: string, wanted: unknown, got: unknown): string[] {
  const [a, b] = [JSON.stringify(wanted), JSON.stringify(got)];
  return a === b ? [] : [`${what}: wanted ${a.slice(0, 120)}, got ${b.slice(0, 120)}`];
}

function sha256(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

function result(name: string, faults: string[], note: string): CaseResult {
  return {
    name,
    passed: faults.length === 0,
    largestError: faults.length,
    note: faults.length === 0 ? note : faults.join("; "),
  };
}
