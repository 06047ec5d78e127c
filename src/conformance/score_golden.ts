import { join } from "node:path";
import { z } from "zod";
import { readJsonFile } from "../formats/json_file.ts";
import { openSafetensors } from "../formats/safetensors.ts";

const denseHistogram = z
  .object({
    edges: z.array(z.number()),
    counts: z.array(z.number()),
    density: z.array(z.number()),
    cumulative_share: z.array(z.number()),
  })
  .transform(({ edges, counts, density, cumulative_share }) => ({
    expand: (): GoldenHistogram => ({ edges, counts, density, cumulative: cumulative_share }),
  }));
const sparseHistogram = z
  .object({ first_edge: z.number(), last_edge: z.number(), nonzero: z.array(z.tuple([z.number(), z.number()])) })
  .transform(({ first_edge, last_edge, nonzero }) => ({
    expand: (bins: number): GoldenHistogram => {
      const counts = new Array<number>(bins).fill(0);
      for (const [bin, count] of nonzero) counts[bin] = count;
      return { edges: [first_edge, last_edge], counts };
    },
  }));

/** A histogram to be met; edges are all of them, or the first and the last. */
export interface GoldenHistogram {
  edges: number[];
  counts: number[];
  density?: number[];
  cumulative?: number[];
}

const histogramKey = /^histogram_(\d+)$/;
const statisticsSchema = z
  .object({
    n: z.number(),
    min: z.number(),
    max: z.number(),
    mean: z.number(),
    std_population: z.number(),
    quantiles: z.record(z.string(), z.number()),
  })
  .catchall(z.unknown())
  .transform((statistics) => ({
    ...statistics,
    histograms: Object.entries(statistics).flatMap(([key, value]) => {
      const bins = Number(histogramKey.exec(key)?.[1]);
      return Number.isNaN(bins)
        ? []
        : [{ bins, golden: z.union([denseHistogram, sparseHistogram]).parse(value).expand(bins) }];
    }),
  }));
const selectionSchema = z.record(
  z.string(),
  z.object({
    k: z.number(),
    kept: z.array(z.number()),
    score_gap_at_the_cut: z.number().nullable(),
    lowest_kept_score: z.number().nullable(),
  }),
);
const goldenSchema = z.object({
  teacher: z.string(),
  reference: z.string(),
  eos: z.number(),
  pad: z.number(),
  lengths: z.array(z.number()),
  order_best_first: z.array(z.number()),
  selection: selectionSchema,
  selection_by_sum: selectionSchema,
  kept_by_mean_not_by_sum: z.record(z.string(), z.array(z.number())),
  score_statistics: statisticsSchema,
  teacher_statistics: statisticsSchema,
  reference_statistics: statisticsSchema,
  pearson_mean_nll: z.number(),
});

export type GoldenStatistics = z.infer<typeof statisticsSchema>;
export type GoldenSelection = z.infer<typeof selectionSchema>;

/** One scores_*.json with its scores_*.safetensors: N instances, at most L label positions. */
export interface ScoreGolden {
  /** e.g. "selection/scores_packed". */
  name: string;
  settings: z.infer<typeof goldenSchema>;
  /** int[n] of each instance: what a model is to be fed. */
  sequences: Int32Array[];
  /** uint8[n-1] of each instance. */
  lossMasks: Uint8Array[];
  /** float32[n-1] of each instance, in nats. */
  nllTeacher: Float32Array[];
  nllReference: Float32Array[];
  tokenDifference: Float32Array[];
  /** [N], float64. */
  meanTeacher: Float64Array;
  meanReference: Float64Array;
  score: Float64Array;
  scoreSum: Float64Array;
  scoredTokens: number[];
}

/** Reads one golden of scores. Rows are cut back from their padding.
 * @throws HeartcutError or ZodError if the fixture cannot be read */
export async function readScoreGolden(folder: string, name: string): Promise<ScoreGolden> {
  const settings = goldenSchema.parse(await readJsonFile(join(folder, `${name}.json`)));
  const tensors = await openSafetensors(join(folder, `${name}.safetensors`));
  try {
    const width = tensors.tensors.get("input_ids")!.shape[1]!;
    const column = async <T>(tensor: string) => (await tensors.readTyped(tensor)) as T;
    const rows = <T extends Int32Array | Float32Array | Uint8Array>(flat: T) =>
      settings.lengths.map((length, i) => flat.slice(i * width, i * width + Math.min(length - 1, width)) as T);
    const labels = rows(await column<Int32Array>("label"));
    return {
      name: `selection/${name}`,
      settings,
      sequences: rows(await column<Int32Array>("input_ids")).map((input, i) =>
        Int32Array.of(...input, labels[i]!.at(-1)!),
      ),
      lossMasks: rows(await column<Uint8Array>("loss_mask")),
      nllTeacher: rows(await column<Float32Array>("nll_teacher")),
      nllReference: rows(await column<Float32Array>("nll_reference")),
      tokenDifference: rows(await column<Float32Array>("token_difference")),
      meanTeacher: await column<Float64Array>("mean_nll_teacher"),
      meanReference: await column<Float64Array>("mean_nll_reference"),
      score: await column<Float64Array>("score"),
      scoreSum: await column<Float64Array>("score_sum"),
      scoredTokens: Array.from(await column<BigInt64Array>("scored_tokens"), Number),
    };
  } finally {
    await tensors.close();
  }
}

const scoreValue = z
  .union([z.number(), z.enum(["inf", "-inf", "nan"])])
  .transform((x) => (x === "inf" ? Infinity : x === "-inf" ? -Infinity : x === "nan" ? Number.NaN : x));
const casesSchema = z.object({
  keep_counts: z.array(z.tuple([z.number(), z.number(), z.number()])),
  cases: z.array(
    z.object({ scores: z.array(scoreValue), ratio: z.number(), kept: z.array(z.number()), order: z.array(z.number()) }),
  ),
  nan: z.object({
    scores: z.array(scoreValue),
    ratio: z.number(),
    kept_by_torch: z.array(z.number()),
    kept_when_nan_is_dropped: z.array(z.number()).nullable(),
  }),
});

/** Reads selection_cases.json. */
export async function readSelectionCases(folder: string): Promise<z.infer<typeof casesSchema>> {
  return casesSchema.parse(await readJsonFile(join(folder, "selection_cases.json")));
}
