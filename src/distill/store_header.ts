import { z } from "zod";
import { STORE_PRECISIONS } from "./store_precision.ts";

/** Version of the layout of shards. */
export const STORE_VERSION = 1;

/** Budgets of a shard: a reader refuses what is beyond them before it makes room for it. */
export const STORE_LIMITS = {
  headerBytes: 65_536,
  vocabSize: 2 ** 24,
  /** Instances of a shard. */
  instances: 2 ** 20,
  /** Label positions of an instance, and what it holds of them: positions times k. */
  positions: 2 ** 24,
  values: 2 ** 26,
  shardBytes: 2 ** 32,
} as const;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const whole = (most: number, least = 0) => z.int().min(least).max(most);

/** What was asked of whom, and how the answers are kept: stands in store.json and in front of every shard. */
const originSchema = z.strictObject({
  /** Hash of all that decides the teacher's values. */
  teacher: z.string(),
  /** SHA-256 of the tokenizer.json whose ids these are. */
  tokenizer: sha256,
  vocabSize: whole(STORE_LIMITS.vocabSize, 1),
  /** Tokens kept at each label position. */
  topK: whole(STORE_LIMITS.vocabSize, 1),
  precision: z.enum(STORE_PRECISIONS),
  /** Whether packed documents did not see each other. */
  documentBarrier: z.boolean(),
});
export type StoreOrigin = z.infer<typeof originSchema>;

/** The JSON in front of a shard. */
export const shardHeaderSchema = z
  .strictObject({
    ...originSchema.shape,
    /** SHA-256 of the shard's instances, by content. */
    content: sha256,
    instances: whole(STORE_LIMITS.instances, 1),
    /** Different ids that occur: length of the table of ids. */
    ids: whole(STORE_LIMITS.vocabSize),
  })
  .refine(({ topK, vocabSize }) => topK <= vocabSize, "topK is larger than vocabSize")
  .refine(({ ids, vocabSize }) => ids <= vocabSize, "more ids than vocabSize");
export type ShardHeader = z.infer<typeof shardHeaderSchema>;

/** store.json: what a finished capture holds. Written last. */
export const storeSummarySchema = z
  .strictObject({
    format: z.literal("heartcut-teacher-store"),
    version: z.literal(STORE_VERSION),
    ...originSchema.shape,
    /** What the teacher is called: shards do not depend on it. */
    teacherName: z.string(),
    /** SHA-256 of all instances, by content. */
    corpus: sha256,
    instances: z.int().nonnegative(),
    /** Label positions of all instances. */
    positions: z.int().nonnegative(),
    /** Size of all shards. */
    bytes: z.int().nonnegative(),
    /** Mean probability that is not among the top k; null without a position. */
    meanRest: z.number().nullable(),
    shards: z.array(
      z.strictObject({
        name: z.string(),
        first: z.int().nonnegative(),
        instances: z.int().positive(),
        content: sha256,
      }),
    ),
  })
  .refine(isConsecutive, "the shards do not follow one another from instance 0 to the last");
export type StoreSummary = z.infer<typeof storeSummarySchema>;

function isConsecutive({ instances, shards }: { instances: number; shards: { first: number; instances: number }[] }) {
  let next = 0;
  for (const shard of shards) {
    if (shard.first !== next) return false;
    next += shard.instances;
  }
  return next === instances;
}

/** File that says what the shards of a store are. */
export const STORE_SUMMARY = "store.json";
