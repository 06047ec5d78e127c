import { createHash } from "node:crypto";
import { join } from "node:path";
import { openInstances, writeInstances } from "../corpus/instances.ts";
import type { Instance, InstanceReader } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import { publishJsonl } from "../formats/jsonl.ts";
import { openManifest } from "../formats/manifest.ts";
import { writeParquet } from "../formats/parquet.ts";
import { type Published, publishJson, sha256File } from "../formats/publish.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { readScores } from "../score/files.ts";
import type { ScoreRow } from "../score/record.ts";
import { pearson } from "../statistics.ts";
import { checkSettings, chooseInstances, type SelectionSettings } from "./choose.ts";
import { rankDescending } from "./difference_sampling.ts";
import type { SelectionSummary } from "./record.ts";
import { scoreStatistics } from "./statistics.ts";
import { PAPER_STRATA, strata } from "./strata.ts";
import { summarize } from "./summary.ts";
import { type Decoder, documentTexts } from "./text.ts";

/** Part of the fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "select-1";

/** Input of the selection stage. */
export interface SelectInput extends SelectionSettings {
  /** scores.parquet, and the instances it scores. */
  scores: string;
  instances: string;
  tokenizer: Decoder;
  folder: string;
  /** Instances per .bin/.idx shard of the refined corpus; default as writeInstances. */
  shardInstances?: number | undefined;
}

/** What the stage left: its summary, and the folder of refined instances a student trains on. */
export interface SelectResult {
  summary: SelectionSummary;
  instances: string;
}

/**
 * Chooses instances and writes selection.parquet, selection.json, statistics.json (the difference; statistics_teacher.json and
 * statistics_reference.json likewise), strata.jsonl, refined/ (instances in corpus order) and refined.jsonl (their documents as text).
 * @throws HeartcutError HC3101-HC3104 as keepHighest, HC3105 for settings that exclude each other, HC3107 if nothing is kept,
 *   HC3108 if the scores are of other instances
 */
export async function selectInstances(input: SelectInput, context: StageContext): Promise<SelectResult> {
  checkSettings(input);
  const rows = await readScores(input.scores);
  const reader = await openInstances(input.instances);
  try {
    checkRows(rows, reader, input);
    const lengths = rows.map((_, i) => reader.size(i));
    const chosen = chooseInstances(rows, lengths, input);
    if (chosen.instances.length === 0) throw nothingKept(input, rows.length);
    const kept = new Uint8Array(rows.length);
    for (const i of chosen.instances) kept[i] = 1;
    const eligible = Uint8Array.from(rows, (r) => Number(r.tokens > 0 && Number.isFinite(r.difference)));
    const summary = summarize({ ...input, rows, lengths, eligible, kept, ranked: chosen.ranked });
    await checkpointSignal(context);
    await writeOutputs(input, { rows, lengths, eligible, kept: chosen.instances, summary }, reader, context);
    return { summary, instances: join(input.folder, "refined") };
  } finally {
    reader.close();
  }
}

interface Chosen {
  rows: readonly ScoreRow[];
  lengths: ArrayLike<number>;
  eligible: Uint8Array;
  kept: Int32Array;
  summary: SelectionSummary;
}

async function writeOutputs(
  input: SelectInput,
  chosen: Chosen,
  reader: InstanceReader,
  context: StageContext,
): Promise<void> {
  const { folder, tokenizer } = input;
  const manifest = await openManifest(folder);
  const fingerprint = await fingerprintOf(input);
  const commit = async (name: string, published: Published, counts: { rows?: number; tokens?: number } = {}) => {
    await manifest.commit({ name, bytes: published.bytes, sha256: published.sha256, ...counts, fingerprint });
    await checkpointSignal(context);
  };
  const keptRows = Array.from(chosen.kept, (i) => chosen.rows[i]!);
  await commit("selection.parquet", await writeSelection(join(folder, "selection.parquet"), keptRows, chosen), {
    rows: keptRows.length,
  });
  for (const [name, statistics] of distributions(chosen, input.bins)) {
    await commit(name, await publishJson(join(folder, name), statistics));
  }
  await commit("strata.jsonl", await publishJsonl(join(folder, "strata.jsonl"), strataLines(input, chosen, reader)));
  const refinedFolder = await writeInstances(join(folder, "refined"), refined(keptRows, reader), {
    vocabSize: tokenizer.vocabSize,
    ...(input.shardInstances === undefined ? {} : { shardInstances: input.shardInstances }),
  });
  await commit("refined", refinedFolder, { rows: refinedFolder.instances, tokens: refinedFolder.tokens });
  await commit(
    "refined.jsonl",
    await publishJsonl(join(folder, "refined.jsonl"), refinedText(keptRows, reader, tokenizer)),
  );
  await commit("selection.json", await publishJson(join(folder, "selection.json"), chosen.summary), {
    rows: keptRows.length,
    tokens: chosen.summary.tokens.kept,
  });
}

