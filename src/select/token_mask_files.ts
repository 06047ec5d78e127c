import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { openManifest } from "../formats/manifest.ts";
import { readParquetColumns } from "../formats/parquet.ts";
import type { TokenMaskSummary } from "./token_mask_record.ts";

/** Files of a token mask. */
export const MASK_BITS = "token_mask.bin";
export const MASK_TABLE = "token_mask.parquet";
export const MASK_SUMMARY = "token_mask.json";

const count = z.int().nonnegative();
const summarySchema = z.strictObject({
  corpus: z.string(),
  teacher: z.string(),
  reference: z.string(),
  share: z.number(),
  scope: z.enum(["corpus", "instance"]),
  instances: count,
  positions: count,
  scored: count,
  kept: count,
  emptyInstances: count,
  threshold: z.number().nullable(),
  meanExcess: z.strictObject({ kept: z.number(), all: z.number() }),
}) satisfies z.ZodType<TokenMaskSummary>;

/** A token mask, ready to weight a loss. */
export interface TokenMask {
  readonly folder: string;
  readonly summary: TokenMaskSummary;
  /** Label positions of instance i. */
  positions(i: number): number;
  /** uint8[n-1] of an instance of n tokens: 1 where position t (input tokens[t], label tokens[t+1]) counts. */
  mask(i: number): Uint8Array;
}

/** Packs a mask into bits, the first position in the lowest bit of the first byte. @param mask - uint8[n-1] of 0 and 1 */
export function packBits(mask: Uint8Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(mask.length / 8));
  for (let t = 0; t < mask.length; t++) bits[t >> 3]! |= mask[t]! << (t & 7);
  return bits;
}

/** Whether a folder holds a whole token mask under this fingerprint. */
export async function isCurrentMask(folder: string, fingerprint: string): Promise<boolean> {
  const manifest = await openManifest(folder);
  if (manifest.get(MASK_SUMMARY)?.fingerprint !== fingerprint) return false;
  for (const { name } of manifest.entries()) if (!(await manifest.isIntact(name, { deep: true }))) return false;
  return true;
}

/** Opens a token mask, its files checked against their hashes; holds one bit a position.
 * @throws HeartcutError HC3112 if it is not complete and intact */
export async function openTokenMask(folder: string): Promise<TokenMask> {
  const manifest = await openManifest(folder);
  for (const name of [MASK_BITS, MASK_TABLE, MASK_SUMMARY]) {
    if (await manifest.isIntact(name, { deep: true })) continue;
    throw damaged(join(folder, name), "content that differs from what the manifest committed, or none");
  }
  const summary = summarySchema.parse(await readJsonFile(join(folder, MASK_SUMMARY)));
  const { positions } = await readParquetColumns(join(folder, MASK_TABLE), { positions: "int32" });
  const bits = await readFile(join(folder, MASK_BITS));
  const starts = new Float64Array(positions.length + 1);
  for (const [i, n] of positions.entries()) starts[i + 1] = starts[i]! + Math.ceil(n / 8);
  if (starts.at(-1) !== bits.length || positions.length !== summary.instances)
    throw damaged(folder, `${bits.length} bytes of bits for ${positions.length} instances`);
  return {
    folder,
    summary,
    positions: (i) => positions[i]!,
    mask(i) {
      const start = starts[i]!;
      return Uint8Array.from({ length: positions[i]! }, (_, t) => (bits[start + (t >> 3)]! >> (t & 7)) & 1);
    },
  };
}

function damaged(where: string, found: string): HeartcutError {
  return new HeartcutError("HC3112", {
    what: "the token mask is not complete, or damaged",
    where,
    found,
    fix: "write the mask again",
  });
}
