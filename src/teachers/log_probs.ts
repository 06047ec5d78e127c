/** log Σ exp of a row of logits, in doubles; NaN or Infinity where a logit is. */
export function logSumExp(logits: Float32Array): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let v = 0; v < logits.length; v++) if (!(logits[v]! <= max)) max = logits[v]!;
  let sum = 0;
  for (let v = 0; v < logits.length; v++) sum += Math.exp(logits[v]! - max);
  return max + Math.log(sum);
}

/**
 * The k largest logits of a row as log-probabilities, by falling value and then by id.
 * @param logits - [V]   @param logZ - their logSumExp   @param ids, logProbs - receive k values each
 */
export function topOfLogits(logits: Float32Array, logZ: number, ids: Int32Array, logProbs: Float32Array): void {
  const k = ids.length;
  let found = 0;
  for (let v = 0; v < logits.length; v++) {
    const x = logits[v]!;
    if (found === k && x <= logProbs[k - 1]!) continue;
    // Behind all that are as large: equal logits keep the order of their ids.
    let at = found < k ? found++ : k - 1;
    for (; at > 0 && logProbs[at - 1]! < x; at--) {
      logProbs[at] = logProbs[at - 1]!;
      ids[at] = ids[at - 1]!;
    }
    logProbs[at] = x;
    ids[at] = v;
  }
  for (let i = 0; i < k; i++) logProbs[i] = logProbs[i]! - logZ;
}
