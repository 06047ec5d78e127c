/**
 * Which positions count in an instance's NLL. "miniplm": all whose input token is neither EOS nor pad, so that EOS is a
 * target but nothing is asked of the model across a document border. "all": every position.
 */
export type LossMask = "miniplm" | "all";

/** Ids that end documents or fill rows; absent ones exclude nothing. */
export interface MaskIds {
  eosId?: number | undefined;
  padId?: number | undefined;
}

/** Marks the scored positions of one instance.
 * @param tokens - int[n], the instance's ids
 * @returns uint8[n-1]: 1 where position t (input tokens[t], label tokens[t+1]) is scored   Source: MiniPLM, arXiv:2410.17215 */
export function lossMask(tokens: Int32Array, mask: LossMask, ids: MaskIds): Uint8Array {
  const scored = new Uint8Array(Math.max(0, tokens.length - 1));
  for (let t = 0; t < scored.length; t++) {
    const input = tokens[t];
    scored[t] = mask === "all" || (input !== ids.eosId && input !== ids.padId) ? 1 : 0;
  }
  return scored;
}

/** NLL of one instance over its scored positions, in nats; mean is 0 where nothing is scored. */
export interface ReducedNll {
  tokens: number;
  sum: number;
  mean: number;
}

/** Sums and averages per-token NLLs over the scored positions, in doubles.
 * @param nll - float[n-1] in nats   @param scored - uint8[n-1] of lossMask */
export function reduceNll(nll: ArrayLike<number>, scored: Uint8Array): ReducedNll {
  let tokens = 0;
  let sum = 0;
  for (let t = 0; t < scored.length; t++) {
    if (scored[t] === 0) continue;
    tokens++;
    sum += nll[t]!;
  }
  return { tokens, sum, mean: tokens === 0 ? 0 : sum / tokens };
}
