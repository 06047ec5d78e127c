import { HeartcutError, ShapeError } from "../errors.ts";
import { formatType } from "../graph/dtype.ts";
import { matmul, mean, mul, neg, reciprocal, reshape, shift, sqrt, sub, sum, sumSquare } from "../graph/ops/index.ts";
import type { Value } from "../graph/value.ts";

/** Distances of hidden states. */
export const HIDDEN_LOSSES = ["cosine", "mse"] as const;
export type HiddenLoss = (typeof HIDDEN_LOSSES)[number];

/** Keeps norms differentiable at 0. */
const FLOOR = 1e-12;

/**
 * Distance of a student's hidden states from a teacher's at each row: student [R,D], teacher [R,E] → [R].
 * "cosine" is 1 - cos, "mse" the mean over E of the squared differences. The projection [E,D] (as a linear layer's
 * weight: out, in) takes the student's states to the teacher's width, s · Pᵀ; it is trained with the student. The other
 * way round, both sides could shrink to 0 under "mse".
 * Source: Jiao et al. 2020, arXiv:1909.10351 (TinyBERT), eq. 8.
 * @throws HeartcutError HC1405 for states of different width without a projection; ShapeError for shapes that do not fit
 */
export function hiddenMatching(student: Value, teacher: Value, projection: Value | undefined, loss: HiddenLoss): Value {
  const [R, D] = student.shape;
  const E = teacher.shape[1]!;
  if (student.shape.length !== 2 || teacher.shape.length !== 2 || teacher.shape[0] !== R)
    throw new ShapeError(
      `hiddenMatching: expected [R,D] and [R,E], got ${formatType(student)} and ${formatType(teacher)}`,
    );
  if (projection === undefined && D !== E)
    throw new HeartcutError("HC1405", {
      what: "hidden states of different width cannot be compared as they are",
      found: `${D} in the student, ${E} in the teacher`,
      fix: "give a projection, or leave hidden-state matching out",
    });
  if (projection !== undefined && (projection.shape[0] !== E || projection.shape[1] !== D))
    throw new ShapeError(`hiddenMatching: expected a projection [${E},${D}], got ${formatType(projection)}`);
  const own = projection === undefined ? student : matmul(student, projection, { transB: true });
  if (loss === "mse") {
    const difference = sub(own, teacher);
    return reshape(mean(mul(difference, difference), [1]), [R!]);
  }
  const inverseNorm = (x: Value) => reciprocal(sqrt(shift(sumSquare(x, [1]), FLOOR)));
  const cosine = mul(sum(mul(own, teacher), [1]), mul(inverseNorm(own), inverseNorm(teacher)));
  return reshape(shift(neg(cosine), 1), [R!]);
}

/**
 * The teacher's layer that each layer of the student learns from, both counted from 0: the end of each of M equal
 * stretches of the teacher's N layers, so that last meets last. M student layers → M teacher layers.
 * Source: Jiao et al. 2020, arXiv:1909.10351 (TinyBERT), the uniform strategy; stretches that are no whole number of
 * layers end in the layer they reach into.
 * @throws HeartcutError HC1404 for counts that are not whole numbers above 0
 */
export function uniformLayers(studentLayers: number, teacherLayers: number): number[] {
  for (const count of [studentLayers, teacherLayers])
    if (!Number.isInteger(count) || count < 1)
      throw new HeartcutError("HC1404", {
        what: "layers cannot be paired",
        found: `${studentLayers} in the student, ${teacherLayers} in the teacher`,
        expected: "whole numbers above 0",
      });
  return Array.from({ length: studentLayers }, (_, m) => Math.ceil(((m + 1) * teacherLayers) / studentLayers) - 1);
}
