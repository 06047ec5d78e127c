import { ShapeError } from "../errors.ts";
import { formatType } from "../graph/dtype.ts";
import { div, log, maximum, mean, mul, reshape, sub, sum } from "../graph/ops/index.ts";
import { scalar, type Value } from "../graph/value.ts";

/** Distances of attention. */
export const ATTENTION_LOSSES = ["mse", "kl"] as const;
export type AttentionLoss = (typeof ATTENTION_LOSSES)[number];

/** Least probability whose logarithm is taken: float32 attention underflows to 0. */
const FLOOR = 1e-9;

/**
 * Distance of a student's attention from a teacher's at each query: probabilities student [B,N,T,S] and teacher
 * [B,M,T,S], both averaged over their heads first, so that N and M may differ → [B,T].
 * "mse" is the mean over the keys a query may see of the squared differences (after Jiao et al. 2020, arXiv:1909.10351,
 * eq. 7, which pairs heads and takes scores before the softmax); "kl" is KL(teacher || student) over those keys (after
 * Wang et al. 2020, arXiv:2002.10957, eq. 4, which pairs heads).
 * @param mask - [B,T,S] or with 1 in place of B or T: 1 for each key that a query may see, 0 elsewhere; a query that may
 *   see none (padding) gives 0
 */
export function attentionMatching(student: Value, teacher: Value, mask: Value, loss: AttentionLoss): Value {
  const [B, , T, S] = student.shape as [number, number, number, number];
  if (
    student.shape.length !== 4 ||
    teacher.shape.length !== 4 ||
    [0, 2, 3].some((i) => teacher.shape[i] !== student.shape[i])
  )
    throw new ShapeError(
      `attentionMatching: expected [B,N,T,S] and [B,M,T,S], got ${formatType(student)} and ${formatType(teacher)}`,
    );
  const overHeads = (x: Value) => reshape(mean(x, [1]), [B, T, S]);
  const [p, q] = [overHeads(teacher), overHeads(student)];
  if (loss === "kl") {
    const logOf = (x: Value) => log(maximum(x, scalar(FLOOR, x.dtype)));
    return reshape(sum(mul(mul(p, mask), sub(logOf(p), logOf(q))), [2]), [B, T]);
  }
  const difference = mul(sub(p, q), mask);
  const seen = maximum(sum(mask, [2]), scalar(1, mask.dtype));
  return reshape(div(sum(mul(difference, difference), [2]), seen), [B, T]);
}
