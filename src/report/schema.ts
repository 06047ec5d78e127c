import { z } from "zod";
import type { Evaluation } from "../evaluate/record.ts";
import type { RunSummary, StudentPlan } from "../run/record.ts";
import type { Example } from "../score/record.ts";
import type { ScoreStatistics, SelectionSummary } from "../select/record.ts";
import type { MetricsLine, TrainingSummary } from "../train/record.ts";
import type { TeacherText } from "./record.ts";

/**
 * What the report expects of the records it reads. Each schema is checked against the record's type by the compiler;
 * keys it does not know are left alone, so that a record may grow.
 */

const count = z.number().nonnegative();
const interval = z.tuple([z.number(), z.number()]);

const studentPlan = z.object({
  family: z.string(),
  method: z.string(),
  loss: z.string(),
  text: z.enum(["selection", "teacher"]),
  records: z.array(z.string()),
  readsAlong: z.boolean(),
  tokenizer: z.string().optional(),
  baseline: z.string().optional(),
  flopsOf: z.string().optional(),
}) satisfies z.ZodType<StudentPlan>;

/** run.json. */
export const runSummary = z.object({
  name: z.string(),
  heartcutVersion: z.string(),
  recipe: z.string(),
  seed: z.number(),
  environment: z.array(z.object({ name: z.string(), value: z.string() })),
  provenance: z.array(
    z.object({
      role: z.enum(["teacher", "reference"]),
      model: z.string(),
      sentence: z.string(),
      parameters: count.optional(),
    }),
  ),
  corpus: z.object({
    documents: count,
    bytes: count,
    sources: count,
    tokens: count,
    instances: count,
    heldOutDocuments: count,
  }),
  stages: z.array(
    z.object({
      stage: z.string(),
      seconds: count,
      reused: z.boolean(),
      files: z.array(z.object({ name: z.string(), bytes: count, sha256: z.string() })),
      flops: count.optional(),
    }),
  ),
  students: z.array(
    z.object({
      name: z.string(),
      seed: z.number(),
      folder: z.string(),
      selection: z.string(),
      plan: studentPlan.optional(),
    }),
  ),
}) satisfies z.ZodType<RunSummary>;

/** training.json. */
export const trainingSummary = z.object({
  model: z.string(),
  parameters: count,
  nonEmbeddingParameters: count,
  steps: count,
  tokens: count,
  flops: count,
  data: z.string(),
  seed: z.number(),
  finalLoss: z.number(),
  fingerprint: z.string(),
  weights: z.array(z.object({ name: z.string(), bytes: count, sha256: z.string() })),
}) satisfies z.ZodType<TrainingSummary>;

/** A line of metrics.jsonl. */
export const metricsLine = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("train"),
    step: count,
    tokens: count,
    flops: count,
    loss: z.number(),
    losses: z
      .object({
        lm: z.number(),
        kd: z.number().optional(),
        teacher_entropy: z.number().optional(),
        kl: z.number().optional(),
        hidden: z.number().optional(),
        attention: z.number().optional(),
      })
      .optional(),
    learning_rate: z.number(),
    grad_norm: z.number(),
  }),
  z.object({ type: z.literal("eval"), step: count, tokens: count, flops: count, set: z.string(), loss: z.number() }),
  z.object({
    type: z.literal("task"),
    step: count,
    tokens: count,
    flops: count,
    task: z.string(),
    metric: z.string(),
    value: z.number(),
    items: count,
  }),
]) satisfies z.ZodType<MetricsLine>;

/** selection.json. */
export const selectionSummary = z.object({
  name: z.string(),
  method: z.enum(["difference", "random", "lowest_perplexity", "highest_perplexity", "all"]),
  ratio: z.number().optional(),
  threshold: z.object({ lastKept: z.number(), firstDropped: z.number() }).optional(),
  instances: z.object({ kept: count, total: count }),
  tokens: z.object({ kept: count, total: count }),
  bySource: z.array(
    z.object({
      source: z.string(),
      kept: count,
      total: count,
      keptTokens: count,
      totalTokens: count,
      meanDifference: z.number(),
    }),
  ),
  meanDifference: z.object({ kept: z.number(), dropped: z.number(), all: z.number() }),
  audit: z.array(z.object({ name: z.string(), value: z.number(), note: z.string() })),
}) satisfies z.ZodType<SelectionSummary>;

/** statistics.json. */
export const scoreStatistics = z.object({
  score: z.string(),
  count: count,
  min: z.number(),
  max: z.number(),
  mean: z.number(),
  std: z.number(),
  quantiles: z.record(z.string(), z.number()),
  histogram: z
    .object({
      edges: z.array(z.number()),
      counts: z.array(count),
      density: z.array(z.number()),
      cumulative: z.array(z.number()),
    })
    .refine((h) => h.edges.length === h.counts.length + 1, "edges must have one more entry than counts"),
  correlation: z.number().optional(),
}) satisfies z.ZodType<ScoreStatistics>;

const spent = z.object({ flops: count, tokens: count });

/** evaluation.json, as far as the report reads it. */
export const evaluation = z.object({
  losses: z.array(
    z.object({
      model: z.string(),
      set: z.string(),
      loss: z.number(),
      interval,
      instances: count,
      tokens: count,
      bySource: z.array(z.object({ source: z.string(), loss: z.number(), instances: count })),
      perInstance: z.array(z.number()),
      bitsPerByte: z.object({ loss: z.number(), interval, bytes: count }).optional(),
    }),
  ),
  comparisons: z.array(
    z.object({
      set: z.string(),
      a: z.string(),
      b: z.string(),
      difference: z.number(),
      interval,
      aBetter: z.number(),
      unit: z.literal("bits_per_byte").optional(),
    }),
  ),
  computeSaved: z.array(
    z.object({
      set: z.string(),
      better: z.string(),
      other: z.string(),
      targetLoss: z.number(),
      spent: z.object({ better: spent, other: spent }),
      savedFlops: z.number(),
      savedTokens: z.number(),
      seeds: z.object({ better: count, other: count }),
      statement: z.string(),
      bound: z.literal(true).optional(),
    }),
  ),
}) satisfies z.ZodType<Evaluation>;

/** sequences.json, as far as the report reads it. */
export const teacherText = z.object({
  promptTokens: count,
  temperature: count,
  instances: count,
  tokens: count,
  generatedTokens: count,
}) satisfies z.ZodType<TeacherText>;

/** scores.json, which stands only beside scores that compare models of different tokenizers. */
export const scoreUnit = z.object({ unit: z.literal("bits_per_byte") });

/** A line of examples.jsonl. */
export const example = z
  .object({
    instance: count,
    source: z.string(),
    first_document: z.string(),
    stratum: z.enum(["top", "bottom", "borderline"]),
    selection: z.string(),
    kept: z.boolean(),
    difference: z.number(),
    nll_teacher: z.number(),
    nll_reference: z.number(),
    pieces: z.array(z.string()),
    token_nll_teacher: z.array(z.number().nullable()),
    token_nll_reference: z.array(z.number().nullable()),
  })
  .refine(
    (e) => e.token_nll_teacher.length === e.pieces.length && e.token_nll_reference.length === e.pieces.length,
    "pieces and per-token NLLs must have the same length",
  ) satisfies z.ZodType<Example>;
