import { closest } from "../did_you_mean.ts";
import { HeartcutError } from "../errors.ts";
import {
  type DistillationLoss,
  forwardKl,
  generalizedJsd,
  reverseKl,
  skewForwardKl,
  skewReverseKl,
  softCrossEntropy,
  totalVariation,
} from "./losses.ts";

/** Distances of a student's distribution from a teacher's, by the names recipes use; some take a coefficient. */
export const DISTILLATION_LOSSES = {
  cross_entropy: () => softCrossEntropy,
  forward_kl: () => forwardKl,
  reverse_kl: () => reverseKl,
  total_variation: () => totalVariation,
  generalized_jsd: generalizedJsd,
  skew_forward_kl: skewForwardKl,
  skew_reverse_kl: skewReverseKl,
} as const satisfies Record<string, (coefficient: number) => DistillationLoss>;
export type DistillationLossName = keyof typeof DISTILLATION_LOSSES;

/** Losses with a coefficient (β of the Jensen-Shannon divergence, λ of the skewed ones) and its default. */
export const COEFFICIENTS: Readonly<Partial<Record<DistillationLossName, number>>> = {
  generalized_jsd: 0.5,
  skew_forward_kl: 0.1,
  skew_reverse_kl: 0.1,
};

/**
 * The loss of a name.
 * @param coefficient - β or λ, above 0 and below 1; the default where left out
 * @throws HeartcutError HC1401 for a name that is not known, HC1402 for a coefficient without effect or out of range
 */
export function distillationLoss(name: DistillationLossName, coefficient = COEFFICIENTS[name]): DistillationLoss {
  const names = Object.keys(DISTILLATION_LOSSES);
  if (!names.includes(name)) {
    const guess = closest(name, names);
    throw new HeartcutError("HC1401", {
      what: `unknown distillation loss ${name}`,
      expected: `one of ${names.join(", ")}`,
      fix: guess === undefined ? undefined : `write ${guess}`,
    });
  }
  if (COEFFICIENTS[name] === undefined) {
    if (coefficient !== undefined)
      throw new HeartcutError("HC1402", {
        what: "a coefficient has no effect here",
        found: `${coefficient} for ${name}`,
        why: `only ${Object.keys(COEFFICIENTS).join(", ")} have one`,
        fix: "leave the coefficient out",
      });
  } else if (coefficient === undefined || !(coefficient > 0 && coefficient < 1))
    throw new HeartcutError("HC1402", {
      what: `the coefficient of ${name} is out of range`,
      found: String(coefficient),
      expected: "a number between 0 and 1",
    });
  // Those without a coefficient do not read it.
  return DISTILLATION_LOSSES[name](coefficient ?? Number.NaN);
}
