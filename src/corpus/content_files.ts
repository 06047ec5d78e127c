import { createHash } from "node:crypto";
import { checkpointSignal, type StageContext } from "../progress.ts";
import type { InstanceReader } from "./record.ts";

/** What a folder of instances holds, by content: equal tokens in equal order give equal fingerprints, wherever they lie. */
export interface InstanceContent {
  /** SHA-256 over all instances. */
  fingerprint: string;
  /** SHA-256 of each run of `shardInstances` instances. */
  shards: string[];
}

/** Reads all instances once and hashes them.
 * @param options.check - sees every instance first; what it throws ends the reading */
export async function hashInstances(
  reader: InstanceReader,
  options: { shardInstances: number; check?: (tokens: Int32Array, instance: number) => void },
  context: StageContext,
): Promise<InstanceContent> {
  const whole = createHash("sha256");
  const shards: string[] = [];
  for (let start = 0; start < reader.length; start += options.shardInstances) {
    await checkpointSignal(context);
    const shard = createHash("sha256");
    for (let i = start; i < Math.min(reader.length, start + options.shardInstances); i++) {
      const tokens = reader.read(i);
      options.check?.(tokens, i);
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
