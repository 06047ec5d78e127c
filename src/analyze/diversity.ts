import type { InstanceReader } from "../corpus/record.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { centredUnitVectors, type Embedder } from "./embedding.ts";
import { kernelSpectrum, logDeterminant, type SparseVector, vendiScore } from "./kernel.ts";
import { compressionRatio, distinctShares } from "./lexical.ts";
import type { DiversityFigure } from "./record.ts";
import { tfIdfVector } from "./tf_idf.ts";

/** What a measure is, without its values. */
export type MeasureName = Pick<DiversityFigure, "measure" | "unit" | "higherIsMoreDiverse" | "sample">;

/** Measures that are taken on samples of one size, whichever instances they come from. */
export interface DiversityMeasures {
  readonly names: readonly MeasureName[];
  /** One value a name. @param order - instances in a random order, of which the first are taken */
  of(order: Int32Array): number[];
}

/** What the measures read. */
export interface DiversityInput {
  reader: InstanceReader;
  tokenizer: Pick<Tokenizer, "decode" | "vocabSize">;
  /** Size of the samples: tokens of those that count words, instances of those that compare instances. */
  sample: { tokens: number; instances: number };
  /** From inverseDocumentFrequency, of the whole corpus. */
  idf: Float64Array;
  /** Vector of each instance that a sample may take, where a model embeds them. */
  embedded?: ReadonlyMap<number, SparseVector> | undefined;
}

/** Distinct n-grams, compression, and the Vendi score and log-determinant of TF-IDF vectors and, where given, of embeddings. */
export function diversityMeasures({ reader, tokenizer, sample, idf, embedded }: DiversityInput): DiversityMeasures {
  const text = { size: sample.tokens, of: "tokens" } as const;
  const compared = { size: sample.instances, of: "instances" } as const;
  const kernels: [string, (instance: number) => SparseVector][] = [
    ["tf_idf", (instance) => tfIdfVector(reader.read(instance), idf)],
    ...(embedded === undefined
      ? []
      : [["embedding", (i: number) => embedded.get(i)!] as [string, (i: number) => SparseVector]]),
  ];
  return {
    names: [
      ...[1, 2, 3].map((n) => named(`distinct_${n}`, "share of n-grams", true, text)),
      named("compression_ratio", "bytes per gzip byte", false, text),
      ...kernels.flatMap(([kernel]) => [
        named(`vendi_${kernel}`, "effective instances", true, compared),
        named(`log_determinant_${kernel}`, "nats per instance", true, compared),
      ]),
    ],
    of(order) {
      const sequences = firstTokens(reader, order, sample.tokens);
      const texts = sequences.map((tokens) => tokenizer.decode(tokens));
      const instances = order.subarray(0, sample.instances);
      return [
        ...distinctShares(sequences, tokenizer.vocabSize),
        compressionRatio(texts),
        ...kernels.flatMap(([, vectorOf]) => {
          const spectrum = kernelSpectrum(Array.from(instances, vectorOf));
          return [vendiScore(spectrum), logDeterminant(spectrum)];
        }),
      ];
    },
  };
}

function named(
  measure: string,
  unit: string,
  higherIsMoreDiverse: boolean,
  sample: DiversityFigure["sample"],
): MeasureName {
  return { measure, unit, higherIsMoreDiverse, sample };
}

/** Instances from the front of an order until they hold so many tokens, the last one cut. */
function firstTokens(reader: InstanceReader, order: Int32Array, count: number): Int32Array[] {
  const taken: Int32Array[] = [];
  let left = count;
  for (let at = 0; at < order.length && left > 0; at++) {
    const tokens = reader.read(order[at]!).subarray(0, left);
    taken.push(tokens);
    left -= tokens.length;
  }
  return taken;
}

/** Instances embedded at once, between two looks at the signal. */
const EMBEDDED_AT_ONCE = 256;

/**
 * Embeds the instances that samples will take, around the mean of those of the whole corpus.
 * @param corpus - instances of the random samples, which the mean is taken over   @param kept - those of the selection's
 */
export async function embedSamples(
  reader: InstanceReader,
  embedder: Embedder,
  { corpus, kept }: { corpus: Iterable<number>; kept: Iterable<number> },
  context: StageContext,
): Promise<Map<number, SparseVector>> {
  const ofCorpus = new Set(corpus);
  const wanted = [...new Set([...ofCorpus, ...kept])].sort((a, b) => a - b);
  const embeddings: Float32Array[] = [];
  for (let start = 0; start < wanted.length; start += EMBEDDED_AT_ONCE) {
    await checkpointSignal(context);
    const some = wanted.slice(start, start + EMBEDDED_AT_ONCE);
    embeddings.push(...(await embedder.embed(some.map((i) => reader.read(i)))));
    context.report({
      type: "progress",
      stage: context.stage,
      done: embeddings.length,
      total: wanted.length,
      unit: "embeddings",
    });
  }
  const mean = new Float64Array(embeddings[0]?.length ?? 0);
  for (const [at, i] of wanted.entries())
    if (ofCorpus.has(i)) for (let d = 0; d < mean.length; d++) mean[d]! += embeddings[at]![d]! / ofCorpus.size;
  const vectors = centredUnitVectors(embeddings, mean);
  return new Map(wanted.map((i, at) => [i, vectors[at]!]));
}