async function writeSelection(path: string, kept: readonly ScoreRow[], { lengths }: Chosen): Promise<Published> {
  return writeParquet(path, [
    { name: "instance", type: "int32", data: kept.map((r) => r.instance) },
    { name: "tokens", type: "int32", data: kept.map((r) => lengths[r.instance]!) },
    { name: "source", type: "string", data: kept.map((r) => r.source) },
    { name: "nll_teacher", type: "double", data: kept.map((r) => r.nll_teacher) },
    { name: "nll_reference", type: "double", data: kept.map((r) => r.nll_reference) },
    { name: "difference", type: "double", data: kept.map((r) => r.difference) },
  ]);
}

function distributions({ rows, eligible }: Chosen, bins: number | undefined) {
  const scored = rows.filter((_, i) => eligible[i] === 1);
  if (scored.length === 0) return [];
  const options = bins === undefined ? {} : { bins };
  const teacher = scored.map((r) => r.nll_teacher);
  const reference = scored.map((r) => r.nll_reference);
  const difference = scored.map((r) => r.difference);
  const correlation = pearson(teacher, reference);
  const withCorrelation = correlation === undefined ? {} : { correlation };
  return [
    ["statistics.json", { ...scoreStatistics("difference", difference, options), ...withCorrelation }],
    ["statistics_teacher.json", { ...scoreStatistics("nll_teacher", teacher, options), ...withCorrelation }],
    ["statistics_reference.json", { ...scoreStatistics("nll_reference", reference, options), ...withCorrelation }],
  ] as const;
}

function* strataLines(input: SelectInput, { rows, eligible }: Chosen, reader: InstanceReader) {
  const order = rankDescending({ scores: rows.map((r) => r.difference), tokens: [], eligible });
  for (const { name, instances } of strata(order, { ...(input.strata ?? PAPER_STRATA), seed: input.seed })) {
    for (const instance of instances) {
      const { tokens: _, ...row } = rows[instance]!;
      yield { stratum: name, ...row, text: input.tokenizer.decode(reader.read(instance)) };
    }
  }
}

function* refined(kept: readonly ScoreRow[], reader: InstanceReader): Generator<Instance> {
  for (const { instance, source, first_document, last_document } of kept) {
    yield { tokens: reader.read(instance), source, firstDocument: first_document, lastDocument: last_document };
  }
}

function* refinedText(kept: readonly ScoreRow[], reader: InstanceReader, tokenizer: Decoder) {
  for (const { instance, source } of kept) {
    for (const [part, text] of documentTexts(reader.read(instance), tokenizer).entries())
      yield { id: `${instance}/${part}`, source, text };
  }
}

async function fingerprintOf(input: SelectInput): Promise<string> {
  const { name, method, budget, perSource, perplexityModel, nan, seed, bins, strata: groups, shardInstances } = input;
  const scores = (await sha256File(input.scores)).sha256;
  const settings = { name, method, budget, perSource, perplexityModel, nan, seed, bins, groups, shardInstances };
  return createHash("sha256")
    .update(JSON.stringify([CODE_VERSION, scores, input.tokenizer.fingerprint, settings]))
    .digest("hex");
}

function checkRows(rows: readonly ScoreRow[], reader: InstanceReader, input: SelectInput): void {
  const at = rows.findIndex((row, i) => row.instance !== i);
  if (rows.length === reader.length && at < 0) return;
  throw new HeartcutError("HC3108", {
    what: "the scores are of other instances",
    where: `${input.scores} and ${input.instances}`,
    found: at < 0 ? `${rows.length} scores` : `instance ${rows[at]!.instance} in row ${at}`,
    expected: `one row for each of the ${reader.length} instances, in their order`,
    fix: "join the scores of these instances again",
  });
}

function nothingKept(input: SelectInput, total: number): HeartcutError {
  return new HeartcutError("HC3107", {
    what: "the selection keeps nothing",
    where: `selection ${input.name}`,
    found: `${JSON.stringify(input.budget ?? {})} of ${total} instances`,
    why: "a student cannot train on an empty corpus",
    fix: "keep more (a higher ratio or token budget, a lower threshold), or pack more text",
  });
}
