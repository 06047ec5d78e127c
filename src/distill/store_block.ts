import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import type { TopLogProbs } from "./record.ts";
import { BitReader, BitWriter, bytesOfBits } from "./store_bits.ts";
import { COST_CODES, LEAST_REST, type StorePrecision } from "./store_precision.ts";

/** A teacher's likeliest tokens at the label positions of one instance, as they come out of a store: one distribution each. */
export interface StoredTopLogProbs extends TopLogProbs {
  /** Probability of all other tokens together, float32 [n-1]: never below 0; 0 only where k is the whole vocabulary. */
  readonly rest: Float32Array;
}

/** What all blocks of a shard share. */
export interface BlockShape {
  readonly topK: number;
  readonly vocabSize: number;
  readonly precision: StorePrecision;
}

/** Bytes in front of a block's numbers: length of the deflated classes. */
const HEAD_BYTES = 4;

/**
 * Packs one instance. Every number v (rank of an id, difference of two costs, cost of the rest) becomes a class, the count of
 * its bits, and its bits without the leading one. Classes are few and very unequal: Huffman codes bring them near their
 * entropy; the bits behind are near random and stay as they are.
 * @param ranks - place of each id in the shard's table
 */
export function encodeBlock(top: TopLogProbs, ranks: Uint32Array, shape: BlockShape): Uint8Array {
  const numbers = numbersOf(top, ranks, shape);
  const classes = new Uint8Array(numbers.length);
  const bits = new BitWriter();
  for (let i = 0; i < numbers.length; i++) {
    const width = 32 - Math.clz32(numbers[i]!);
    classes[i] = width;
    if (width > 1) bits.write(numbers[i]!, width - 1);
  }
  // Matches would be found by chance only: searching for them costs time and bytes.
  const packed = deflateRawSync(classes, { strategy: constants.Z_HUFFMAN_ONLY });
  const rest = bits.finish();
  const block = new Uint8Array(HEAD_BYTES + packed.length + rest.length);
  new DataView(block.buffer).setUint32(0, packed.length, true);
  block.set(packed, HEAD_BYTES);
  block.set(rest, HEAD_BYTES + packed.length);
  return block;
}

/**
 * Unpacks one instance of n label positions.
 * @param table - id of each rank
 * @param damaged - makes the error for bytes that are no such block
 * @returns [n,k]; where the precision rounds, the k values and the rest are scaled to be one distribution again
 */
export function decodeBlock(
  block: Uint8Array,
  n: number,
  table: Int32Array,
  shape: BlockShape,
  damaged: (found: string) => Error,
): StoredTopLogProbs {
  const { topK: k, vocabSize, precision } = shape;
  const code = COST_CODES[precision];
  const numbers = unpackNumbers(block, n * numbersPerPosition(shape), damaged);
  const ids = new Int32Array(n * k);
  const codes = new Uint32Array(n * k);
  for (let j = 0; j < k; j++)
    for (let t = 0; t < n; t++) {
      const at = t * k + j;
      const rank = numbers[j * n + t]!;
      if (rank >= table.length) throw damaged(`rank ${rank} of ${table.length} ids`);
      ids[at] = table[rank]!;
      const sum = numbers[(k + j) * n + t]! + (j === 0 ? 0 : codes[at - 1]!);
      if (sum > code.last) throw damaged(`code ${sum} where ${code.last} is the largest`);
      codes[at] = sum;
    }
  const costs = new Float32Array(n * k);
  code.decode(codes, costs);
  const rest = new Float32Array(n);
  if (k < vocabSize) {
    const restCodes = numbers.subarray(2 * k * n);
    for (const found of restCodes)
      if (found > code.last) throw damaged(`code ${found} where ${code.last} is the largest`);
    code.decode(restCodes, rest);
    for (let t = 0; t < n; t++) rest[t] = Math.exp(-rest[t]!);
  }
  const logProbs = costs;
  for (let i = 0; i < logProbs.length; i++) logProbs[i] = 0 - logProbs[i]!;
  if (!code.exact) normalize(logProbs, rest, k);
  return { ids, logProbs, rest };
}

