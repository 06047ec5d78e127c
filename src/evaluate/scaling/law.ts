import type { ScalingLawName } from "./record.ts";

/** What a law is a function of: training compute in FLOPs, or parameters and training tokens. */
export type LawInput = "flops" | "parameters" | "tokens";

/** One falling term of a law: coefficient / input^exponent. */
interface LawTerm {
  input: LawInput;
  coefficient: string;
  exponent: string;
}

/** The falling terms of each law, in order; every law ends in + E. */
export const LAWS: Readonly<Record<ScalingLawName, { formula: string; terms: readonly LawTerm[] }>> = {
  compute: {
    formula: "L(C) = A / C^a + E",
    terms: [{ input: "flops", coefficient: "A", exponent: "a" }],
  },
  size_and_data: {
    formula: "L(N, D) = A / N^a + B / D^b + E",
    terms: [
      { input: "parameters", coefficient: "A", exponent: "a" },
      { input: "tokens", coefficient: "B", exponent: "b" },
    ],
  },
};

/**
 * Constants of a law as they are fitted: log E, then log coefficient and exponent of each term, where the coefficient is the
 * term's value at the centre of the points. There a coefficient and its exponent hardly depend on each other; in A they do
 * so strongly that descent crawls along a valley.
 */
export type LawVector = Float64Array;

/** Number of constants of a law with so many terms. */
export function sizeOf(terms: number): number {
  return 1 + 2 * terms;
}

/**
 * Log loss by a law, in the logsumexp form of Hoffmann et al. 2022 (arXiv:2203.15556, D.3): positive by its form.
 * @param logInputs - per term: log input minus the centre's   @param shares - takes each summand's share of the loss, E first
 */
export function logLoss(law: LawVector, logInputs: ArrayLike<number>, shares: Float64Array): number {
  const terms = logInputs.length;
  let largest = law[0]!;
  shares[0] = law[0]!;
  for (let k = 0; k < terms; k++) {
    const exponent = law[2 + 2 * k]!;
    const value = law[1 + 2 * k]! - exponent * logInputs[k]!;
    shares[k + 1] = value;
    if (value > largest) largest = value;
  }
  let sum = 0;
  for (let k = 0; k <= terms; k++) {
    shares[k] = Math.exp(shares[k]! - largest);
    sum += shares[k]!;
  }
  for (let k = 0; k <= terms; k++) shares[k]! /= sum;
  return largest + Math.log(sum);
}

/** Numbers from `low` to `high`, evenly in their logarithms. @param count - at least two */
export function spaced(low: number, high: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => low * (high / low) ** (i / (count - 1)));
}
