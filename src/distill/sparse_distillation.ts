import { ShapeError } from "../errors.ts";
import { formatType } from "../graph/dtype.ts";
import {
  add,
  cast,
  concat,
  exp,
  gather,
  log,
  logSoftmax,
  matmul,
  maximum,
  mul,
  neg,
  reshape,
  shift,
  slice,
  sub,
  sum,
  takeAlong,
} from "../graph/ops/index.ts";
import { scalar, type Value } from "../graph/value.ts";
import {
  autodiffChunk,
  checkedTemperature,
  chunksOf,
  type HeadLosses,
  inChunks,
  type LinearDistillationOptions,
  type LinearHead,
} from "./head_chunks.ts";
import { type Distances, type DistillationLoss, distances } from "./losses.ts";

/** Stored outputs of a teacher: the K likeliest ids of each row, int [R,K], and their log-probabilities, [R,K]. */
export interface SparseTeacher {
  readonly ids: Value;
  readonly logProbs: Value;
}

/** A student whose normaliser is there already: as NLL of known targets (int [R]), or as the logsumexp of its logits, [R]. */
export type NormalizedStudent = LinearHead &
  ({ readonly nll: Value; readonly targets: Value } | { readonly logsumexp: Value });

/** Least probability of the rest: 1 - Σ of float32 probabilities is noise below it. */
const LEAST_REST = 1e-6;

/**
 * Distance of a student's distribution from stored outputs of a teacher at each row: the K stored ids are K classes and
 * all other ids together one more, so that no mass is lost. → `losses`, `teacherEntropy`, `kl`, each [R], in nats; they
 * are those of the K+1 classes (both are at most those of the whole vocabulary), and a temperature is put on these
 * classes, which differs from softening the whole vocabulary first.
 * The student's logits are made for the K ids alone, from [R,K,D] rows of its head: for few rows or few ids. Where K·D
 * comes near V, `sparseDistillationAndNll` is cheaper. Gradients flow from `losses` to hidden, head and normaliser.
 */
export function sparseDistillation(
  student: NormalizedStudent,
  teacher: SparseTeacher,
  loss: DistillationLoss,
  { temperature }: { readonly temperature?: number } = {},
): Distances {
  const { hidden, head } = student;
  const [R, K] = checkedShape(hidden, teacher);
  const D = hidden.shape[1]!;
  const logitsOf = (ids: Value, n: number) =>
    reshape(sum(mul(reshape(hidden, [R, 1, D]), reshape(gather(head, ids), [R, n, D])), [2]), [R, n]);
  // log q(y) = -nll, so logsumexp = logit of y + nll.
  const normalizer =
    "logsumexp" in student
      ? reshape(student.logsumexp, [R, 1])
      : add(logitsOf(student.targets, 1), reshape(student.nll, [R, 1]));
  const logQ = sub(logitsOf(teacher.ids, K), normalizer);
  return compare(loss, checkedTemperature(temperature === undefined ? {} : { temperature }), teacher.logProbs, logQ);
}

/**
 * As `sparseDistillation`, with the NLL of each row's target (as `linearCrossEntropy` gives it): both are read off the
 * same chunks of the student's logits, [rows, V], so that the head is multiplied once. Gradients flow from `losses` and
 * `nll` to the student.
 * @param targets - int [R]
 */
export function sparseDistillationAndNll(
  student: LinearHead,
  targets: Value,
  teacher: SparseTeacher,
  loss: DistillationLoss,
  options: LinearDistillationOptions = {},
): Distances & { readonly nll: Value } {
  const { hidden, head } = student;
  const [R, K] = checkedShape(hidden, teacher);
  const temperature = checkedTemperature(options);
  const losses = inChunks(student, chunksOf(R, head.shape[0]!, options, true), (take) => {
    const h = take(hidden);
    const rows = h.shape[0]!;
    const logQ = logSoftmax(matmul(h, head, { transB: true }));
    const wanted = [take(teacher.ids), reshape(take(targets), [rows, 1])].map((ids) => cast(ids, "int64"));
    const taken = takeAlong(logQ, concat(wanted, 1));
    const columns = (start: number, end: number) => slice(taken, { axis: 1, start, end });
    const nll = reshape(neg(columns(K, K + 1)), [rows]);
    return autodiffChunk(h, head, {
      ...compare(loss, temperature, take(teacher.logProbs), columns(0, K)),
      nll,
    });
  });
  return losses as Required<HeadLosses>;
}

/** Distances over K classes and the rest, from the log-probabilities of the K. */
const compare = (loss: DistillationLoss, temperature: number, logP: Value, logQ: Value): Distances =>
  distances(loss, temperature, withRest(logP), withRest(logQ));

/** Log-probabilities of K classes [R,K] and of all others together, [R,K+1]. */
function withRest(logP: Value): Value {
  const rest = shift(neg(sum(exp(logP), [1])), 1);
  return concat([logP, log(maximum(rest, scalar(LEAST_REST, rest.dtype)))], 1);
}

function checkedShape(hidden: Value, { ids, logProbs }: SparseTeacher): [number, number] {
  const [R, K] = ids.shape;
  if (ids.shape.length !== 2 || R !== hidden.shape[0] || logProbs.shape[0] !== R || logProbs.shape[1] !== K)
    throw new ShapeError(
      `sparseDistillation: expected ids and log-probabilities [R,K] for hidden [R,D], got ${[ids, logProbs, hidden].map(formatType).join(", ")}`,
    );
  return [R!, K!];
}
