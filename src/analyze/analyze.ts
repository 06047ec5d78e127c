import { createHash } from "node:crypto";
import { join } from "node:path";
import { openInstances } from "../corpus/instances.ts";
import type { InstanceReader } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { openManifest } from "../formats/manifest.ts";
import { readParquetColumns } from "../formats/parquet.ts";
import { publishJson, sha256File } from "../formats/publish.ts";
import { isCurrent } from "../formats/stage_folder.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { moments } from "../statistics.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { contentOf } from "./content.ts";
import { ANALYSIS_DEFAULTS } from "./defaults.ts";
import { type DiversityMeasures, diversityMeasures, embedSamples } from "./diversity.ts";
import { byChance, drawnOrder, keptOrder } from "./draws.ts";
import { DuplicateGraph } from "./duplicate_counts.ts";
import type { Embedder } from "./embedding.ts";
import type { NearDuplicates } from "./near_duplicates.ts";
import type { SelectionAnalysis } from "./record.ts";
import { jensenShannonBits, lengthShift, type Measured, tokenShares, totalVariation } from "./shift.ts";
import { inverseDocumentFrequency } from "./tf_idf.ts";

/** Part of the fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "analysis-2";
/** The one file of the stage's folder. */
export const ANALYSIS_NAME = "analysis.json";

/** One selection, as its analysis reads it. */
export interface AnalyzeInput {
  name: string;
  /** Folder of the instances that were selected from, and selection.parquet. */
  instances: string;
  selection: string;
  tokenizer: Pick<Tokenizer, "decode" | "vocabSize" | "fingerprint">;
  /** From findNearDuplicates over these instances. */
  duplicates: NearDuplicates;
  /** Where analysis.json goes. */
  folder: string;
  /** Also measures diversity of this model's embeddings. */
  embedder?: Embedder | undefined;
  /** Random selections behind each range, and sizes of the samples that diversity is measured on. Default ANALYSIS_DEFAULTS. */
  draws?: number | undefined;
  sampleTokens?: number | undefined;
  sampleInstances?: number | undefined;
  seed: number;
}

/**
 * Says what a selection did to its corpus, each figure beside what random selections of as many instances give, and publishes it
 * as analysis.json; the file that an earlier call of the same input left is given back as it is, and that of another input stays
 * until this one is whole.
 * @throws HeartcutError HC3602 for a selection of other instances, HC3603 for a number out of range, HC3604 if nothing was kept
 */
export async function analyzeSelection(input: AnalyzeInput, context: StageContext): Promise<SelectionAnalysis> {
  const settings = { ...input, ...sizesOf(input) };
  const fingerprint = await fingerprintOf(settings);
  const path = join(input.folder, ANALYSIS_NAME);
  const manifest = await openManifest(input.folder);
  if (await isCurrent(manifest, ANALYSIS_NAME, fingerprint))
    return (await readJsonFile(path, { wholeNumbers: "rounded" })) as unknown as SelectionAnalysis;
  const reader = await openInstances(input.instances);
  try {
    const analysis = await analyze(settings, reader, context);
    await manifest.commit({ name: ANALYSIS_NAME, ...(await publishJson(path, analysis)), fingerprint });
    return analysis;
  } finally {
    reader.close();
  }
}

type Settings = AnalyzeInput & ReturnType<typeof sizesOf>;

async function analyze(input: Settings, reader: InstanceReader, context: StageContext): Promise<SelectionAnalysis> {
  const { kept, dropped, isKept } = await readKept(input, reader);
  const measured = measure(await reader.rows());
  const order = keptOrder(kept, input.seed);
  const graph = new DuplicateGraph(input.duplicates);
  const diversity = await prepareDiversity(input, reader, order, context);
  const shareAll = tokenShares(measured);
  /** All figures that have a range by chance. */
  const figuresOf = (chosen: Int32Array, ordered: Int32Array) => {
    const shares = tokenShares(measured, chosen);
    return {
      diversity: diversity.of(ordered),
      jensenShannonBits: jensenShannonBits(shares, shareAll),
      totalVariation: totalVariation(shares, shareAll),
      duplicates: graph.shareWithin(chosen),
    };
  };
  const actual = figuresOf(kept, order);
  const random: (typeof actual)[] = [];
  for (let draw = 0; draw < input.draws; draw++) {
    await checkpointSignal(context);
    const drawn = drawnOrder(reader.length, input.seed, draw);
    random.push(figuresOf(drawn.subarray(0, kept.length), drawn));
    context.report({
      type: "progress",
      stage: context.stage,
      done: draw + 1,
      total: input.draws,
      unit: "random selections",
    });
  }
  const shareKept = tokenShares(measured, kept);
  const { threshold, shingle } = input.duplicates.summary;
  return {
    selection: input.name,
    instances: { all: reader.length, kept: kept.length },
    tokens: { all: reader.totalTokens, kept: kept.reduce((sum, i) => sum + reader.size(i), 0) },
    draws: input.draws,
    seed: input.seed,
    diversity: diversity.names.map((name, at) => {
      const values = random.map((figures) => figures.diversity[at]!);
      return { ...name, all: moments(values).mean, kept: actual.diversity[at]!, random: byChance(values) };
    }),
    domains: {
      jensenShannonBits: actual.jensenShannonBits,
      totalVariation: actual.totalVariation,
      random: {
        jensenShannonBits: byChance(random.map((figures) => figures.jensenShannonBits)),
        totalVariation: byChance(random.map((figures) => figures.totalVariation)),
      },
      bySource: measured.sources.map((source, s) => ({ source, shareAll: shareAll[s]!, shareKept: shareKept[s]! })),
    },
    lengths: lengthShift(measured.tokens, isKept),
    duplicates: {
      threshold,
      shingle,
      ...graph.figures(kept, dropped),
      random: byChance(random.map((figures) => figures.duplicates)),
    },
  };
}

