import { add, concat, exp, gather, matmul, mul, neg, reshape, scatterAdd, slice, sub, sum } from "../ops/index.ts";
import { differentiatedAs, type Value } from "../value.ts";
import { columnTiles, LOGITS_BUDGET, rowsOf, split, tiledSoftmax } from "./tiles.ts";

/**
 * Cross-entropy of a linear head without the [rows, V] matrix of logits in one piece:
 * nll_i = logsumexp_v(h_i · W_v) - h_i · W_target(i), in nats.
 * hidden [R,D], head [V,D], targets int [R] → [R]. Padded vocabularies are plain columns here.
 *
 * Per tile of the vocabulary: softmax within the tile and the tile's logsumexp (see tiles.ts). The factor
 * exp(lse_tile - lse) is a number per row: in the gradient it multiplies the [R,D] side, never [R,V].
 */
export function linearCrossEntropy(
  hidden: Value,
  head: Value,
  targets: Value,
  { tile, logitsBudget = LOGITS_BUDGET }: { tile?: number; logitsBudget?: number } = {},
): Value {
  const rows = hidden.shape[0]!;
  const vocabulary = head.shape[0]!;
  const width = hidden.shape[1]!;
  const tiles = columnTiles({ start: 0, end: vocabulary }, tile);
  const chunks = split({ start: 0, end: rows }, Math.ceil((rows * vocabulary) / logitsBudget), 1);

  const parts = chunks.map((c) => {
    const h = rowsOf(hidden, c);
    const y = rowsOf(targets, c);
    const q = tiledSoftmax(h, head, tiles);
    const target = gather(head, y);
    const nll = reshape(sub(q.lse, sum(mul(h, target), [1])), [c.end - c.start]);
    return { c, h, y, target, q, nll };
  });

  const nll = concat(
    parts.map((part) => part.nll),
    0,
  );
  return differentiatedAs(nll, [hidden, head], (ct) => {
    const dHidden: Value[] = [];
    const dHead: Value[] = [];
    let dHeadRows: { ids: Value; rows: Value }[] = [];
    for (const { c, h, y, target, q } of parts) {
      const weight = reshape(rowsOf(ct, c), [c.end - c.start, 1]);
      const shares = mul(exp(sub(q.lses, q.lse)), weight);
      let dH: Value = neg(mul(weight, target));
      for (const [j, { range, p }] of q.tiles.entries()) {
        const share = slice(shares, { axis: 1, start: j, end: j + 1 });
        dH = add(dH, mul(matmul(p, rowsOf(head, range)), share));
        const dTile = matmul(p, mul(h, share), { transA: true });
        dHead[j] = dHead[j] === undefined ? dTile : add(dHead[j], dTile);
      }
      dHidden.push(dH);
      dHeadRows = [...dHeadRows, { ids: y, rows: neg(mul(h, weight)) }];
    }
    const table = dHeadRows.reduce((base, { ids, rows: r }) => scatterAdd(base, ids, r), concat(dHead, 0));
    return [reshape(concat(dHidden, 0), [rows, width]), table];
  });
}
