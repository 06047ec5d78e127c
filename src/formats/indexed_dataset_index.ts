import { HeartcutError } from "../errors.ts";
import type { Limits } from "./limits.ts";
import { bytesOf, type TypedArray } from "./typed_array.ts";

/** Whose reader the files are for: Megatron-core (documents of sequences, one pair of files) or MiniPLM (shards of instances, no documents). */
export type Dialect = "megatron" | "miniplm";

/** Number types of a .bin file. */
export const NUMBER_TYPES = {
  uint8: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float32: Float32Array,
  float64: Float64Array,
  uint16: Uint16Array,
} as const;

/** Name of a number type of a .bin file. */
export type NumberType = keyof typeof NUMBER_TYPES;

/** Codes in the header. MiniPLM has fairseq's older table, in which 6 and 7 are the other way round. */
const CODES: Record<Dialect, Record<NumberType, number>> = {
  megatron: { uint8: 1, int8: 2, int16: 3, int32: 4, int64: 5, float64: 6, float32: 7, uint16: 8 },
  miniplm: { uint8: 1, int8: 2, int16: 3, int32: 4, int64: 5, float32: 6, float64: 7, uint16: 8 },
};

/** Vocabularies below this size are stored as uint16 by both reference builders. */
export const UINT16_VOCABULARY = 65500;

const MAGIC = Buffer.from("MMIDIDX\0\0", "latin1");
const HEADER_BYTES = 34;

/** A parsed and checked .idx file. */
export interface DatasetIndex {
  dialect: Dialect;
  type: NumberType;
  /** Length of each sequence, in tokens. */
  lengths: Int32Array;
  /** Position of each sequence in .bin, in bytes; one entry more than sequences, the last is the size of .bin. */
  positions: Float64Array;
  /** Number of sequences before each document, ending with the number of all; undefined for MiniPLM, which has no documents. */
  documents: Float64Array | undefined;
  /** Mode of each sequence, in multimodal Megatron sets. */
  modes: Int8Array | undefined;
}

/**
 * Parses an .idx file and checks that every table agrees with the others and with the size of .bin.
 * @throws HeartcutError HC1060 naming the file and the fault, HC1006 over a limit
 */
export function parseIndex(bytes: Uint8Array, dataBytes: number, where: string, limits: Limits): DatasetIndex {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < HEADER_BYTES)
    throw damaged(where, `it has ${bytes.length} bytes, its header alone needs ${HEADER_BYTES}`);
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) {
    const legacy = Buffer.from(bytes.subarray(0, 6)).equals(Buffer.from("TNTIDX"));
    throw damaged(
      where,
      legacy
        ? "it is in the older TNTIDX form (not memory-mapped), which is not supported"
        : "it does not begin with MMIDIDX",
    );
  }
  const version = view.getBigUint64(9, true);
  if (version !== 1n) throw damaged(where, `its version is ${version}, not 1`);
  const count = bounded(view.getBigUint64(18, true), limits.indexSequences, "sequences", where);
  const entries = bounded(view.getBigUint64(26, true), limits.indexDocuments, "documents", where);
  const tables = HEADER_BYTES + 12 * count + 8 * entries;
  if (bytes.length !== tables && bytes.length !== tables + count) {
    throw damaged(
      where,
      `it has ${bytes.length} bytes, ${count} sequences and ${entries} document entries take ${tables}`,
    );
  }
  const documents = readDocuments(view, HEADER_BYTES + 12 * count, entries, count, where);
  const dialect = documents === undefined ? "miniplm" : "megatron";
  const type = typeOfCode(bytes[17]!, dialect, where);
  const lengths = new Int32Array(count);
  const positions = new Float64Array(count + 1);
  const width = NUMBER_TYPES[type].BYTES_PER_ELEMENT;
  for (let i = 0; i < count; i++) {
    const length = view.getInt32(HEADER_BYTES + 4 * i, true);
    if (length < 0) throw damaged(where, `sequence ${i} has the length ${length}`);
    const position = Number(view.getBigInt64(HEADER_BYTES + 4 * count + 8 * i, true));
    if (position !== positions[i])
      throw damaged(where, `sequence ${i} begins at byte ${position}, the lengths before it add up to ${positions[i]}`);
    lengths[i] = length;
    positions[i + 1] = position + length * width;
  }
  if (positions[count] !== dataBytes)
    throw damaged(where, `its .bin has ${dataBytes} bytes, the sequences take ${positions[count]}`);
  const modes = bytes.length > tables ? Int8Array.from(bytes.subarray(tables)) : undefined;
  return { dialect, type, lengths, positions, documents, modes };
}

/** The bytes of an .idx file, table by table. @param documents - boundaries as in DatasetIndex; undefined writes MiniPLM's single 0 */
export function encodeIndex(
  dialect: Dialect,
  type: NumberType,
  lengths: Int32Array,
  documents: ArrayLike<number> | undefined,
  modes: Int8Array | undefined,
): Uint8Array[] {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  const table = documents ?? [0];
  header.set(MAGIC);
  view.setBigUint64(9, 1n, true);
  header[17] = CODES[dialect][type];
  view.setBigUint64(18, BigInt(lengths.length), true);
  view.setBigUint64(26, BigInt(table.length), true);
  const positions = new BigInt64Array(lengths.length);
  const width = NUMBER_TYPES[type].BYTES_PER_ELEMENT;
  let position = 0;
  for (let i = 0; i < lengths.length; i++) {
    positions[i] = BigInt(position);
    position += lengths[i]! * width;
  }
  const tables: TypedArray[] = [header, lengths, positions, BigInt64Array.from(Array.from(table, BigInt))];
  if (modes !== undefined) tables.push(modes);
  return tables.map(bytesOf);
}

/** MiniPLM writes the single entry 0; everything else has to be a Megatron table, from 0 up to the number of sequences. */
function readDocuments(
  view: DataView,
  offset: number,
  entries: number,
  count: number,
  where: string,
): Float64Array | undefined {
  const documents = new Float64Array(entries);
  for (let i = 0; i < entries; i++) documents[i] = Number(view.getBigInt64(offset + 8 * i, true));
  if (documents[0] !== 0) throw damaged(where, `its document table begins with ${documents[0] ?? "nothing"}, not 0`);
  if (entries === 1 && count > 0) return undefined;
  for (let i = 1; i < entries; i++)
    if (documents[i]! < documents[i - 1]!)
      throw damaged(where, `entry ${i} of its document table is smaller than the one before`);
  if (documents[entries - 1] !== count)
    throw damaged(where, `its document table ends at ${documents[entries - 1]} of ${count} sequences`);
  return documents;
}

function typeOfCode(code: number, dialect: Dialect, where: string): NumberType {
  for (const [type, own] of Object.entries(CODES[dialect])) if (own === code) return type as NumberType;
  throw damaged(where, `its number type has the unknown code ${code}`);
}

function bounded(count: bigint, limit: number, what: string, where: string): number {
  if (count <= BigInt(limit)) return Number(count);
  throw new HeartcutError("HC1006", {
    what: `indexed dataset over its limit on ${what}`,
    where,
    found: String(count),
    expected: `at most ${limit}`,
    fix: "split the data into shards, or raise the limit",
  });
}

function damaged(where: string, what: string): HeartcutError {
  return new HeartcutError("HC1060", {
    what: `the indexed dataset is damaged: ${what}`,
    where,
    fix: "pack or copy the data again: .bin and .idx must come from the same run",
  });
}
