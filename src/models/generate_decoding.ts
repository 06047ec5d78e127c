import type { TypedArray } from "../graph/dtype.ts";
import { input, type Value } from "../graph/value.ts";
import type { Buffers } from "../runtime/executable.ts";
import type { KeyValue } from "./causal.ts";

/** A batch whose inputs have been read and whose rows are continued token by token: what the two kinds of model share. */
export interface Decoding {
  /** Rows of the batch, at least one per input. */
  readonly B: number;
  /** The id from which each input goes on: its last one, or the decoder's start id. */
  readonly first: readonly number[];
  /**
   * Appends one id to each row. @param ids - undefined for a row that is no longer read: it stays as it is
   * @returns logits of the next token, [B,V]; overwritten by the next call
   */
  step(ids: readonly (number | undefined)[]): Promise<Float32Array>;
  /** Goes on with these rows only, in this order, in a batch of B (the rows beyond are idle). */
  keep(rows: readonly number[], B: number): void;
}

const PARTS = ["k", "v"] as const;

/** Declares the inputs `<name>.<layer>.k` and `.v` of a step graph, float32 of one shape each. */
export function keyValueInputs(name: string, layers: number, shape: readonly number[]): KeyValue[] {
  return Array.from({ length: layers }, (_, layer) => {
    const [k, v] = PARTS.map((part) => input(`${name}.${layer}.${part}`, "float32", shape));
    return { k: k!, v: v! };
  });
}

/** Names keys and values as outputs of a graph: `<name>.<layer>.k` and `.v`. */
export function keyValueOutputs(name: string, pairs: readonly KeyValue[]): Record<string, Value> {
  return Object.fromEntries(
    pairs.flatMap((pair, layer) => PARTS.map((part): [string, Value] => [`${name}.${layer}.${part}`, pair[part]])),
  );
}

export interface CacheShape {
  readonly layers: number;
  /** Rows. */
  readonly B: number;
  /** Heads of keys and values. */
  readonly K: number;
  /** Size of a head. */
  readonly H: number;
}

/** First room of a cache that grows: doubling from here, a text of n tokens needs log n graphs. */
const FIRST_ROOM = 64;

/**
 * Keys and values by layer, [B,K,room,H] each: buffers that step graphs read where they are. New ones are written behind
 * the old ones in place; each row has its own length, which its owner keeps.
 */
export class KeyValueCache {
  room = 0;
  private B: number;
  private readonly arrays = new Map<string, Float32Array<ArrayBuffer>>();

  constructor(
    private readonly name: string,
    private readonly shape: CacheShape,
  ) {
    this.B = shape.B;
  }

  /** The buffers by name, `<name>.<layer>.k` and `.v`: feeds of `keyValueInputs`, or results of `keyValueOutputs`. */
  get feeds(): Record<string, TypedArray> {
    return Object.fromEntries(this.arrays);
  }

  /** Makes room for so many places: a power of two, or exactly as many where the size is known. */
  reserve(places: number, exact = false): void {
    if (places <= this.room) return;
    let room = exact ? places : Math.max(this.room, FIRST_ROOM);
    while (room < places) room *= 2;
    const rows = Array.from({ length: this.B }, (_, row) => row);
    this.layOut(rows, this.B, room);
  }

  /** Keeps these rows only, in this order, in buffers of B rows. */
  keep(rows: readonly number[], B: number): void {
    this.layOut(rows, B, this.room);
  }

  /**
   * Copies keys and values of one row, places 0 … count-1 of `<fresh>.<layer>.k/v` [B,K,T,H], to places from `at` on.
   * @param T - places per row of the fresh buffers
   */
  write(
    results: Buffers,
    fresh: string,
    row: number,
    { T, count, at }: { T: number; count: number; at: number },
  ): void {
    const { K, H } = this.shape;
    for (const [name, array] of this.arrays) {
      const source = results[fresh + name.slice(this.name.length)] as Float32Array;
      for (let head = row * K; head < (row + 1) * K; head++)
        array.set(source.subarray(head * T * H, (head * T + count) * H), (head * this.room + at) * H);
    }
  }

  private layOut(rows: readonly number[], B: number, room: number): void {
    const { layers, K, H } = this.shape;
    const places = Math.min(room, this.room) * H;
    for (let layer = 0; layer < layers; layer++)
      for (const part of PARTS) {
        const name = `${this.name}.${layer}.${part}`;
        const old = this.arrays.get(name);
        const array = new Float32Array(B * K * room * H);
        if (old !== undefined)
          for (const [to, from] of rows.entries())
            for (let head = 0; head < K; head++) {
              const start = (from * K + head) * this.room * H;
              array.set(old.subarray(start, start + places), (to * K + head) * room * H);
            }
        this.arrays.set(name, array);
      }
    this.B = B;
    this.room = room;
  }
}
