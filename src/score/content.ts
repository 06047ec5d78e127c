import { createHash } from "node:crypto";
import type { InstanceReader } from "../corpus/record.ts";
import { HeartcutError } from "../errors.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";

/** What a folder of instances holds, by content: equal tokens in equal order give equal fingerprints, wherever they lie. */
export interface InstanceContent {
  /** SHA-256 over all instances. */
  fingerprint: string;
  /** SHA-256 of each run of `shardInstances` instances. */
  shards: string[];
}

/** Reads all instances once, hashes them and checks that a model of this vocabulary can take their ids.
 * @throws HeartcutError HC3001 at an id outside 0 … vocabSize-1 */
export async function readContent(
  reader: InstanceReader,
  options: { shardInstances: number; vocabSize?: number },
  context: StageContext,
): Promise<InstanceContent> {
  const whole = createHash("sha256");
  const shards: string[] = [];
  for (let start = 0; start < reader.length; start += options.shardInstances) {
    await checkpointSignal(context);
    const shard = createHash("sha256");
    for (let i = start; i < Math.min(reader.length, start + options.shardInstances); i++) {
      const tokens = reader.read(i);
      if (options.vocabSize !== undefined) checkIds(tokens, options.vocabSize, `${reader.folder}, instance ${i}`);
      // The length in front keeps [1 2][3] and [1][2 3] apart.
      for (const part of [Uint32Array.of(tokens.length), tokens]) {
        whole.update(part);
        shard.update(part);
      }
    }
    shards.push(shard.digest("hex"));
  }
  return { fingerprint: whole.digest("hex"), shards };
}

function checkIds(tokens: Int32Array, vocabSize: number, where: string): void {
  const position = tokens.findIndex((id) => id < 0 || id >= vocabSize);
  if (position < 0) return;
  throw new HeartcutError("HC3001", {
    what: "an instance holds a token id the model does not know",
    where: `${where}, position ${position}`,
    found: `id ${tokens[position]}`,
    expected: `0 … ${vocabSize - 1}, the model's vocabulary`,
    why: "teacher, reference and instances must share one tokenizer",
    fix: "pack the corpus with the tokenizer of this model, or use a model with this tokenizer",
  });
}
