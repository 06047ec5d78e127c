import { HeartcutError } from "../errors.ts";
import { pullback } from "../graph/autodiff.ts";
import { LOGITS_BUDGET, type Range, rowsOf, split } from "../graph/composite/tiles.ts";
import { DTYPES } from "../graph/dtype.ts";
import { add, after, concat, reshape, scatterAdd, slice } from "../graph/ops/index.ts";
import { differentiatedAs, type Value } from "../graph/value.ts";
import type { Distances } from "./losses.ts";

/** Hidden states [R,D] and the linear head [V,D] that makes logits of them. */
export interface LinearHead {
  readonly hidden: Value;
  readonly head: Value;
}

export interface LinearDistillationOptions {
  /** Of both distributions, above 0; default 1. No factor T² is put on. */
  readonly temperature?: number;
  /**
   * Logits of the student alive at once, as elements; default 2^26 (256 MB in float32), and as many of the teacher. Rows
   * that fit are computed once. More are cut into chunks, each computed again for the gradient when the one before it is
   * done: less memory for the time of a second forward product of both heads. At least one row is alive.
   */
  readonly logitsBudget?: number;
}

/** Distances at each row, and the NLL of the targets where they were given: all [R]. */
export interface HeadLosses extends Distances {
  readonly nll?: Value;
}

/** Gradient of a linear head from some rows. */
export interface HeadGradient {
  /** [rows,D] */
  readonly hidden: Value;
  /** Parts of the gradient of the head, [V,D] when joined along axis 0. */
  readonly tiles: readonly Value[];
  /** Rows to be added to that. */
  readonly scattered?: { readonly ids: Value; readonly rows: Value } | undefined;
}

/** The losses of some rows and how cotangents of `losses` and `nll`, [rows], go back through them. */
export interface Chunk {
  readonly rows: HeadLosses;
  backward(losses: Value, nll: Value | undefined): HeadGradient;
}

/** Builds a chunk; `take` gives its rows of a value [R, ...]. */
export type BuildChunk = (take: (x: Value) => Value) => Chunk;

/** A chunk of which only the forward pass is written out. */
export const autodiffChunk = (h: Value, head: Value, rows: HeadLosses): Chunk => ({
  rows,
  backward: (losses, nll) => {
    const seeds: [Value, Value][] = [[rows.losses, losses]];
    if (nll !== undefined) seeds.push([rows.nll!, nll]);
    const [hidden, table] = pullback(seeds, [h, head], [h, head]);
    return { hidden: hidden!, tiles: [table!] };
  },
});

/** Autodiff through a loss keeps some eight matrices of a chunk's shape, the fast path two: its chunks are smaller. */
const AUTODIFF_SHARE = 4;

/**
 * Cuts R rows into chunks that keep to the budget.
 * @param autodiff - whether the chunks are differentiated by the walker: they have a quarter of the rows
 */
export function chunksOf(
  R: number,
  V: number,
  { logitsBudget = LOGITS_BUDGET }: LinearDistillationOptions,
  autodiff: boolean,
): Range[] {
  const elements = R * V * (autodiff ? AUTODIFF_SHARE : 1);
  return split({ start: 0, end: R }, Math.min(R, Math.ceil(elements / logitsBudget)), 1);
}

/** @throws HeartcutError HC1403 for a temperature that is not a number above 0 */
export function checkedTemperature({ temperature = 1 }: LinearDistillationOptions): number {
  if (!(temperature > 0 && Number.isFinite(temperature)))
    throw new HeartcutError("HC1403", {
      what: "the temperature of a distillation is out of range",
      found: String(temperature),
      expected: "a number above 0",
    });
  return temperature;
}

/**
 * Losses over a linear head in chunks of rows, with one gradient rule for all their outputs: gradients reach the
 * student's hidden states and head from `losses` and `nll`; the other outputs have none.
 * Of several chunks nothing is kept: each is built again for the gradient, behind the gradients of the one before it.
 */
export function inChunks({ hidden, head }: LinearHead, chunks: readonly Range[], build: BuildChunk): HeadLosses {
  const built = chunks.map((range) => build((x) => rowsOf(x, range)));
  const column = (x: Value) => reshape(x, [x.shape[0]!, 1]);
  const withNll = built[0]!.rows.nll !== undefined;
  const table = concat(
    built.map(({ rows: { losses, teacherEntropy, kl, nll } }) =>
      concat([losses, teacherEntropy, kl, ...(nll === undefined ? [] : [nll])].map(column), 1),
    ),
    0,
  );
  differentiatedAs(table, [hidden, head], (ct) => {
    const hiddens: Value[] = [];
    const tiles: Value[] = [];
    const scattered: { ids: Value; rows: Value }[] = [];
    let signal = ct;
    for (const range of chunks) {
      const take = (x: Value) => (DTYPES[x.dtype].floating ? after(rowsOf(x, range), signal) : rowsOf(x, range));
      const chunk = chunks.length === 1 ? built[0]! : build(take);
      const of = (place: number) => columnOf(rowsOf(ct, range), place);
      const own = chunk.backward(of(LOSSES), withNll ? of(NLL) : undefined);
      hiddens.push(own.hidden);
      for (const [j, tile] of own.tiles.entries()) tiles[j] = tiles[j] === undefined ? tile : add(tiles[j], tile);
      if (own.scattered !== undefined) scattered.push(own.scattered);
      signal = [own.hidden, ...tiles].map((x) => rowsOf(x, { start: 0, end: 1 })).reduce((a, b) => add(a, b));
    }
    const base = concat(tiles, 0);
    return [concat(hiddens, 0), scattered.reduce((sum, { ids, rows }) => scatterAdd(sum, ids, rows), base)];
  });
  const outputs = { losses: columnOf(table, LOSSES), teacherEntropy: columnOf(table, 1), kl: columnOf(table, 2) };
  return withNll ? { ...outputs, nll: columnOf(table, NLL) } : outputs;
}

/** Columns of the table of outputs; 1 and 2 are the teacher's entropy and the true KL. */
const LOSSES = 0;
const NLL = 3;

/** Column `place` of [R,n] as [R]. */
function columnOf(x: Value, place: number): Value {
  return reshape(slice(x, { axis: 1, start: place, end: place + 1 }), [x.shape[0]!]);
}
