import { basename, dirname, join } from "node:path";
import { InternalError } from "../errors.ts";
import { type FileSystemOptions, guarded, nodeFileSystem } from "./file_system.ts";
import { requireLittleEndian } from "./float_conversion.ts";
import {
  type Dialect,
  encodeIndex,
  NUMBER_TYPES,
  type NumberType,
  UINT16_VOCABULARY,
} from "./indexed_dataset_index.ts";
import { Publication, type Published } from "./publish.ts";
import { bytesOf, type TypedArray } from "./typed_array.ts";

/** What to write. */
export interface IndexedDatasetWriterOptions extends FileSystemOptions {
  dialect: Dialect;
  /** Decides between uint16 and int32, and is checked against every id. */
  vocabSize?: number;
  /** The number type, where it is not to follow from vocabSize. */
  type?: NumberType;
  /** MiniPLM: most instances of a shard; 1,000,000 where not given. */
  shardInstances?: number;
  /** MiniPLM: the name before `_` of the shards; "data" where not given. */
  split?: string;
}

/** A file that was written. */
export interface DatasetFile extends Published {
  /** Without its folder. */
  name: string;
  /** Sequences of its shard. */
  rows: number;
  /** Tokens of its shard. */
  tokens: number;
}

/** Takes sequences one after the other; nothing shows under its name before finish(). */
export interface IndexedDatasetWriter {
  readonly count: number;
  /** Adds a sequence. @param mode - multimodal Megatron sets: a mode for each sequence, or for none */
  append(tokens: ArrayLike<number> | ArrayLike<bigint>, mode?: number): Promise<void>;
  /** Megatron: ends the current document, which may be empty. Every sequence must belong to one. */
  endDocument(): void;
  /** Publishes all files, in place of an earlier set of that name, and tells what they are. */
  finish(): Promise<DatasetFile[]>;
  /** Removes what was written so far. */
  abort(): Promise<void>;
}

/**
 * Starts PREFIX.bin/.idx (Megatron) or FOLDER/data_0.bin/.idx … (MiniPLM), with the bytes that the reference builders write.
 * MiniPLM's builder leaves one more .bin of 0 bytes where the instances fill the last shard; here it is written only for a set
 * without any instance. The commit is the last rename, that of the first .idx: until then readers find the earlier set or none.
 */
export function createIndexedDatasetWriter(path: string, options: IndexedDatasetWriterOptions): IndexedDatasetWriter {
  requireLittleEndian();
  return new Writer(path, options);
}

interface Shard {
  /** Path without .bin or .idx. */
  prefix: string;
  bin: Publication;
  idx: Publication | undefined;
  lengths: number[];
  modes: number[];
  tokens: number;
}

class Writer implements IndexedDatasetWriter {
  count = 0;
  private readonly type: NumberType;
  private readonly shardInstances: number;
  private readonly range: readonly [number, number];
  private readonly shards: Shard[] = [];
  private readonly documents = [0];

  constructor(
    private readonly path: string,
    private readonly options: IndexedDatasetWriterOptions,
  ) {
    const { vocabSize, type } = options;
    if (type === undefined && vocabSize === undefined)
      throw new InternalError("an indexed dataset needs a vocabSize or a type");
    this.type = type ?? (vocabSize! < UINT16_VOCABULARY ? "uint16" : "int32");
    this.range = rangeOf(this.type, vocabSize);
    this.shardInstances = this.isMiniplm ? (options.shardInstances ?? 1_000_000) : Number.POSITIVE_INFINITY;
  }

  async append(tokens: ArrayLike<number> | ArrayLike<bigint>, mode?: number): Promise<void> {
    const values = this.encode(tokens);
    const last = this.shards.at(-1);
    const shard = last !== undefined && last.idx === undefined ? last : await this.startShard();
    await shard.bin.write(bytesOf(values));
    shard.lengths.push(values.length);
    shard.tokens += values.length;
    if (mode !== undefined) shard.modes.push(mode);
    this.count++;
    if (shard.lengths.length === this.shardInstances) await this.seal(shard);
  }

  endDocument(): void {
    if (this.isMiniplm) throw new InternalError("MiniPLM's dialect has no documents");
    this.documents.push(this.count);
  }

