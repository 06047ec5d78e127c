import { attentionMatching } from "../../distill/attention_matching.ts";
import { distillationLoss } from "../../distill/distillation_losses.ts";
import type { LinearHead } from "../../distill/head_chunks.ts";
import { hiddenMatching, uniformLayers } from "../../distill/hidden_matching.ts";
import { linearDistillationAndNll } from "../../distill/linear_distillation.ts";
import type { Distances } from "../../distill/losses.ts";
import { sparseDistillationAndNll } from "../../distill/sparse_distillation.ts";
import { gradients } from "../../graph/autodiff.ts";
import { add, mul, reshape, scale, sumAll } from "../../graph/ops/index.ts";
import { constant, input, scoped, type Value } from "../../graph/value.ts";
import type { CausalDescription } from "../../models/architecture.ts";
import type { CausalOutputs } from "../../models/causal.ts";
import type { ParameterSpec } from "../../models/parameters.ts";
import { type Weights, weightInputs } from "../../models/weight_inputs.ts";
import type { DistillationSettings } from "./settings.ts";
import type { TeacherInputs } from "./teacher.ts";

/** Inputs of the graph with what a position weighs in each loss, and outputs with its losses, by name. */
export const WEIGHTS = {
  nll: "nll_weights",
  distillation: "distillation.weights",
  matching: "matching.weights",
} as const;
export const STORED = { ids: "teacher.ids", logProbs: "teacher.log_probs" } as const;

export interface DistillationShape {
  readonly B: number;
  readonly T: number;
  readonly segments: boolean;
  readonly recompute: boolean;
}

/** What the student's graph learns from. */
export type TeacherValues = { readonly online: TeacherInputs } | { readonly storedK: number };

const projectionName = (layer: number) => `distillation.projection.${layer}`;

/** Matrices [E,D] that take the student's states to the teacher's width: trained along, no part of the model. */
export function projections(student: CausalDescription, teacher: CausalDescription): ParameterSpec[] {
  const [D, E] = [student.config.hiddenSize, teacher.config.hiddenSize];
  if (D === E) return [];
  const init = { kind: "normal", std: D ** -0.5 } as const;
  return uniformLayers(student.config.layers, teacher.config.layers).map((_, layer) => ({
    name: projectionName(layer),
    shape: [E, D],
    init,
  }));
}

/**
 * Loss of a micro-batch, Σ nll_weights·nll + Σ distillation.weights·KD + Σ matching.weights·(hidden, attention), and its
 * gradients. All normalisation is in the weights that are fed, so the loss of a batch is the sum of those of its parts.
 * @returns `loss`; per position [B·T]: `nll`, `kd`, `teacher_entropy`, `kl` and, where matched, `hidden`, `attention`; `grad.<name>`
 */
export function distillationGraph(
  d: CausalDescription,
  extra: readonly ParameterSpec[],
  shape: DistillationShape,
  settings: DistillationSettings,
  teacher: TeacherValues,
): Record<string, Value> {
  const { B, T } = shape;
  const R = B * T;
  const parameters = [...d.parameters, ...extra];
  const weights = weightInputs({ parameters }, "float32");
  const embeddings = d.architecture.embed(weights.get, input("ids", "int32", [B, T]));
  const out = d.architecture.states(weights.get, {
    embeddings,
    ...(shape.segments && { segments: input("visibility", "int32", [B, T]) }),
    recompute: shape.recompute,
    layerStates: settings.hidden !== undefined,
    attention: settings.attention !== undefined,
  });
  const student = { hidden: out.hidden, head: d.architecture.head(weights.get) };
  const targets = reshape(input("targets", "int32", [B, T]), [R]);
  const perPosition = scoped("lm_head", () => headLosses(student, targets, settings, teacher, shape));
  const weightOf = (name: string) => reshape(input(name, "float32", [B, T]), [R]);
  let loss = add(
    sumAll(mul(perPosition.nll, weightOf(WEIGHTS.nll))),
    sumAll(mul(perPosition.kd, weightOf(WEIGHTS.distillation))),
  );
  const matched = "online" in teacher ? matchings(d, out, settings, teacher.online, weights.get, shape) : {};
  const terms = Object.values(matched).map(({ value, weight }) => scale(value, weight));
  if (terms.length > 0)
    loss = add(
      loss,
      sumAll(
        mul(
          terms.reduce((a, b) => add(a, b)),
          weightOf(WEIGHTS.matching),
        ),
      ),
    );
  const grads = gradients(loss, weights.all).map((g, i): [string, Value] => [`grad.${parameters[i]!.name}`, g]);
  const values = Object.fromEntries(Object.entries(matched).map(([name, { value }]) => [name, value]));
  return { loss, ...perPosition, ...values, ...Object.fromEntries(grads) };
}

/** What the student's head gives: likelihood of the text and distance to the teacher, [R] each. */
function headLosses(
  student: LinearHead,
  targets: Value,
  { loss, coefficient, temperature }: DistillationSettings,
  teacher: TeacherValues,
  { B, T }: DistillationShape,
): Record<"nll" | "kd" | "teacher_entropy" | "kl", Value> {
  const distance = distillationLoss(loss, coefficient);
  const named = ({ nll, losses, teacherEntropy, kl }: Distances & { readonly nll: Value }) => ({
    nll,
    kd: losses,
    teacher_entropy: teacherEntropy,
    kl,
  });
  if ("online" in teacher)
    return named(linearDistillationAndNll(student, teacher.online, targets, distance, { temperature }));
  const shape = [B * T, teacher.storedK];
  const stored = {
    ids: reshape(input(STORED.ids, "int32", [B, T, teacher.storedK]), shape),
    logProbs: reshape(input(STORED.logProbs, "float32", [B, T, teacher.storedK]), shape),
  };
  return named(sparseDistillationAndNll(student, targets, stored, distance, { temperature }));
}

/** States and attention held against the teacher's, each layer against the one that stands where it stands; [R], mean over layers. */
function matchings(
  d: CausalDescription,
  student: CausalOutputs,
  { hidden, attention }: DistillationSettings,
  teacher: TeacherInputs,
  weights: Weights,
  { B, T }: DistillationShape,
): Record<string, { value: Value; weight: number }> {
  const meanOver = (parts: Value[]) =>
    scale(
      parts.reduce((a, b) => add(a, b)),
      1 / parts.length,
    );
  const matched: Record<string, { value: Value; weight: number }> = {};
  if (hidden !== undefined) {
    const same = teacher.hidden.shape[1] === d.config.hiddenSize;
    const layers = uniformLayers(d.config.layers, teacher.layerStates.length);
    const parts = student.layerStates.map((own, i) =>
      hiddenMatching(own, teacher.layerStates[layers[i]!]!, same ? undefined : weights(projectionName(i)), hidden.loss),
    );
    matched.hidden = { value: scoped("hidden_matching", () => meanOver(parts)), weight: hidden.weight };
  }
  if (attention !== undefined) {
    const layers = uniformLayers(student.attention.length, teacher.attention.length);
    const seen = constant(
      Float32Array.from({ length: T * T }, (_, i) => (i % T <= Math.floor(i / T) ? 1 : 0)),
      "float32",
      [1, T, T],
    );
    const parts = student.attention.map((own, i) =>
      reshape(attentionMatching(own, teacher.attention[layers[i]!]!, seen, attention.loss), [B * T]),
    );
    matched.attention = { value: scoped("attention_matching", () => meanOver(parts)), weight: attention.weight };
  }
  return matched;
}
