import {
  add,
  concat,
  exp,
  gather,
  log,
  matmul,
  max,
  mul,
  neg,
  reshape,
  scatterAdd,
  slice,
  softmax,
  sub,
  sum,
} from "../ops/index.ts";
import { differentiatedAs, type Value } from "../value.ts";

/** Columns of the vocabulary per tile: 2,048 rows × 2,000 columns ran Gemm at 225 GFLOP/s, the whole 32,000 at 140-180. */
const TILE = 2048;
/** Logits alive at once (float32: 256 MB). */
const LOGITS_BUDGET = 2 ** 26;

interface Tile {
  readonly start: number;
  readonly end: number;
}

function split(total: number, parts: number, multiple: number): Tile[] {
  const size = Math.ceil(total / parts / multiple) * multiple;
  const tiles: Tile[] = [];
  for (let start = 0; start < total; start += size) tiles.push({ start, end: Math.min(total, start + size) });
  return tiles;
}

/**
 * Cross-entropy of a linear head without the [rows, V] matrix of logits in one piece:
 * nll_i = logsumexp_v(h_i · W_v) - h_i · W_target(i), in nats.
 * hidden [R,D], head [V,D], targets int [R] → [R]. Padded vocabularies are plain columns here.
 *
 * Per tile of the vocabulary: softmax within the tile and the tile's logsumexp, got from two maxima as
 * max z - log max p (exact, and far cheaper than a second pass of exponentials). The factor exp(lse_tile - lse) that
 * makes the tiles one distribution is a number per row: in the gradient it multiplies the [R,D] side, never [R,V].
 */
export function linearCrossEntropy(
  hidden: Value,
  head: Value,
  targets: Value,
  { tile = TILE, logitsBudget = LOGITS_BUDGET } = {},
): Value {
  const rows = hidden.shape[0]!;
  const vocabulary = head.shape[0]!;
  const width = hidden.shape[1]!;
  const tiles = split(vocabulary, Math.max(1, Math.round(vocabulary / tile)), 16);
  const chunks = split(rows, Math.ceil((rows * vocabulary) / logitsBudget), 1);
  const headTile = (t: Tile) => slice(head, { axis: 0, ...t });
  const rowsOf = (x: Value, c: Tile) => slice(x, { axis: 0, ...c });

  const parts = chunks.map((c) => {
    const h = rowsOf(hidden, c);
    const y = rowsOf(targets, c);
    const count = c.end - c.start;
    const perTile = tiles.map((t) => {
      const z = matmul(h, headTile(t), { transB: true });
      const p = softmax(z);
      return { p, lse: sub(max(z, [1]), log(max(p, [1]))) };
    });
    const lses = concat(
      perTile.map((t) => t.lse),
      1,
    );
    const top = max(lses, [1]);
    const lse = add(top, log(sum(exp(sub(lses, top)), [1])));
    const target = gather(head, y);
    const nll = reshape(sub(lse, sum(mul(h, target), [1])), [count]);
    return { c, h, y, target, lses, lse, p: perTile.map((t) => t.p), nll };
  });

  const nll = concat(
    parts.map((part) => part.nll),
    0,
  );
  return differentiatedAs(nll, [hidden, head], (ct) => {
    const dHidden: Value[] = [];
    const dHead: Value[] = [];
    let dHeadRows: { ids: Value; rows: Value }[] = [];
    for (const { c, h, y, target, lses, lse, p } of parts) {
      const weight = reshape(rowsOf(ct, c), [c.end - c.start, 1]);
      const shares = mul(exp(sub(lses, lse)), weight);
      let dH: Value = neg(mul(weight, target));
      tiles.forEach((t, j) => {
        const share = slice(shares, { axis: 1, start: j, end: j + 1 });
        dH = add(dH, mul(matmul(p[j]!, headTile(t)), share));
        const dTile = matmul(p[j]!, mul(h, share), { transA: true });
        dHead[j] = dHead[j] === undefined ? dTile : add(dHead[j], dTile);
      });
      dHidden.push(dH);
      dHeadRows = [...dHeadRows, { ids: y, rows: neg(mul(h, weight)) }];
    }
    const table = dHeadRows.reduce((base, { ids, rows: r }) => scatterAdd(base, ids, r), concat(dHead, 0));
    return [reshape(concat(dHidden, 0), [rows, width]), table];
  });
}
