import { join } from "node:path";
import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { readJsonl } from "../formats/jsonl.ts";
import { openManifest } from "../formats/manifest.ts";
import { mismatchOf } from "../schema_words.ts";
import type { Split } from "../tasks/record.ts";
import { ATTRIBUTION_METHODS, type AttributionRow, type AttributionSummary, type TeacherOutputRow } from "./record.ts";

/** File that says how a folder's scores were made; written last. */
export const SUMMARY_NAME = "attribution.json";

/** Name of the file of a split's scores. */
export const rowsName = (split: Split): string => `${split}.jsonl`;
/** Name of the file of a split's teacher outputs. */
export const outputsName = (split: Split): string => `outputs-${split}.jsonl`;

const count = z.int().nonnegative();
/** attribution.json. Keys it does not know are left alone: a record may grow. */
export const attributionSummarySchema = z.object({
  method: z.enum(ATTRIBUTION_METHODS),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  model: z.string(),
  splits: z.record(
    z.string(),
    z.object({ examples: count, tokens: count, truncatedExamples: count, sha256: z.string() }),
  ),
  accuracy: z.record(z.string(), z.number()).exactOptional(),
  completeness: z
    .object({ medianDelta: z.number(), largestDelta: z.number(), bound: z.number(), above: count })
    .exactOptional(),
}) satisfies z.ZodType<AttributionSummary>;

/** Reads attribution.json of a finished folder. @throws HeartcutError HC6140 if attribution did not finish */
export async function readAttributionSummary(folder: string): Promise<AttributionSummary> {
  const path = join(folder, SUMMARY_NAME);
  if (!(await isIntact(folder, SUMMARY_NAME)))
    throw unfinished(path, `no committed ${SUMMARY_NAME}`, "a folder in which `heartcut attribute` came to its end");
  const json = await readJsonFile(path);
  const summary = attributionSummarySchema.safeParse(json);
  if (summary.success) return summary.data;
  const { path: key, found, expected } = mismatchOf(summary.error, json);
  throw unfinished(key === "" ? path : `${path}: ${key}`, found, expected);
}

/**
 * A split's scores, in the order of its examples.
 * @throws HeartcutError HC6140 if attribution did not finish, HC6141 for a split it does not hold or a damaged file
 */
export async function readAttributions(folder: string, split: Split): Promise<AttributionRow[]> {
  return readRows<AttributionRow>(folder, rowsName(split), `attribute the ${split} split too`);
}

/**
 * The teacher's likeliest ids at each target token of a split's examples, in their order.
 * @throws HeartcutError HC6140 if attribution did not finish, HC6141 where no outputs were asked for, or a damaged file
 */
export async function readTeacherOutputs(folder: string, split: Split): Promise<TeacherOutputRow[]> {
  return readRows<TeacherOutputRow>(folder, outputsName(split), `attribute the ${split} split with outputs: {topK: …}`);
}

async function readRows<T>(folder: string, name: string, fix: string): Promise<T[]> {
  await readAttributionSummary(folder);
  const path = join(folder, name);
  if (!(await isIntact(folder, name)))
    throw new HeartcutError("HC6141", {
      what: "the attributions do not hold this file as it was committed",
      where: path,
      found: "a file that is missing, or of other content",
      fix,
    });
  const rows: T[] = [];
  for await (const { value } of readJsonl<T>(path)) rows.push(value);
  return rows;
}

async function isIntact(folder: string, name: string): Promise<boolean> {
  return (await openManifest(folder)).isIntact(name, { deep: true });
}

function unfinished(where: string, found: string, expected: string): HeartcutError {
  return new HeartcutError("HC6140", {
    what: "the attributions are not complete",
    where,
    found,
    expected,
    fix: "run the attribution again: it resumes behind the last finished shard",
  });
}
