import { COEFFICIENTS, type DistillationLossName } from "../../distill/distillation_losses.ts";
import { HeartcutError } from "../../errors.ts";

/** Where the teacher's outputs come from: a model beside the student, or what was captured of it. */
export type TeacherSource =
  | { readonly folder: string }
  | {
      readonly store: string;
      /** Fingerprint of the tokenizer that made the instances. */
      readonly tokenizer: string;
    };

/** KD on the student's own text. Source: GKD, Agarwal et al. 2023, arXiv:2306.13649; MiniLLM, Gu et al. 2023, arXiv:2306.08543. */
export interface OnPolicySettings {
  /** Share λ of the sequences on which the distance is taken on the student's continuation instead of the text. */
  readonly share: number;
  /** First tokens of an instance that the student continues, up to the instance's length. */
  readonly promptTokens: number;
  /** Of the sampling. */
  readonly temperature: number;
  /**
   * Also the long-term part of the reverse KL's gradient: each sampled token is weighed by the length-normalised reward
   * log p/q of those behind it (MiniLLM, section 2.2; without its teacher-mixed sampling and without PPO's clipping).
   */
  readonly policyGradient: boolean;
}

/** Loss of a student: (1-r)·LM + r·KD, plus matched states. */
export interface DistillationSettings {
  /** r, above 0 and at most 1. */
  readonly weight: number;
  readonly loss: DistillationLossName;
  /** Of both distributions; no factor T² is put on. */
  readonly temperature: number;
  /** β or λ, for the losses that have one. */
  readonly coefficient?: number | undefined;
  /** Residual streams behind layers; the teacher's are projected by a matrix that is trained along where widths differ. */
  readonly hidden?: { readonly weight: number; readonly loss: "cosine" | "mse" } | undefined;
  readonly attention?: { readonly weight: number; readonly loss: "mse" | "kl" } | undefined;
  readonly onPolicy?: OnPolicySettings | undefined;
}

export interface Distillation extends DistillationSettings {
  readonly teacher: TeacherSource;
}

/** @throws HeartcutError HC1310 for options that do not go together or have no effect */
export function checkDistillation({
  weight,
  loss,
  coefficient,
  hidden,
  attention,
  onPolicy,
  teacher,
}: Distillation): void {
  const refuse = (what: string, found: string, fix: string) => {
    throw new HeartcutError("HC1310", { what, found, fix });
  };
  if (!(weight > 0 && weight <= 1))
    refuse("the share of the distillation loss cannot be used", String(weight), "give a number above 0, at most 1");
  if (coefficient !== undefined && COEFFICIENTS[loss] === undefined)
    refuse(
      `coefficient has no effect on ${loss}`,
      String(coefficient),
      `leave it out; it belongs to ${Object.keys(COEFFICIENTS).join(", ")}`,
    );
  if ("store" in teacher)
    for (const [name, value] of Object.entries({ hidden, attention, onPolicy }))
      if (value !== undefined)
        refuse(
          `${name} needs the teacher beside the student`,
          "a store of its outputs",
          "give the teacher's folder, or leave the option out",
        );
  if (onPolicy === undefined) return;
  if (!(onPolicy.share > 0 && onPolicy.share <= 1))
    refuse(
      "the share of the student's own text cannot be used",
      String(onPolicy.share),
      "give a number above 0, at most 1",
    );
  if (onPolicy.policyGradient && loss !== "reverse_kl")
    refuse("policyGradient is the gradient of the reverse KL", loss, "set loss: reverse_kl, or policyGradient: false");
}
