import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { type Published, publishJson } from "../formats/publish.ts";
import { FAITHFULNESS_VIEWS, HIT_RULES, type RationaleEvaluation } from "./rationale_record.ts";

/** Name of the file in a run folder. */
export const RATIONALE_EVALUATION_NAME = "rationale_evaluation.json";

const count = z.int().nonnegative();
/** A share or a mean of shares, whose sum may round past 1. */
const share = z
  .number()
  .min(0)
  .max(1 + 1e-9);
const interval = z.tuple([z.number(), z.number()]);

const areas = {
  aopcComprehensiveness: z.number(),
  aopcComprehensivenessInterval: interval,
  aopcSufficiency: z.number(),
  aopcSufficiencyInterval: interval,
};

/** rationale_evaluation.json. Keys it does not know are left alone: a record may grow. */
export const rationaleEvaluationSchema: z.ZodType<RationaleEvaluation> = z.object({
  task: z.string(),
  metric: z.string(),
  testExamples: count,
  teacher: z.object({ accuracy: share, interval, examples: count }).optional(),
  students: z.array(
    z.object({
      name: z.string(),
      method: z.string(),
      rationale: z.string().optional(),
      mean: share,
      interval: interval.optional(),
      seeds: z.array(
        z.object({
          seed: z.int(),
          accuracy: share,
          interval,
          valid: share,
          bestStep: count,
          validation: z.number(),
        }),
      ),
    }),
  ),
  comparisons: z.array(
    z.object({
      a: z.string(),
      b: z.string(),
      pairs: count,
      difference: z.number(),
      interval,
      intervalOver: z.enum(["seeds", "items"]),
      pSeeds: share.optional(),
      mcnemar: z.object({ onlyA: count, onlyB: count, p: share }),
      pHolm: share,
    }),
  ),
  overlap: z.array(
    z.object({
      name: z.string(),
      k: count,
      metric: z.enum(["token_precision", "any_hit", "full_cover"]),
      rule: z.enum(HIT_RULES),
      value: share,
      interval,
      random: share,
      randomInterval: interval,
      anyChoice: share.optional(),
      examples: count,
      leftOut: count,
    }),
  ),
  faithfulness: z.array(
    z.object({
      name: z.string(),
      view: z.enum(FAITHFULNESS_VIEWS),
      ...areas,
      aopcComprehensivenessDistinct: z.number(),
      aopcSufficiencyDistinct: z.number(),
      bins: z.array(z.object({ share, comprehensiveness: z.number(), sufficiency: z.number() })),
      random: z.object({ ...areas, rankings: count }),
      examples: count,
      leftOut: count,
    }),
  ),
  plausibility: z.array(
    z.object({
      name: z.string(),
      k: z.union([count, z.literal("marked")]),
      tokenPrecision: share,
      tokenRecall: share,
      tokenF1: share,
      tokenIou: share,
      iouF1: share,
      averagePrecision: share,
      auprcTrapezoid: share,
      rocAuc: share,
      interval: z.object({ tokenF1: interval, iouF1: interval, averagePrecision: interval }),
      random: z.object({ tokenF1: share, iouF1: share, averagePrecision: share }),
      examples: count,
      leftOut: count,
      unmarked: count,
    }),
  ),
});

/** Publishes rationale_evaluation.json. @throws HeartcutError HC1001-HC1005 */
export function writeRationaleEvaluation(path: string, evaluation: RationaleEvaluation): Promise<Published> {
  return publishJson(path, rationaleEvaluationSchema.parse(evaluation));
}

/** Reads rationale_evaluation.json. @throws HeartcutError HC6440 for another shape; HC1004, HC1020 as readJsonFile */
export async function readRationaleEvaluation(path: string): Promise<RationaleEvaluation> {
  const result = rationaleEvaluationSchema.safeParse(await readJsonFile(path));
  if (result.success) return result.data;
  const { path: key, message } = result.error.issues[0]!;
  throw new HeartcutError("HC6440", {
    what: "this is no rationale evaluation of this version",
    where: `${path}: ${key.join(".") || "the whole file"}`,
    found: message,
    fix: "run the evaluation again",
  });
}
