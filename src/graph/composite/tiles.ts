import { add, concat, exp, log, matmul, max, slice, softmax, sub, sum } from "../ops/index.ts";
import type { Value } from "../value.ts";

/** Columns of the vocabulary per tile: 2,048 rows × 2,000 columns ran Gemm at 225 GFLOP/s, the whole 32,000 at 140-180. */
export const TILE = 2048;
/** Logits alive at once (float32: 256 MB). */
export const LOGITS_BUDGET = 2 ** 26;

/** Rows or columns start … end-1. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Cuts `start` … `end-1` into ranges of one size, a multiple of `multiple`; the last may be shorter. */
export function split({ start, end }: Range, parts: number, multiple: number): Range[] {
  const size = Math.ceil((end - start) / parts / multiple) * multiple;
  const ranges: Range[] = [];
  for (let at = start; at < end; at += size) ranges.push({ start: at, end: Math.min(end, at + size) });
  return ranges;
}

/** Tiles of about `tile` columns over some columns of a vocabulary. */
export const columnTiles = (columns: Range, tile = TILE): Range[] =>
  split(columns, Math.max(1, Math.round((columns.end - columns.start) / tile)), 16);

/** Rows `range` of a value. */
export const rowsOf = (x: Value, { start, end }: Range): Value => slice(x, { axis: 0, start, end });

/** A linear head on one tile of the vocabulary. */
export interface SoftmaxTile {
  readonly range: Range;
  /** Logits, [R,n]. */
  readonly z: Value;
  /** Softmax over these n columns alone, [R,n]. */
  readonly p: Value;
  /** Logsumexp over these columns, [R,1]. */
  readonly lse: Value;
}

/**
 * Logits h · W_v of a linear head on a tile of the vocabulary, with their softmax: hidden [R,D], head [V,D].
 * The logsumexp is got from two maxima as max z - log max p: exact, and far cheaper than a second pass of exponentials.
 * Tiles become one distribution by a factor per row and tile, exp(lse_tile - lse).
 */
export function softmaxTile(hidden: Value, head: Value, range: Range): SoftmaxTile {
  const z = matmul(hidden, rowsOf(head, range), { transB: true });
  const p = softmax(z);
  return { range, z, p, lse: sub(max(z, [1]), log(max(p, [1]))) };
}

/** A softmax over some columns of a vocabulary, in tiles. */
export interface TiledSoftmax {
  readonly tiles: readonly SoftmaxTile[];
  /** Logsumexp of each tile, [R,tiles]. */
  readonly lses: Value;
  /** Logsumexp of all tiles, [R,1]. */
  readonly lse: Value;
}

/** A linear head on several tiles of the vocabulary: hidden [R,D], head [V,D]. */
export function tiledSoftmax(hidden: Value, head: Value, ranges: readonly Range[]): TiledSoftmax {
  const tiles = ranges.map((range) => softmaxTile(hidden, head, range));
  const lses = concat(
    tiles.map((tile) => tile.lse),
    1,
  );
  return { tiles, lses, lse: logSumExp(lses) };
}

/** Logsumexp of each row: [R,n] → [R,1]. */
export function logSumExp(x: Value): Value {
  const top = max(x, [1]);
  return add(top, log(sum(exp(sub(x, top)), [1])));
}
