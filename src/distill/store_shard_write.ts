import { InternalError } from "../errors.ts";
import { type Published, publishFile } from "../formats/publish.ts";
import type { TopLogProbs } from "./record.ts";
import { BitWriter, bitsBelow } from "./store_bits.ts";
import { encodeBlock } from "./store_block.ts";
import { type ShardHeader, STORE_LIMITS, STORE_VERSION, type StoreOrigin } from "./store_header.ts";

/** First bytes of every shard. */
export const SHARD_MAGIC = "hctopk\r\n";
/** Bytes of magic, version and header length. */
export const SHARD_PREFIX_BYTES = 16;
/** Bytes of an instance's entry in the index: label positions, bytes of its block. */
export const INDEX_ENTRY_BYTES = 8;

/**
 * Publishes one shard: the likeliest tokens of consecutive instances. Layout: docs/teacher-store.md.
 * @param tops - checked by checkTopLogProbs, one for each instance
 */
export async function writeStoreShard(
  path: string,
  origin: StoreOrigin & Pick<ShardHeader, "content">,
  tops: readonly TopLogProbs[],
): Promise<Published> {
  const { topK, vocabSize } = origin;
  if (tops.some(({ ids }) => ids.length > STORE_LIMITS.values) || tops.length > STORE_LIMITS.instances)
    throw new InternalError("a shard of a teacher store beyond its limits");
  const { table, rankOf } = rankIds(tops, vocabSize);
  const header: ShardHeader = { ...origin, instances: tops.length, ids: table.length };
  return publishFile(path, async (sink) => {
    const json = new TextEncoder().encode(JSON.stringify(header));
    const prefix = new Uint8Array(SHARD_PREFIX_BYTES);
    const view = new DataView(prefix.buffer);
    prefix.set(new TextEncoder().encode(SHARD_MAGIC));
    view.setUint32(8, STORE_VERSION, true);
    view.setUint32(12, json.length, true);
    await sink.write(prefix);
    await sink.write(json);
    const bits = new BitWriter();
    for (const id of table) bits.write(id, bitsBelow(vocabSize));
    await sink.write(bits.finish());

    const blocks = tops.map((top) =>
      encodeBlock(
        top,
        Uint32Array.from(top.ids, (id) => rankOf[id]!),
        origin,
      ),
    );
    const index = new Uint8Array(tops.length * INDEX_ENTRY_BYTES);
    const entries = new DataView(index.buffer);
    for (const [i, block] of blocks.entries()) {
      entries.setUint32(i * INDEX_ENTRY_BYTES, tops[i]!.ids.length / topK, true);
      entries.setUint32(i * INDEX_ENTRY_BYTES + 4, block.length, true);
    }
    await sink.write(index);
    for (const block of blocks) await sink.write(block);
  });
}

/** The ids that occur, the most frequent first (then by id), and the place of each. */
function rankIds(tops: readonly TopLogProbs[], vocabSize: number): { table: Int32Array; rankOf: Uint32Array } {
  const counts = new Uint32Array(vocabSize);
  for (const { ids } of tops) for (const id of ids) counts[id]!++;
  const occurring: number[] = [];
  for (let id = 0; id < vocabSize; id++) if (counts[id]! > 0) occurring.push(id);
  const table = Int32Array.from(occurring.sort((a, b) => counts[b]! - counts[a]! || a - b));
  const rankOf = new Uint32Array(vocabSize);
  for (const [rank, id] of table.entries()) rankOf[id] = rank;
  return { table, rankOf };
}
