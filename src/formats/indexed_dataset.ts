import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { describeSystemError, isMissing } from "./file_system.ts";
import { requireLittleEndian } from "./float_conversion.ts";
import { type DatasetIndex, NUMBER_TYPES, parseIndex } from "./indexed_dataset_index.ts";
import { type Limits, withLimits } from "./limits.ts";
import type { TypedArray } from "./typed_array.ts";

export { type Dialect, type NumberType, UINT16_VOCABULARY } from "./indexed_dataset_index.ts";
export {
  createIndexedDatasetWriter,
  type IndexedDatasetWriter,
  type IndexedDatasetWriterOptions,
} from "./indexed_dataset_write.ts";

/** One pair of files. */
export interface DatasetShard extends DatasetIndex {
  /** Path without .bin or .idx. */
  prefix: string;
  /** Number of its first sequence in the whole set. */
  start: number;
}

/** Random access to sequences of tokens, numbered through all shards. */
export interface IndexedDataset {
  /** Number of sequences (MiniPLM: instances). */
  readonly count: number;
  readonly totalTokens: number;
  readonly shards: readonly DatasetShard[];
  /** Number of sequences before each document, ending with count; undefined for MiniPLM, which has no documents. */
  readonly documents: Float64Array | undefined;
  /** Files of the split that lie behind the last whole shard and are not read, as MiniPLM's reader passes them over. */
  readonly leftOver: readonly string[];
  /** Number of tokens of sequence i. */
  length(i: number): number;
  /** Token ids of sequence i: a fresh array. @throws HeartcutError HC1062 if the numbers are no 32-bit integers */
  read(i: number): Int32Array;
  /** The numbers of sequence i in the type they are stored in: a fresh array. */
  readStored(i: number): TypedArray;
  close(): void;
}

/** Files kept open at once, however many shards there are. */
const OPEN_FILES = 64;

/**
 * Opens PREFIX.bin/.idx, or a folder of shards data_0.bin/.idx, data_1.bin/.idx, … (up to the first number of which one file is missing).
 * Both dialects are told by the document table. A first .bin of 0 bytes without .idx is MiniPLM's form of a set without instances.
 * @param options.split - the name before `_` of a folder's shards
 * @throws HeartcutError HC1004 (missing), HC1006 (limit), HC1060 (damaged), HC1061 (no whole shard)
 */
export function openIndexedDataset(
  path: string,
  options: { split?: string; limits?: Partial<Limits> } = {},
): IndexedDataset {
  requireLittleEndian();
  const limits = withLimits(options.limits);
  const { prefixes, leftOver } = isFolder(path)
    ? findShards(path, options.split ?? "data", limits)
    : { prefixes: [path], leftOver: [] };
  const shards: DatasetShard[] = [];
  let start = 0;
  for (const prefix of prefixes) {
    const shard = { prefix, start, ...readIndex(prefix, limits) };
    start += shard.lengths.length;
    shards.push(shard);
  }
  return new ShardedDataset(shards, leftOver);
}

class ShardedDataset implements IndexedDataset {
  readonly count: number;
  readonly totalTokens: number;
  readonly documents: Float64Array | undefined;
  /** File descriptors by shard, the one used last at the end. */
  private readonly open = new Map<number, number>();

  constructor(
    readonly shards: readonly DatasetShard[],
    readonly leftOver: readonly string[],
  ) {
    const last = shards.at(-1);
    this.count = last === undefined ? 0 : last.start + last.lengths.length;
    this.totalTokens = shards.reduce(
      (sum, { positions, type }) => sum + positions.at(-1)! / NUMBER_TYPES[type].BYTES_PER_ELEMENT,
      0,
    );
    this.documents = joinDocuments(shards);
  }

  length(i: number): number {
    const shard = this.shards[this.shardOf(i)]!;
    return shard.lengths[i - shard.start]!;
  }

  read(i: number): Int32Array {
    const values = this.readStored(i);
    if (values instanceof Int32Array) return values;
    if (values instanceof Float32Array || values instanceof Float64Array)
      throw this.notTokens(i, "floating-point numbers");
    if (!(values instanceof BigInt64Array)) return Int32Array.from(values as Uint16Array);
    return Int32Array.from(values as ArrayLike<unknown> as ArrayLike<bigint>, (value) => {
      if (value !== BigInt.asIntN(32, value)) throw this.notTokens(i, `the id ${value}`);
      return Number(value);
    });
  }

  readStored(i: number): TypedArray {
    const k = this.shardOf(i);
    const { prefix, start, type, lengths, positions } = this.shards[k]!;
    const values = new NUMBER_TYPES[type](lengths[i - start]!);
    const bytes = new Uint8Array(values.buffer);
    const position = positions[i - start]!;
    for (let done = 0; done < bytes.length; ) {
      const count = attempt(`${prefix}.bin`, () =>
        readSync(this.descriptor(k), bytes, done, bytes.length - done, position + done),
      );
      if (count === 0)
        throw new HeartcutError("HC1060", {
          what: "the indexed dataset became shorter while it was read",
          where: `${prefix}.bin`,
          fix: "do not write to data in use; run the command again",
        });
      done += count;
    }
    return values;
  }

