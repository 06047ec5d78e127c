import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { writeInstances } from "../../src/corpus/instances.ts";
import type { Instance } from "../../src/corpus/record.ts";
import { Random } from "../../src/random.ts";
import type { TokenNllModel } from "../../src/score/scorer.ts";

export const VOCAB = 50;
export const EOS = 0;

/** Instances of random ids: mixed lengths, EOS now and then, two sources; one instance has no scored position. */
export function randomInstances(count: number, seed: number): Instance[] {
  const random = new Random(seed, "test/instances");
  return Array.from({ length: count }, (_, i) => {
    const length = 2 + random.below(40);
    const tokens = Int32Array.from({ length }, () => random.below(VOCAB));
    if (i === 3) tokens.fill(EOS);
    return { tokens, source: i % 3 === 0 ? "news" : "web", firstDocument: `d${i}`, lastDocument: `d${i}` };
  });
}

/** A temporary folder that goes with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "heartcut-score-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes instances into a folder of their own and returns its path. */
export async function instanceFolder(parent: string, instances: Instance[], name = "instances"): Promise<string> {
  const folder = join(parent, name);
  await writeInstances(folder, instances, { vocabSize: VOCAB });
  return folder;
}

/** A bigram model with random logits: -log p depends on the token and its predecessor only, so batching cannot matter. */
export function bigramModel(seed: number): TokenNllModel & { batches: number[][] } {
  const random = new Random(seed, "test/bigram");
  const nll = Array.from({ length: VOCAB }, () => {
    const logits = Array.from({ length: VOCAB }, () => random.normal());
    const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
    return logits.map((x) => total - x);
  });
  const batches: number[][] = [];
  return {
    batches,
    async tokenNll(sequences) {
      batches.push(sequences.map((s) => s.length));
      return sequences.map((ids) => Float32Array.from(ids.subarray(1), (id, t) => nll[ids[t]!]![id]!));
    },
  };
}
