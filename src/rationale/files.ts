import { join } from "node:path";
import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { isMissing } from "../formats/file_system.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { readJsonl } from "../formats/jsonl.ts";
import { sha256File } from "../formats/publish.ts";
import { mismatchOf } from "../schema_words.ts";
import type { Split } from "../tasks/record.ts";
import { RATIONALE_SOURCES, type RationaleRow, type RationaleSummary } from "./record.ts";

/** File that says what a folder of rationales holds; written last. */
export const SUMMARY_NAME = "rationales.json";

/** rationales.json. Keys it does not know are left alone: a record may grow. */
export const rationaleSummarySchema = z.object({
  source: z.enum(RATIONALE_SOURCES),
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  splits: z.record(
    z.string(),
    z.object({
      examples: z.int().nonnegative(),
      rationales: z.int().nonnegative(),
      dropped: z.record(z.string(), z.int().nonnegative()),
      unitsPerRationale: z.number(),
      textEqualsUnits: z.number(),
      sha256: z.string(),
    }),
  ),
}) satisfies z.ZodType<RationaleSummary>;

/** The file of a split's rationales. */
export function rationalesPath(folder: string, split: Split): string {
  return join(folder, `${split}.jsonl`);
}

/** Reads rationales.json. @throws HeartcutError HC6207 if the folder holds no finished rationales */
export async function readRationaleSummary(folder: string): Promise<RationaleSummary> {
  const path = join(folder, SUMMARY_NAME);
  try {
    const json = await readJsonFile(path, { wholeNumbers: "rounded" });
    const summary = rationaleSummarySchema.safeParse(json);
    if (summary.success) return summary.data;
    const { path: key, found, expected } = mismatchOf(summary.error, json);
    throw notRationales(key === "" ? path : `${path}: ${key}`, found, expected);
  } catch (error) {
    throw isMissing(error) ? notRationales(path, "no such file") : error;
  }
}

/**
 * Reads a split's rationales, by example id and in the order of the task.
 * @throws HeartcutError HC6207 if their content is not what rationales.json says, HC6208 if the split was not made
 */
export async function readRationales(folder: string, split: Split): Promise<Map<string, RationaleRow>> {
  const { splits } = await readRationaleSummary(folder);
  const path = rationalesPath(folder, split);
  const wanted = splits[split];
  if (wanted === undefined) {
    throw new HeartcutError("HC6208", {
      what: `there are no rationales of the ${split} split`,
      where: join(folder, SUMMARY_NAME),
      found: Object.keys(splits).join(", "),
      fix: `make rationales of the splits ${[...Object.keys(splits), split].join(", ")}`,
    });
  }
  try {
    const { sha256 } = await sha256File(path);
    if (sha256 !== wanted.sha256) throw notRationales(path, `content that differs from ${SUMMARY_NAME}`);
  } catch (error) {
    throw isMissing(error) ? notRationales(path, "no such file") : error;
  }
  const rows = new Map<string, RationaleRow>();
  for await (const { value } of readJsonl<RationaleRow>(path)) rows.set(value.id, value);
  return rows;
}

function notRationales(where: string, found: string, expected?: string): HeartcutError {
  return new HeartcutError("HC6207", {
    what: "the folder holds no finished rationales",
    where,
    found,
    expected: expected ?? "a folder that `heartcut rationales` made",
    fix: "make the rationales again, or name another folder",
  });
}
