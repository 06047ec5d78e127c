import { createHash } from "node:crypto";
import { HeartcutError } from "../errors.ts";
import type { Document } from "./record.ts";

/** Which documents of a corpus are wanted. */
export interface Filter {
  /** One side of the split by hash; both without it. */
  split?: "train" | "heldout";
  /** Share of distinct texts that are held out, 0 to 1. */
  heldOutShare: number;
  /** Keeps documents whose source or tag has one of these values; all keys must hold. */
  where?: Record<string, string[]>;
  seed: number;
}

/**
 * Which side of the split a text falls on: by a hash of the text and the seed, so that exact duplicates never stand on both.
 * @param share - of distinct texts held out, 0 to 1
 */
export function splitOf(text: string, share: number, seed: number): "train" | "heldout" {
  const hash = createHash("sha256").update(`${seed}\n`).update(text, "utf8").digest();
  return hash.readUIntBE(0, 6) < share * 2 ** 48 ? "heldout" : "train";
}

/** The filter as a test of one document. @param tags - names a condition may use beside "source" @throws HeartcutError HC2014 */
export function compileFilter(filter: Filter, tags: readonly string[]): (document: Document) => boolean {
  const wrong = (found: string, expected: string) =>
    new HeartcutError("HC2014", { what: "the corpus filter does not fit", found, expected });
  if (!(filter.heldOutShare >= 0 && filter.heldOutShare <= 1))
    throw wrong(`heldOutShare = ${filter.heldOutShare}`, "a number from 0 to 1");
  const known = ["source", ...tags];
  const conditions = Object.entries(filter.where ?? {}).map(([key, values]) => {
    if (!known.includes(key))
      throw wrong(`where.${key}`, `one of ${known.join(", ")} (list further columns under tags)`);
    return { key, values: new Set(values) };
  });
  return (document) => {
    for (const { key, values } of conditions) {
      const value = key === "source" ? document.source : document.tags[key];
      if (value === undefined || !values.has(value)) return false;
    }
    return filter.split === undefined || splitOf(document.text, filter.heldOutShare, filter.seed) === filter.split;
  };
}
