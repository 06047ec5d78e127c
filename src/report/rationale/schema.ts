import { z } from "zod";
import type { AttributionRow } from "../../attribute/record.ts";
import type { RationaleRow } from "../../rationale/record.ts";
import type { TaskExample } from "../../tasks/record.ts";
import type { FineTuneLine } from "../../train/record.ts";
import * as common from "../schema.ts";
import type { FineTuningFacts, RationaleRunSummary } from "./record.ts";

export { attributionSummarySchema as attributionSummary } from "../../attribute/files.ts";
export { rationaleEvaluationSchema as evaluation } from "../../evaluate/rationale_files.ts";
export { rationaleSummarySchema as rationaleSummary } from "../../rationale/files.ts";
export { predictionSchema as prediction, taskSummarySchema as taskSummary } from "../../tasks/files.ts";

/**
 * What the report expects of the records of token rationales. Summaries are as their stages read them, above; rows, which
 * stages trust by their hash, are checked here, against their types like the records of ../schema.ts.
 */

const count = z.number().nonnegative();
const span = z
  .tuple([z.int().nonnegative(), z.int().nonnegative()])
  .refine(([start, end]) => start <= end, "a span must not end before it starts");
const share = z.number();

/** run.json. */
export const runSummary = common.runSummary
  .pick({ name: true, heartcutVersion: true, recipe: true, seed: true, environment: true, stages: true })
  .extend({
    method: z.literal("rationale"),
    task: z.object({ name: z.string(), description: z.string() }),
    provenance: z.array(
      z.object({ role: z.enum(["teacher", "student"]), model: z.string(), sentence: z.string(), parameters: count }),
    ),
    attributions: z.array(z.object({ name: z.string() })),
    rationales: z.array(z.object({ name: z.string(), attribution: z.string().exactOptional() })),
    students: z.array(
      z.object({
        name: z.string(),
        seed: z.number(),
        folder: z.string(),
        method: z.string(),
        rationale: z.string().exactOptional(),
      }),
    ),
  }) satisfies z.ZodType<RationaleRunSummary>;

/** A line of task/<split>.jsonl. */
export const taskExample = z
  .object({
    id: z.string(),
    input: z.string(),
    target: z.string(),
    choices: z.array(z.string()).exactOptional(),
    spans: z.object({
      scaffolding: z.array(span),
      choices: z.array(span).exactOptional(),
      question: span.exactOptional(),
    }),
    rationales: z.object({
      llm: z.object({ text: z.string(), answer: z.string().exactOptional() }).exactOptional(),
      human: z.object({ text: z.string().exactOptional(), spans: z.array(span).exactOptional() }).exactOptional(),
    }),
  })
  .refine(
    ({ input, spans, rationales }) =>
      [...(spans.choices ?? []), ...(rationales.human?.spans ?? [])].every(([, end]) => end <= input.length),
    "a span reaches beyond the input",
  ) satisfies z.ZodType<TaskExample>;

/** A line of attribute/<name>/<split>.jsonl. */
export const attributionRow = z
  .object({
    id: z.string(),
    target: z.string(),
    prediction: z.string().exactOptional(),
    correct: z.boolean().exactOptional(),
    ids: z.array(z.number()),
    spans: z.array(span),
    scores: z.array(z.number()),
    truncated: count,
    completeness: z.object({ input: z.number(), baseline: z.number(), delta: z.number() }).exactOptional(),
  })
  .refine(
    (row) => row.spans.length === row.scores.length && row.ids.length === row.scores.length,
    "ids, spans and scores must have the same length",
  ) satisfies z.ZodType<AttributionRow>;

/** A line of rationales/<name>/<split>.jsonl. */
export const rationaleRow = z.object({
  id: z.string(),
  text: z.string(),
  units: z.array(z.object({ text: z.string(), span, score: z.number() })),
}) satisfies z.ZodType<RationaleRow>;

/** training.json of a fine-tuning, as far as the report reads it. */
export const fineTuningFacts = z.object({
  parameters: count,
  steps: count,
  best: z.object({ step: count, accuracy: share, loss: z.number() }),
  examples: count,
  tokens: count,
  flops: count,
}) satisfies z.ZodType<FineTuningFacts>;

/** A line of metrics.jsonl of a fine-tuning. */
export const fineTuneLine = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("train"),
    step: count,
    examples: count,
    tokens: count,
    flops: count,
    loss: z.number(),
    losses: z.record(z.string(), z.number()),
    learning_rate: z.number(),
    grad_norm: z.number(),
  }),
  z.object({
    type: z.literal("eval"),
    step: count,
    split: z.literal("validation"),
    accuracy: share,
    loss: z.number(),
  }),
]) satisfies z.ZodType<FineTuneLine>;
