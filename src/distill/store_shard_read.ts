import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { guarded, nodeFileSystem, type OpenFile, readFully } from "../formats/file_system.ts";
import { parseStrictJson } from "../formats/strict_json.ts";
import { BitReader, bitsBelow, bytesOfBits } from "./store_bits.ts";
import { decodeBlock, type StoredTopLogProbs } from "./store_block.ts";
import { type ShardHeader, STORE_LIMITS, STORE_VERSION, shardHeaderSchema } from "./store_header.ts";
import { INDEX_ENTRY_BYTES, SHARD_MAGIC, SHARD_PREFIX_BYTES } from "./store_shard_write.ts";

/** An open shard of a teacher store: reads one instance at a time. */
export class StoreShard {
  private constructor(
    readonly path: string,
    readonly header: ShardHeader,
    private readonly file: OpenFile,
    /** Id of each rank. */
    private readonly table: Int32Array,
    /** Label positions of each instance. */
    private readonly positions: Uint32Array,
    /** Where each block starts; one more entry for the end. */
    private readonly starts: Float64Array,
  ) {}

  /**
   * Opens a shard and reads its header, table and index; every size is checked against the file and against STORE_LIMITS.
   * @throws HeartcutError HC3410 for a file that is no shard or of another version, HC3411 for a damaged one, HC3412 beyond a limit
   */
  static async open(path: string): Promise<StoreShard> {
    return guarded(path, "nothing was changed", async () => {
      const file = await nodeFileSystem.open(path, "r");
      try {
        return await StoreShard.parse(path, file);
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  }

  /** Label positions of the i-th instance of the shard. */
  positionsOf(i: number): number {
    return this.positions[i]!;
  }

  /** The i-th instance of the shard. @throws HeartcutError HC3411 for a damaged block */
  async read(i: number): Promise<StoredTopLogProbs> {
    const start = this.starts[i];
    if (start === undefined || i >= this.header.instances)
      throw new RangeError(`instance ${i} of ${this.header.instances}`);
    const where = `${this.path}, its instance ${i}`;
    const block = await take(this.file, where, start, this.starts[i + 1]! - start);
    return decodeBlock(block, this.positions[i]!, this.table, this.header, (found) => damaged(where, found));
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private static async parse(path: string, file: OpenFile): Promise<StoreShard> {
    const { size } = await file.stat();
    within(path, "bytes", size, STORE_LIMITS.shardBytes);
    const prefix = await take(file, path, 0, SHARD_PREFIX_BYTES);
    const headerBytes = checkPrefix(path, prefix);
    const json = await take(file, path, SHARD_PREFIX_BYTES, headerBytes);
    const header = parseHeader(path, json);
    let at = SHARD_PREFIX_BYTES + headerBytes;

    const width = bitsBelow(header.vocabSize);
    const tableBytes = bytesOfBits(header.ids * width);
    const bits = new BitReader(await take(file, path, at, tableBytes));
    const table = Int32Array.from({ length: header.ids }, () => bits.read(width));
    const outside = table.find((id) => id >= header.vocabSize);
    if (outside !== undefined) throw damaged(path, `id ${outside} in a vocabulary of ${header.vocabSize}`);
    at += tableBytes;

    const index = await take(file, path, at, header.instances * INDEX_ENTRY_BYTES);
    at += index.length;
    const entries = new DataView(index.buffer, index.byteOffset, index.byteLength);
    const positions = new Uint32Array(header.instances);
    const starts = new Float64Array(header.instances + 1);
    for (let i = 0; i < header.instances; i++) {
      positions[i] = entries.getUint32(i * INDEX_ENTRY_BYTES, true);
      within(path, "label positions of an instance", positions[i]!, STORE_LIMITS.positions);
      within(path, "values of an instance", positions[i]! * header.topK, STORE_LIMITS.values);
      starts[i] = at;
      at += entries.getUint32(i * INDEX_ENTRY_BYTES + 4, true);
    }
    starts[header.instances] = at;
    if (at !== size) throw damaged(path, `${size} bytes where the index says ${at}`);
    return new StoreShard(path, header, file, table, positions, starts);
  }
}

/** @returns the length of the header that follows */
function checkPrefix(path: string, prefix: Uint8Array): number {
  const magic = new TextDecoder("latin1").decode(prefix.subarray(0, SHARD_MAGIC.length));
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.byteLength);
  const version = view.getUint32(8, true);
  if (magic !== SHARD_MAGIC || version !== STORE_VERSION)
    throw new HeartcutError("HC3410", {
      what: magic === SHARD_MAGIC ? "the teacher store has another version" : "this is no shard of a teacher store",
      where: path,
      found:
        magic === SHARD_MAGIC
          ? `version ${version}`
          : `first bytes ${Buffer.from(prefix.subarray(0, 8)).toString("hex")}`,
      expected: `version ${STORE_VERSION} of docs/teacher-store.md`,
      fix: "capture the teacher again with this version of heartcut",
    });
  const bytes = view.getUint32(12, true);
  within(path, "bytes of header", bytes, STORE_LIMITS.headerBytes);
  return bytes;
}

function parseHeader(path: string, bytes: Uint8Array): ShardHeader {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw damaged(path, "a header that is not UTF-8");
  }
  const header = shardHeaderSchema.safeParse(parseStrictJson(text, { where: path, code: "HC3411", maxDepth: 4 }));
  if (!header.success) throw damaged(path, `a header that does not fit: ${z.prettifyError(header.error)}`);
  return header.data;
}

async function take(file: OpenFile, where: string, position: number, length: number): Promise<Uint8Array> {
  // What is missing is told before room is made for it.
  const { size } = await file.stat();
  if (position + length > size) throw damaged(where, `${size} bytes, cut off before byte ${position + length}`);
  const bytes = new Uint8Array(length);
  const count = await readFully(file, bytes, position);
  if (count < length) throw damaged(where, `only ${position + count} bytes`);
  return bytes;
}

function within(where: string, what: string, found: number, most: number): void {
  if (found <= most) return;
  throw new HeartcutError("HC3412", {
    what: "a shard of a teacher store is beyond the limits",
    where,
    found: `${found} ${what}`,
    expected: `at most ${most}`,
    fix: "the file is damaged, or no store that heartcut made: capture the teacher again",
  });
}

function damaged(where: string, found: string): HeartcutError {
  return new HeartcutError("HC3411", {
    what: "a shard of a teacher store is damaged",
    where,
    found,
    fix: "run the same `heartcut capture` again: it makes this shard anew and keeps the others",
  });
}
