import { abs, pad, reshape, softmax, sub, sum, topK } from "../graph/ops/index.ts";
import type { Value } from "../graph/value.ts";

/**
 * Distance between distributions over different vocabularies at each row: L1 between the probabilities of each, sorted
 * by falling size, the shorter list filled up with zeros. Student logits [R,V], teacher logits [R,W] → [R], from 0 to 2.
 * Which ids the probabilities belong to plays no part, so rows need only stand for the same place of a text.
 * Source: Boizard et al. 2024, arXiv:2402.12030, eq. 4 (the optimal transport cost with uniform costs).
 */
export function universalLogitDistillation(studentLogits: Value, teacherLogits: Value): Value {
  const width = Math.max(studentLogits.shape[1]!, teacherLogits.shape[1]!);
  const sorted = (logits: Value) => {
    const own = logits.shape[1]!;
    const falling = topK(softmax(logits), own).values;
    return own === width ? falling : pad(falling, { axis: 1, before: 0, after: width - own });
  };
  const difference = abs(sub(sorted(studentLogits), sorted(teacherLogits)));
  return reshape(sum(difference, [1]), [studentLogits.shape[0]!]);
}