/** The measures on samples no larger than the kept part, with what they read of the whole corpus. */
async function prepareDiversity(
  input: Settings,
  reader: InstanceReader,
  order: Int32Array,
  context: StageContext,
): Promise<DiversityMeasures> {
  const keptTokens = order.reduce((sum, i) => sum + reader.size(i), 0);
  const sample = {
    tokens: Math.min(input.sampleTokens, keptTokens),
    instances: Math.min(input.sampleInstances, order.length),
  };
  const idf = await inverseDocumentFrequency(reader, input.tokenizer.vocabSize, context);
  const { embedder, draws, seed } = input;
  if (embedder === undefined) return diversityMeasures({ reader, tokenizer: input.tokenizer, sample, idf });
  const corpus = new Set<number>();
  for (let draw = 0; draw < draws; draw++)
    for (const i of drawnOrder(reader.length, seed, draw).subarray(0, sample.instances)) corpus.add(i);
  const kept = order.subarray(0, sample.instances);
  const embedded = await embedSamples(reader, embedder, { corpus, kept }, context);
  return diversityMeasures({ reader, tokenizer: input.tokenizer, sample, idf, embedded });
}

async function readKept({ name, selection, duplicates }: Settings, reader: InstanceReader) {
  const { instance: kept, tokens } = await readParquetColumns(selection, { instance: "int32", tokens: "int32" });
  const wrong = kept.findIndex(
    (i, at) => i >= reader.length || i <= (kept[at - 1] ?? -1) || reader.size(i) !== tokens[at],
  );
  if (wrong >= 0 || duplicates.representative.length !== reader.length)
    throw new HeartcutError("HC3602", {
      what: "the selection is of other instances",
      where: `${selection} and ${reader.folder}`,
      found:
        wrong < 0
          ? `near-duplicates of ${duplicates.representative.length} instances, ${reader.length} here`
          : `row ${wrong}: instance ${kept[wrong]} of ${tokens[wrong]} tokens`,
      fix: "give the instances that the selection was made from",
    });
  if (kept.length === 0)
    throw new HeartcutError("HC3604", {
      what: "the selection keeps nothing",
      where: `selection ${name}`,
      fix: "select again",
    });
  const isKept = new Uint8Array(reader.length);
  for (const i of kept) isKept[i] = 1;
  const dropped = Int32Array.from(isKept.keys()).filter((i) => isKept[i] === 0);
  return { kept, dropped, isKept };
}

function measure(rows: readonly { source: string; tokens: number }[]): Measured {
  const sources = [...new Set(rows.map((row) => row.source))].sort();
  const numbers = new Map(sources.map((source, at) => [source, at]));
  return {
    sources,
    sourceOf: Int32Array.from(rows, (row) => numbers.get(row.source)!),
    tokens: Int32Array.from(rows, (row) => row.tokens),
  };
}

function sizesOf(input: AnalyzeInput) {
  const sizes = {
    draws: input.draws ?? ANALYSIS_DEFAULTS.draws,
    sampleTokens: input.sampleTokens ?? ANALYSIS_DEFAULTS.sampleTokens,
    sampleInstances: input.sampleInstances ?? ANALYSIS_DEFAULTS.sampleInstances,
  };
  // Two draws have no 95 % range, and the eigenvalues of a kernel take the cube of its instances.
  const limits = { draws: [20, 100_000], sampleTokens: [1, 100_000_000], sampleInstances: [2, 2_000] } as const;
  for (const [key, [least, most]] of Object.entries(limits) as [keyof typeof sizes, readonly [number, number]][])
    if (!Number.isInteger(sizes[key]) || sizes[key] < least || sizes[key] > most)
      throw new HeartcutError("HC3603", {
        what: "an option of the analysis is out of range",
        found: `${key} = ${sizes[key]}`,
        expected: `a whole number from ${least} to ${most}`,
      });
  return sizes;
}

async function fingerprintOf(input: Settings): Promise<string> {
  const { name, instances, selection, tokenizer, duplicates, embedder, draws, sampleTokens, sampleInstances, seed } =
    input;
  const content = [await contentOf(instances), (await sha256File(selection)).sha256, tokenizer.fingerprint];
  const settings = { name, draws, sampleTokens, sampleInstances, seed, embedder: embedder?.fingerprint };
  return createHash("sha256")
    .update(JSON.stringify([CODE_VERSION, content, duplicates.summary, settings]))
    .digest("hex");
}
