import { BATCH_TOKENS } from "../models/batch.ts";

/** Settings of the scoring stage that a caller may leave out; here without the stage's code, so that a schema can name them. */
export const SCORE_DEFAULTS = {
  mask: "miniplm",
  batchTokens: BATCH_TOKENS,
  shardInstances: 512,
  perToken: false,
  documentBarrier: false,
} as const;
