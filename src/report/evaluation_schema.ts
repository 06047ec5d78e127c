import { z } from "zod";
import type { SelectionAnalysis } from "../analyze/record.ts";
import type { ScalingEvaluation } from "../evaluate/scaling/record.ts";

/** What the report expects of the records of tasks, scaling laws and the corpus analysis; as in schema.ts, unknown keys are left alone. */

const count = z.number().nonnegative();
const share = z.number().min(0).max(1);
const interval = z.tuple([z.number(), z.number()]);

const measured = { flops: count.optional(), parameters: count.optional(), tokens: count.optional() };
const scalingFit = z.object({
  law: z.enum(["compute", "size_and_data"]),
  constants: z.array(z.object({ name: z.string(), value: z.number(), interval: interval.nullable() })),
  points: count,
  curves: count.nullable(),
  leftOut: count,
  from: count,
  logRmse: count,
  huberDelta: count,
  objective: count,
  resamples: count,
  resampled: z.enum(["points", "groups", "residuals"]),
  band: z.array(
    z.object({
      flops: z.number().positive(),
      loss: z.number(),
      low: z.number(),
      high: z.number(),
      measured: z.boolean(),
    }),
  ),
  warnings: z.array(z.string()),
});

/** scaling.json. */
export const scalingEvaluation = z.object({
  fits: z.array(
    z.object({
      student: z.string(),
      set: z.string(),
      fit: scalingFit,
      points: z.array(z.object({ ...measured, loss: z.number(), group: z.string().optional() })),
      extrapolations: z.array(
        z.object({ ...measured, loss: z.number(), interval: interval.nullable(), beyond: count }),
      ),
    }),
  ),
  skipped: z.array(z.object({ student: z.string(), set: z.string(), why: z.string() })),
  computeSaved: z.array(
    z.object({
      set: z.string(),
      better: z.string(),
      other: z.string(),
      by: z.enum(["curves", "fits"]),
      targetLoss: z.number(),
      flops: z.object({ better: count, other: count }),
      saved: z.number(),
      bound: z.literal(true).optional(),
      interval: interval.nullable(),
      reached: count,
      resamples: count,
      resampled: z.enum(["seeds", "fits"]).nullable(),
    }),
  ),
  notCompared: z
    .array(
      z.object({
        set: z.string(),
        first: z.string(),
        second: z.string(),
        by: z.enum(["curves", "fits"]),
        flops: count.optional(),
        why: z.string(),
      }),
    )
    .optional(),
}) satisfies z.ZodType<ScalingEvaluation>;

const shift = z.object({ all: z.number(), kept: z.number().nullable(), dropped: z.number().nullable() });
const pairs = z.object({ keptKept: count, droppedDropped: count, mixed: count });

/** analysis.json of one selection. */
export const selectionAnalysis = z.object({
  selection: z.string(),
  instances: z.object({ all: count, kept: count }),
  tokens: z.object({ all: count, kept: count }),
  draws: count,
  seed: z.number(),
  diversity: z.array(
    z.object({
      measure: z.string(),
      unit: z.string(),
      higherIsMoreDiverse: z.boolean(),
      all: z.number(),
      kept: z.number(),
      random: interval,
      sample: z.object({ size: count, of: z.enum(["instances", "tokens"]) }),
    }),
  ),
  domains: z.object({
    jensenShannonBits: count,
    totalVariation: count,
    random: z.object({ jensenShannonBits: interval, totalVariation: interval }),
    bySource: z.array(z.object({ source: z.string(), shareAll: share, shareKept: share })),
  }),
  lengths: z.object({ mean: shift, median: shift, ks: share.nullable() }),
  duplicates: z.object({
    threshold: share,
    shingle: count,
    share: shift,
    random: interval,
    keptWithDropped: share,
    pairs,
    pairsByChance: pairs,
  }),
}) satisfies z.ZodType<SelectionAnalysis>;
