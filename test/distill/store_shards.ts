import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { TopLogProbs } from "../../src/distill/record.ts";
import type { StorePrecision } from "../../src/distill/store_precision.ts";
import { Random } from "../../src/random.ts";

/** A temporary folder that goes with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "heartcut-store-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** What stands in front of test shards. */
export function origin(vocabSize: number, topK: number, precision: StorePrecision) {
  return {
    teacher: "weights",
    tokenizer: "a".repeat(64),
    content: "b".repeat(64),
    vocabSize,
    topK,
    precision,
    documentBarrier: false,
  };
}

/** The k likeliest of random distributions over V ids, sharp ones and flat ones, computed in doubles. */
export function randomTops(seed: number, positions: number, V: number, k: number): TopLogProbs {
  const random = new Random(seed, "test/tops");
  const ids = new Int32Array(positions * k);
  const logProbs = new Float32Array(positions * k);
  for (let t = 0; t < positions; t++) {
    const sharpness = random.pick([0, 0.5, 3, 30]);
    const logits = Array.from({ length: V }, () => sharpness * random.normal());
    const top = Math.max(...logits);
    const logZ = top + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - top), 0));
    const order = logits.map((_, id) => id).sort((a, b) => logits[b]! - logits[a]! || a - b);
    for (let j = 0; j < k; j++) {
      ids[t * k + j] = order[j]!;
      logProbs[t * k + j] = logits[order[j]!]! - logZ;
    }
  }
  return { ids, logProbs };
}