/** Probability left over by the k log-probabilities from `at` on, in doubles; not below LEAST_REST. */
export function restOf(logProbs: Float32Array, at: number, k: number): number {
  let mass = 0;
  for (let j = 0; j < k; j++) mass += Math.exp(logProbs[at + j]!);
  return Math.max(LEAST_REST, 1 - mass);
}

function numbersPerPosition({ topK, vocabSize }: BlockShape): number {
  return 2 * topK + (topK < vocabSize ? 1 : 0);
}

/** Ranks, cost differences and rests, likeliest tokens of all positions first: like stands beside like. */
function numbersOf({ logProbs }: TopLogProbs, ranks: Uint32Array, shape: BlockShape): Uint32Array {
  const { topK: k, vocabSize, precision } = shape;
  const n = ranks.length / k;
  const code = COST_CODES[precision];
  const costs = logProbs.map((x) => Math.max(0, -x));
  const codes = new Uint32Array(n * k);
  code.encode(costs, codes);
  const numbers = new Uint32Array(n * numbersPerPosition(shape));
  for (let j = 0; j < k; j++)
    for (let t = 0; t < n; t++) {
      const at = t * k + j;
      numbers[j * n + t] = ranks[at]!;
      numbers[(k + j) * n + t] = codes[at]! - (j === 0 ? 0 : codes[at - 1]!);
    }
  if (k < vocabSize) {
    const rests = Float32Array.from({ length: n }, (_, t) => -Math.log(restOf(logProbs, t * k, k)));
    for (let t = 0; t < n; t++) rests[t] = Math.max(0, rests[t]!);
    code.encode(rests, numbers.subarray(2 * k * n));
  }
  return numbers;
}

function unpackNumbers(block: Uint8Array, count: number, damaged: (found: string) => Error): Uint32Array {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const packed = block.length < HEAD_BYTES ? Number.POSITIVE_INFINITY : view.getUint32(0, true);
  if (HEAD_BYTES + packed > block.length) throw damaged(`a block of ${block.length} bytes that is cut off`);
  const classes = inflate(block.subarray(HEAD_BYTES, HEAD_BYTES + packed), count);
  if (classes?.length !== count) throw damaged(`${classes?.length ?? "no"} classes where ${count} are due`);
  let width = 0;
  for (const each of classes) {
    if (each > 32) throw damaged(`class ${each}`);
    width += Math.max(0, each - 1);
  }
  const bits = block.subarray(HEAD_BYTES + packed);
  if (bits.length !== bytesOfBits(width))
    throw damaged(`${bits.length} bytes of bits where ${bytesOfBits(width)} are due`);
  const reader = new BitReader(bits);
  const numbers = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const each = classes[i]!;
    numbers[i] = each < 2 ? each : (reader.read(each - 1) | (1 << (each - 1))) >>> 0;
  }
  return numbers;
}

/** Undefined for bytes that are no deflate stream, or one of more than `count` bytes. */
function inflate(bytes: Uint8Array, count: number): Uint8Array | undefined {
  try {
    return inflateRawSync(bytes, { maxOutputLength: Math.max(1, count) });
  } catch {
    return undefined;
  }
}

/** Takes the rounding out of the total mass: the k values and the rest become one distribution. */
function normalize(logProbs: Float32Array, rest: Float32Array, k: number): void {
  for (let t = 0; t < rest.length; t++) {
    let mass = rest[t]!;
    for (let j = 0; j < k; j++) mass += Math.exp(logProbs[t * k + j]!);
    const shift = Math.log(mass);
    for (let j = 0; j < k; j++) logProbs[t * k + j] = Math.min(0, logProbs[t * k + j]! - shift);
    rest[t] = rest[t]! / mass;
  }
}
