import { ShapeError } from "../errors.ts";
import { rowsOf } from "../graph/composite/tiles.ts";
import { formatType } from "../graph/dtype.ts";
import { logSoftmax, matmul, neg, pick, slice } from "../graph/ops/index.ts";
import type { Value } from "../graph/value.ts";
import {
  autodiffChunk,
  type BuildChunk,
  checkedTemperature,
  chunksOf,
  type HeadLosses,
  inChunks,
  type LinearDistillationOptions,
  type LinearHead,
} from "./head_chunks.ts";
import { type Distances, type DistillationLoss, distances, forwardKl, softCrossEntropy } from "./losses.ts";
import { softTargetsChunk } from "./soft_targets.ts";

/**
 * Distance of a student's next-token distribution from a teacher's at each row, straight from the hidden states: the
 * [R,V] logits of neither model are ever whole in memory. Student hidden [R,D] and head [V,D], teacher hidden [R,E] and
 * head [W,E] → `losses`, `teacherEntropy` and `kl`, each [R], in nats. Gradients flow from `losses` to the student alone.
 * Vocabularies may differ in padding rows at the end only: both distributions are over the first min(V,W) ids.
 * Cross-entropy and forward KL at temperature 1 have a gradient of their own, softmax less softmax; other losses are
 * differentiated chunk by chunk, in chunks of a quarter of the rows.
 * @throws ShapeError if the rows or widths do not fit; HeartcutError HC1403 for a temperature out of range
 */
export function linearDistillation(
  student: LinearHead,
  teacher: LinearHead,
  loss: DistillationLoss,
  options: LinearDistillationOptions = {},
): Distances {
  return distil(student, teacher, undefined, loss, options);
}

/**
 * As `linearDistillation`, with the NLL of each row's target over all V ids (as `linearCrossEntropy` gives it, at
 * temperature 1), for which gradients flow too: the student's logits are computed once for both.
 * @param targets - int [R]
 */
export function linearDistillationAndNll(
  student: LinearHead,
  teacher: LinearHead,
  targets: Value,
  loss: DistillationLoss,
  options: LinearDistillationOptions = {},
): Distances & { readonly nll: Value } {
  return distil(student, teacher, targets, loss, options) as Required<HeadLosses>;
}

function distil(
  student: LinearHead,
  teacher: LinearHead,
  targets: Value | undefined,
  loss: DistillationLoss,
  options: LinearDistillationOptions,
): HeadLosses {
  const [R, V] = [student.hidden.shape[0]!, student.head.shape[0]!];
  if (teacher.hidden.shape[0] !== R || (targets !== undefined && targets.shape[0] !== R))
    throw new ShapeError(
      `linearDistillation: expected equally many rows, got ${[student.hidden, teacher.hidden, ...(targets ? [targets] : [])].map(formatType).join(", ")}`,
    );
  const temperature = checkedTemperature(options);
  const common = Math.min(V, teacher.head.shape[0]!);
  const fast = temperature === 1 && (loss === softCrossEntropy || loss === forwardKl);
  const build = fast
    ? softTargetsChunk(student, teacher, targets, common, loss)
    : generalChunk(student, teacher, targets, (p, q) => distances(loss, temperature, p, q), common);
  return inChunks(student, chunksOf(R, V, options, !fast), build);
}

/** A chunk of any loss: logits [rows, V], differentiated by the walker. */
function generalChunk(
  student: LinearHead,
  teacher: LinearHead,
  targets: Value | undefined,
  compare: (teacher: Value, student: Value) => Distances,
  common: number,
): BuildChunk {
  return (take) => {
    const h = take(student.hidden);
    const z = matmul(h, student.head, { transB: true });
    const shared = { start: 0, end: common };
    const teacherLogits = matmul(take(teacher.hidden), rowsOf(teacher.head, shared), { transB: true });
    const rows = compare(teacherLogits, slice(z, { axis: 1, ...shared }));
    if (targets === undefined) return autodiffChunk(h, student.head, rows);
    const nll = neg(pick(logSoftmax(z), take(targets)));
    return autodiffChunk(h, student.head, { ...rows, nll });
  };
}