  async finish(): Promise<DatasetFile[]> {
    if (this.shards.length === 0) await this.startShard();
    const last = this.shards.at(-1)!;
    if (last.idx === undefined && !(this.isMiniplm && this.count === 0)) await this.seal(last);
    await this.removeEarlier();
    const files: DatasetFile[] = [];
    // From the last to the first: a reader counts up from 0, so it sees all shards or none.
    for (const { prefix, bin, idx, lengths, tokens } of this.shards.toReversed()) {
      const shape = { rows: lengths.length, tokens };
      const data = { name: `${basename(prefix)}.bin`, ...(await bin.publish()), ...shape };
      const index = idx === undefined ? [] : [{ name: `${basename(prefix)}.idx`, ...(await idx.publish()), ...shape }];
      files.unshift(data, ...index);
    }
    return files;
  }

  async abort(): Promise<void> {
    for (const { bin, idx } of this.shards) {
      await bin.discard();
      await idx?.discard();
    }
  }

  private get isMiniplm(): boolean {
    return this.options.dialect === "miniplm";
  }

  private get split(): string {
    return this.options.split ?? "data";
  }

  private async startShard(): Promise<Shard> {
    const prefix = this.isMiniplm ? join(this.path, `${this.split}_${this.shards.length}`) : this.path;
    const shard: Shard = {
      prefix,
      bin: await Publication.open(`${prefix}.bin`, this.options),
      idx: undefined,
      lengths: [],
      modes: [],
      tokens: 0,
    };
    this.shards.push(shard);
    return shard;
  }

  /** Completes both files of a shard, still under their part names. */
  private async seal(shard: Shard): Promise<void> {
    const { prefix, lengths, modes } = shard;
    const documents = this.isMiniplm ? undefined : this.documents;
    if (documents !== undefined && documents.at(-1) !== this.count)
      throw new InternalError(`${this.count - documents.at(-1)!} sequences belong to no document`);
    if (modes.length > 0 && modes.length !== lengths.length)
      throw new InternalError(`${modes.length} modes for ${lengths.length} sequences`);
    await shard.bin.seal();
    shard.idx = await Publication.open(`${prefix}.idx`, this.options);
    const tables = encodeIndex(
      this.options.dialect,
      this.type,
      Int32Array.from(lengths),
      documents,
      modes.length > 0 ? Int8Array.from(modes) : undefined,
    );
    for (const table of tables) await shard.idx.write(table);
    await shard.idx.seal();
  }

  /** Shards of an earlier set would be read as part of this one. The first .idx goes first: with it the earlier set is gone as a whole. */
  private async removeEarlier(): Promise<void> {
    const fileSystem = this.options.fileSystem ?? nodeFileSystem;
    const folder = this.isMiniplm ? this.path : dirname(this.path);
    const first = this.isMiniplm ? `${this.split}_0.idx` : `${basename(this.path)}.idx`;
    const belongs = (name: string) =>
      name === first ||
      (this.isMiniplm &&
        name.startsWith(`${this.split}_`) &&
        /^[0-9]+\.(bin|idx)$/.test(name.slice(this.split.length + 1)));
    await guarded(folder, "the earlier set may be gone; run the same command again", async () => {
      const earlier = (await fileSystem.readdir(folder)).filter(belongs);
      for (const name of earlier.sort((a, b) => Number(b === first) - Number(a === first))) {
        await fileSystem.rm(join(folder, name), { recursive: true, force: true });
      }
    });
  }

  private encode(tokens: ArrayLike<number> | ArrayLike<bigint>): TypedArray {
    const [smallest, largest] = this.range;
    for (let i = 0; i < tokens.length; i++) {
      const value = tokens[i]!;
      if (!(value >= smallest && value <= largest))
        throw new InternalError(
          `${value} at ${i} does not fit a vocabulary of ${smallest} to ${largest} (${this.type})`,
        );
    }
    if (this.type === "int64") return BigInt64Array.from(Array.from(tokens as ArrayLike<number>, BigInt));
    return NUMBER_TYPES[this.type].from(tokens as ArrayLike<number>);
  }
}

function rangeOf(type: NumberType, vocabSize: number | undefined): readonly [number, number] {
  const bounds: Record<NumberType, readonly [number, number]> = {
    uint8: [0, 255],
    int8: [-128, 127],
    int16: [-(2 ** 15), 2 ** 15 - 1],
    uint16: [0, 2 ** 16 - 1],
    int32: [-(2 ** 31), 2 ** 31 - 1],
    int64: [-(2 ** 63), 2 ** 63 - 1024],
    float32: [-Number.MAX_VALUE, Number.MAX_VALUE],
    float64: [-Number.MAX_VALUE, Number.MAX_VALUE],
  };
  const [smallest, largest] = bounds[type];
  return vocabSize === undefined ? [smallest, largest] : [0, Math.min(largest, vocabSize - 1)];
}
