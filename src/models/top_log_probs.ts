import { columnTiles, LOGITS_BUDGET, rowsOf, type SoftmaxTile, split, tiledSoftmax } from "../graph/composite/tiles.ts";
import { cast, concat, gather, mul, reshape, shift, sub, sum, takeAlong, topK } from "../graph/ops/index.ts";
import { input, scoped, type Value } from "../graph/value.ts";
import type { CausalDescription } from "./architecture.ts";
import { type GraphShape, hiddenStates } from "./causal_graphs.ts";
import { weightInputs } from "./weight_inputs.ts";

/** Logits of the tiles and the same logits side by side are alive at once. */
const CHUNK_BUDGET = LOGITS_BUDGET / 4;

/**
 * ids, targets [B,T] → `nll` [B·T] as nllGraph gives it, and of the same pass the k likeliest next tokens: `top_ids` int32
 * [B·T,k] by falling probability, equal ones by rising id, and `top_log_probs` [B·T,k] in nats. The head's rows are done
 * in chunks: [B·T,V] is never whole.
 */
export function topLogProbsGraph(d: CausalDescription, shape: GraphShape, k: number): Record<string, Value> {
  const { get } = weightInputs(d, "float32");
  const hidden = hiddenStates(d, get, shape);
  const targets = reshape(input("targets", "int32", [shape.B, shape.T]), [shape.B * shape.T]);
  return scoped("lm_head", () => linearTopK(hidden, d.architecture.head(get), targets, k));
}

/**
 * The head alone, on states that `hiddenGraph` gave: hidden [R,D], targets int32 [R] → `nll` [R] and the likeliest id at each
 * place, `top_ids` int32 [R,1].
 */
export function likeliestGraph(d: CausalDescription, rows: number): Record<string, Value> {
  const { get } = weightInputs(d, "float32");
  const hidden = input("hidden", "float32", [rows, d.config.hiddenSize]);
  const targets = input("targets", "int32", [rows]);
  const { nll, top_ids } = scoped("lm_head", () => linearTopK(hidden, d.architecture.head(get), targets, 1));
  return { nll, top_ids };
}

/** hidden [R,D], head [V,D], targets int [R] → nll [R], top_ids and top_log_probs [R,k]. */
function linearTopK(
  hidden: Value,
  head: Value,
  targets: Value,
  k: number,
): Record<"nll" | "top_ids" | "top_log_probs", Value> {
  const rows = hidden.shape[0]!;
  const vocabulary = head.shape[0]!;
  const tiles = columnTiles({ start: 0, end: vocabulary });
  const chunks = split({ start: 0, end: rows }, Math.ceil((rows * vocabulary) / CHUNK_BUDGET), 1).map((range) => {
    const h = rowsOf(hidden, range);
    const softmax = tiledSoftmax(h, head, tiles);
    const { values, ids } = k === 1 ? likeliestOf(softmax.tiles) : likeliestAcross(softmax.tiles, k);
    const target = sum(mul(h, gather(head, rowsOf(targets, range))), [1]);
    return {
      nll: reshape(sub(softmax.lse, target), [range.end - range.start]),
      ids,
      logProbs: sub(values, softmax.lse),
    };
  });
  const joined = (name: "nll" | "ids" | "logProbs") =>
    concat(
      chunks.map((chunk) => chunk[name]),
      0,
    );
  return { nll: joined("nll"), top_ids: joined("ids"), top_log_probs: joined("logProbs") };
}

/** Logits and ids of the k likeliest, [R,k] each. */
interface Likeliest {
  readonly values: Value;
  readonly ids: Value;
}

/**
 * One search through a whole row is faster than one per tile and another among the winners: 73 against 227 ms for 2,048
 * rows of 32,000, the joining of the tiles included.
 */
function likeliestAcross(tiles: readonly SoftmaxTile[], k: number): Likeliest {
  const { values, indices } = topK(
    concat(
      tiles.map(({ z }) => z),
      1,
    ),
    k,
  );
  return { values, ids: cast(indices, "int32") };
}

/** The single likeliest is found in each tile while it is in cache, and then among the winners: nothing is joined. */
function likeliestOf(tiles: readonly SoftmaxTile[]): Likeliest {
  const winners = tiles.map(({ z, range }) => {
    const { values, indices } = topK(z, 1);
    return { values, ids: shift(cast(indices, "int32"), range.start) };
  });
  const { values, indices } = topK(
    concat(
      winners.map((winner) => winner.values),
      1,
    ),
    1,
  );
  const ids = concat(
    winners.map((winner) => winner.ids),
    1,
  );
  return { values, ids: takeAlong(ids, indices) };
}
