import { abs, add, exp, log, logSoftmax, mul, neg, reshape, scale, shift, sub, sum } from "../graph/ops/index.ts";
import { differentiatedAs, type Value } from "../graph/value.ts";

/** Distance of a student's distribution from a teacher's at each position: logits [..., V] → [...], in nats. */
export type DistillationLoss = (teacher: Value, student: Value) => Value;

const over = (x: Value) => x.shape.length - 1;
const total = (x: Value) => reshape(sum(x, [over(x)]), x.shape.slice(0, -1));
/** Σ_v p (log p - log q) from log-probabilities. */
const klOf = (logP: Value, logQ: Value) => total(mul(exp(logP), sub(logP, logQ)));
/** log(a e^x + b e^y), element-wise, for weights a and b above 0. */
function logMix(x: Value, a: number, y: Value, b: number): Value {
  const [u, v] = [shift(x, Math.log(a)), shift(y, Math.log(b))];
  const top = scale(add(add(u, v), abs(sub(u, v))), 0.5);
  return add(top, log(add(exp(sub(u, top)), exp(sub(v, top)))));
}

/** -Σ p log q. Source: Hinton et al. 2015, arXiv:1503.02531. */
export const softCrossEntropy: DistillationLoss = (teacher, student) =>
  neg(total(mul(exp(logSoftmax(teacher)), logSoftmax(student))));

/** KL(p || q): soft cross-entropy less the teacher's entropy. */
export const forwardKl: DistillationLoss = (teacher, student) => klOf(logSoftmax(teacher), logSoftmax(student));

/** KL(q || p). Source: Gu et al. 2023, arXiv:2306.08543. */
export const reverseKl: DistillationLoss = (teacher, student) => klOf(logSoftmax(student), logSoftmax(teacher));

/** Generalised Jensen-Shannon: β KL(p || m) + (1-β) KL(q || m), m = β p + (1-β) q. Source: Agarwal et al. 2023, arXiv:2306.13649. */
export const generalizedJsd =
  (beta: number): DistillationLoss =>
  (teacher, student) => {
    const [p, q] = [logSoftmax(teacher), logSoftmax(student)];
    const m = logMix(p, beta, q, 1 - beta);
    return add(scale(klOf(p, m), beta), scale(klOf(q, m), 1 - beta));
  };

/** KL(p || λ p + (1-λ) q). Source: Ko et al. 2024, arXiv:2402.03898. */
export const skewForwardKl =
  (lambda: number): DistillationLoss =>
  (teacher, student) => {
    const [p, q] = [logSoftmax(teacher), logSoftmax(student)];
    return klOf(p, logMix(p, lambda, q, 1 - lambda));
  };

/** KL(q || (1-λ) p + λ q). Source: Ko et al. 2024, arXiv:2402.03898. */
export const skewReverseKl =
  (lambda: number): DistillationLoss =>
  (teacher, student) => {
    const [p, q] = [logSoftmax(teacher), logSoftmax(student)];
    return klOf(q, logMix(p, 1 - lambda, q, lambda));
  };

/** ½ Σ |p - q|. */
export const totalVariation: DistillationLoss = (teacher, student) =>
  scale(total(abs(sub(exp(logSoftmax(teacher)), exp(logSoftmax(student))))), 0.5);

/** What a comparison of two distributions gives at each position, in nats. */
export interface Distances {
  /** The loss; the only one that gradients flow through. */
  readonly losses: Value;
  /** -Σ p log p of the teacher. */
  readonly teacherEntropy: Value;
  /** KL(p || q), whatever the loss. */
  readonly kl: Value;
}

/** A loss beside the teacher's entropy and the true KL, all at one temperature: logits [..., V] → [...]. */
export function distances(loss: DistillationLoss, temperature: number, teacher: Value, student: Value): Distances {
  const entropy = atTemperature(softCrossEntropy, temperature)(teacher, teacher);
  const kl = atTemperature(forwardKl, temperature)(teacher, student);
  return {
    losses: atTemperature(loss, temperature)(teacher, student),
    teacherEntropy: differentiatedAs(entropy, [], () => []),
    kl: differentiatedAs(kl, [], () => []),
  };
}

/** The same loss between distributions softened by a temperature; no factor T². */
export const atTemperature =
  (loss: DistillationLoss, temperature: number): DistillationLoss =>
  (teacher, student) =>
    temperature === 1 ? loss(teacher, student) : loss(scale(teacher, 1 / temperature), scale(student, 1 / temperature));
