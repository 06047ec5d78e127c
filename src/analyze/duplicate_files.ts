import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { openInstances } from "../corpus/instances.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { openManifest } from "../formats/manifest.ts";
import { readParquetColumns, writeParquet } from "../formats/parquet.ts";
import { type Published, publishJson } from "../formats/publish.ts";
import { isCurrent } from "../formats/stage_folder.ts";
import type { StageContext } from "../progress.ts";
import { contentOf } from "./content.ts";
import {
  type DuplicateOptions,
  duplicateSettings,
  findNearDuplicates,
  type NearDuplicates,
} from "./near_duplicates.ts";
import type { NearDuplicatesSummary } from "./record.ts";

/** Part of the fingerprint: to be raised when the same input would give other bytes. */
const CODE_VERSION = "near-duplicates-1";
const SUMMARY = "near_duplicates.json";
const PAIRS = "near_duplicates.parquet";
const REPEATS = "exact_repeats.parquet";

const count = z.int().nonnegative();
const summarySchema = z.strictObject({
  instances: count,
  threshold: z.number(),
  shingle: count,
  permutations: count,
  seed: z.int(),
  bands: count,
  rows: count,
  recallAtThreshold: z.number(),
  exactRepeats: count,
  compared: count,
  pairs: count,
  notCompared: count,
}) satisfies z.ZodType<NearDuplicatesSummary>;

/**
 * Near-duplicates of a folder of instances, from `folder` where an earlier call of the same input left them, else found and
 * published there: near_duplicates.parquet (a, b, jaccard), exact_repeats.parquet (instance, repeats), near_duplicates.json. Those
 * of another input stay until these are found.
 * @param instances - folder of packed instances   @throws HeartcutError HC3601; those of openInstances
 */
export async function publishedNearDuplicates(
  { instances, folder, ...options }: DuplicateOptions & { instances: string; folder: string },
  context: StageContext,
): Promise<NearDuplicates> {
  const settings = duplicateSettings(options);
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([CODE_VERSION, await contentOf(instances), settings]))
    .digest("hex");
  const names = [PAIRS, REPEATS, SUMMARY];
  const manifest = await openManifest(folder);
  const intact = await Promise.all(names.map((name) => isCurrent(manifest, name, fingerprint)));
  if (intact.every((whole) => whole)) return readNearDuplicates(folder);
  const reader = await openInstances(instances);
  try {
    const found = await findNearDuplicates(reader, settings, context);
    const { pairs, representative } = found;
    const repeats = Int32Array.from(representative.keys()).filter((i) => representative[i] !== i);
    const published: Record<string, Published> = {
      [PAIRS]: await writeParquet(join(folder, PAIRS), [
        { name: "a", type: "int32", data: pairs.map((pair) => pair.a) },
        { name: "b", type: "int32", data: pairs.map((pair) => pair.b) },
        { name: "jaccard", type: "double", data: pairs.map((pair) => pair.jaccard) },
      ]),
      [REPEATS]: await writeParquet(join(folder, REPEATS), [
        { name: "instance", type: "int32", data: Array.from(repeats) },
        { name: "repeats", type: "int32", data: Array.from(repeats, (i) => representative[i]!) },
      ]),
      [SUMMARY]: await publishJson(join(folder, SUMMARY), found.summary),
    };
    for (const name of names) await manifest.commit({ name, ...published[name]!, fingerprint });
    return found;
  } finally {
    reader.close();
  }
}

async function readNearDuplicates(folder: string): Promise<NearDuplicates> {
  const summary = summarySchema.parse(await readJsonFile(join(folder, SUMMARY), { wholeNumbers: "rounded" }));
  const { a, b, jaccard } = await readParquetColumns(join(folder, PAIRS), {
    a: "int32",
    b: "int32",
    jaccard: "double",
  });
  const repeated = await readParquetColumns(join(folder, REPEATS), { instance: "int32", repeats: "int32" });
  const representative = Int32Array.from({ length: summary.instances }, (_, i) => i);
  for (const [at, i] of repeated.instance.entries()) representative[i] = repeated.repeats[at]!;
  return { summary, representative, pairs: Array.from(a, (x, at) => ({ a: x, b: b[at]!, jaccard: jaccard[at]! })) };
}
