import { HeartcutError } from "../errors.ts";
import type { Limits } from "./limits.ts";
import { type JsonValue, parseStrictJson, quoted } from "./strict_json.ts";

/** File names in a model folder, as transformers writes them: one file, or shards with their index. */
export const SINGLE_FILE = "model.safetensors";
export const SHARD_INDEX = "model.safetensors.index.json";

/**
 * Bits of one element by dtype, in the order of the reference library's enumeration: a written file holds the last ones first.
 * Source: huggingface/safetensors, `Dtype`.
 */
export const DTYPE_BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** Element type of a tensor, as safetensors spells it. */
export type Dtype = keyof typeof DTYPE_BITS;

/** Rank of each dtype in the enumeration. */
export const DTYPE_ORDER: ReadonlyMap<string, number> = new Map(Object.keys(DTYPE_BITS).map((name, i) => [name, i]));

/** One tensor as a header describes it. */
export interface HeaderTensor {
  dtype: Dtype;
  shape: number[];
  /** First byte, counted from the start of the data. */
  start: number;
  /** First byte behind it. */
  end: number;
}

/** A checked header: every byte of the data belongs to exactly one tensor. */
export interface SafetensorsHeader {
  metadata: Map<string, string>;
  /** In the order of the header. */
  tensors: Map<string, HeaderTensor>;
}

/**
 * Parses and checks the JSON header of a safetensors file.
 * @param bytes - the header without its length
 * @param dataBytes - length of the file behind the header
 * @throws HeartcutError HC1010-HC1013
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  dataBytes: number,
  where: string,
  limits: Limits,
): SafetensorsHeader {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw headerFault(where, "it is not UTF-8");
  }
  if (!text.startsWith("{")) throw headerFault(where, 'it does not begin with "{"');
  const root = members(
    parseStrictJson(text, {
      maxDepth: 3,
      where: `${where}, header`,
      code: "HC1011",
      digitsOnly: true,
      maxMembers: limits.safetensorsTensors + 1,
    }),
    where,
    "the header",
  );
  const header: SafetensorsHeader = { metadata: new Map(), tensors: new Map() };
  for (const [name, value] of Object.entries(root)) {
    if (name === "__metadata__") readMetadata(value, where, header.metadata);
    else header.tensors.set(name, readTensor(name, value, where));
  }
  checkCoverage(header.tensors, dataBytes, where);
  return header;
}

/** Bytes that a tensor takes. @returns undefined if they are no whole number up to 2^53 */
export function tensorBytes(dtype: Dtype, shape: readonly number[]): number | undefined {
  let elements = 1;
  for (const size of shape) {
    elements *= size;
    if (elements > Number.MAX_SAFE_INTEGER) return undefined;
  }
  const bits = elements * DTYPE_BITS[dtype];
  return bits <= Number.MAX_SAFE_INTEGER && bits % 8 === 0 ? bits / 8 : undefined;
}

function readMetadata(value: JsonValue, where: string, into: Map<string, string>): void {
  for (const [key, text] of Object.entries(members(value, where, "__metadata__"))) {
    if (typeof text !== "string") throw headerFault(where, `__metadata__ ${quoted(key)} is not a string`);
    into.set(key, text);
  }
}

function readTensor(name: string, value: JsonValue, where: string): HeaderTensor {
  const fields = members(value, where, `tensor ${quoted(name)}`);
  for (const key of Object.keys(fields)) {
    if (key !== "dtype" && key !== "shape" && key !== "data_offsets")
      throw headerFault(where, `tensor ${quoted(name)} has the unknown field ${quoted(key)}`);
  }
  const { dtype, shape, data_offsets: offsets } = fields;
  if (typeof dtype !== "string" || !isDtype(dtype))
    throw headerFault(where, `tensor ${quoted(name)} has the dtype ${quoted(String(dtype))}`);
  if (!isNumbers(shape)) throw headerFault(where, `tensor ${quoted(name)} has no shape`);
  if (!isNumbers(offsets) || offsets.length !== 2)
    throw headerFault(where, `tensor ${quoted(name)} has no pair of data_offsets`);
  const [start, end] = offsets as [number, number];
  const expected = tensorBytes(dtype, shape);
  if (expected === undefined)
    throw headerFault(where, `tensor ${quoted(name)} of shape [${shape}] has no size in whole bytes below 2^53`);
  if (end - start !== expected) {
    throw headerFault(
      where,
      `tensor ${quoted(name)} takes the bytes ${start} to ${end}, but ${dtype}[${shape}] needs ${expected}`,
    );
  }
  return { dtype, shape, start, end };
}

/** Offsets, in ascending order, must cover the data from 0 to its end without hole or overlap, so that no bytes hide in the file. */
function checkCoverage(tensors: ReadonlyMap<string, HeaderTensor>, dataBytes: number, where: string): void {
  const ordered = [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let position = 0;
  for (const [name, { start, end }] of ordered) {
    if (start !== position) {
      throw headerFault(
        where,
        `tensor ${quoted(name)} begins at byte ${start}, ${start < position ? "inside" : "not at the end of"} the one before, which ends at ${position}`,
      );
    }
    position = end;
  }
  if (position === dataBytes) return;
  throw new HeartcutError("HC1012", {
    what:
      position > dataBytes
        ? "the safetensors file is cut off"
        : "the safetensors file has bytes that belong to no tensor",
    where,
    found: `${dataBytes} bytes of data`,
    expected: `${position} bytes, as the header says`,
    fix: "fetch or write the file again; compare its size and SHA-256 with the source",
  });
}

function isDtype(name: string): name is Dtype {
  return DTYPE_ORDER.has(name);
}

function isNumbers(value: JsonValue | undefined): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}

function members(value: JsonValue, where: string, what: string): { [key: string]: JsonValue } {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw headerFault(where, `${what} is not an object`);
  return value;
}

/** The error for a header that breaks the format. */
export function headerFault(where: string, what: string): HeartcutError {
  return new HeartcutError("HC1011", {
    what: `damaged safetensors header: ${what}`,
    where,
    fix: "fetch or write the file again; compare its size and SHA-256 with the source",
  });
}