  close(): void {
    for (const descriptor of this.open.values()) closeSync(descriptor);
    this.open.clear();
  }

  private shardOf(i: number): number {
    if (!(Number.isInteger(i) && i >= 0 && i < this.count)) throw new RangeError(`sequence ${i} of ${this.count}`);
    let low = 0;
    let high = this.shards.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.shards[middle]!.start <= i) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private descriptor(k: number): number {
    const path = `${this.shards[k]!.prefix}.bin`;
    const descriptor = this.open.get(k) ?? attempt(path, () => openSync(path, "r"));
    this.open.delete(k);
    this.open.set(k, descriptor);
    if (this.open.size > OPEN_FILES) {
      const [oldest, stale] = this.open.entries().next().value!;
      this.open.delete(oldest);
      closeSync(stale);
    }
    return descriptor;
  }

  private notTokens(i: number, found: string): HeartcutError {
    const { prefix, type } = this.shards[this.shardOf(i)]!;
    return new HeartcutError("HC1062", {
      what: "the numbers are not token ids",
      where: `${prefix}.bin, sequence ${i}`,
      found: `${found} (stored as ${type})`,
      expected: "integers of at most 32 bits",
      fix: "use a dataset of token ids",
    });
  }
}

/** Shards by number up to the first that is not whole; what else of the split lies there is listed, since nobody reads it. */
function findShards(folder: string, split: string, limits: Limits): { prefixes: string[]; leftOver: string[] } {
  const names = new Set(attempt(folder, () => readdirSync(folder)));
  const prefixes: string[] = [];
  const used = new Set<string>();
  for (let k = 0; names.has(`${split}_${k}.bin`) && names.has(`${split}_${k}.idx`); k++) {
    if (k >= limits.indexShards)
      throw new HeartcutError("HC1006", {
        what: "too many shards",
        where: folder,
        expected: `at most ${limits.indexShards}`,
        fix: "raise limits.indexShards",
      });
    prefixes.push(join(folder, `${split}_${k}`));
    used.add(`${split}_${k}.bin`).add(`${split}_${k}.idx`);
  }
  const isShard = (name: string) =>
    name.startsWith(`${split}_`) && /^[0-9]+\.(bin|idx)$/.test(name.slice(split.length + 1));
  const isEmpty = (name: string) =>
    name.endsWith(".bin") && attempt(join(folder, name), () => statSync(join(folder, name))).size === 0;
  const rest = [...names].filter((name) => isShard(name) && !used.has(name)).sort();
  // The builder of MiniPLM opens the next .bin before it knows whether there is anything for it.
  const leftOver = rest.filter((name) => !(name === `${split}_${prefixes.length}.bin` && isEmpty(name)));
  if (prefixes.length > 0 || (rest.length > 0 && leftOver.length === 0)) return { prefixes, leftOver };
  throw new HeartcutError("HC1061", {
    what: "no whole shard of token data in the folder",
    where: folder,
    found: leftOver.length > 0 ? leftOver.slice(0, 5).join(", ") : `no ${split}_<number>.bin or .idx`,
    expected: `${split}_0.bin with ${split}_0.idx`,
    fix: "pack the corpus first, or give the path of a Megatron pair without its .bin",
  });
}

function readIndex(prefix: string, limits: Limits): DatasetIndex {
  const path = `${prefix}.idx`;
  const dataBytes = attempt(`${prefix}.bin`, () => statSync(`${prefix}.bin`)).size;
  const descriptor = attempt(path, () => openSync(path, "r"));
  try {
    const { size } = attempt(path, () => fstatSync(descriptor));
    const longest = 34 + 13 * limits.indexSequences + 8 * limits.indexDocuments;
    if (size > longest)
      throw new HeartcutError("HC1006", {
        what: "index over its size limit",
        where: path,
        found: `${size} bytes`,
        expected: `at most ${longest} bytes`,
        fix: "raise limits.indexSequences",
      });
    const bytes = new Uint8Array(size);
    let done = 0;
    while (done < size) {
      const count = attempt(path, () => readSync(descriptor, bytes, done, Math.min(size - done, 2 ** 30), done));
      if (count === 0) break;
      done += count;
    }
    return parseIndex(bytes.subarray(0, done), dataBytes, path, limits);
  } finally {
    closeSync(descriptor);
  }
}

function joinDocuments(shards: readonly DatasetShard[]): Float64Array | undefined {
  if (shards.length === 0 || shards.some(({ documents }) => documents === undefined)) return undefined;
  const joined = [0];
  for (const { documents, start } of shards)
    for (let i = 1; i < documents!.length; i++) joined.push(start + documents![i]!);
  return Float64Array.from(joined);
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw describeSystemError(error, path, "nothing was changed");
  }
}

function attempt<T>(path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw describeSystemError(error, path, "nothing was changed");
  }
}
