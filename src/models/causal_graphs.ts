import { InternalError } from "../errors.ts";
import { gradients } from "../graph/autodiff.ts";
import { linearCrossEntropy } from "../graph/composite/cross_entropy.ts";
import type { DType } from "../graph/dtype.ts";
import { matmul, mul, reshape, sumAll } from "../graph/ops/index.ts";
import { input, scoped, type Value } from "../graph/value.ts";
import type { CausalDescription } from "./architecture.ts";
import { type Weights, weightInputs } from "./weight_inputs.ts";

/** What hides tokens from each other beyond causality, given as int32 [B,T] `visibility`. */
export type Visibility = "causal" | "padding" | "segments" | "branches";

export interface GraphShape {
  readonly B: number;
  readonly T: number;
  /**
   * padding: 1 for a real token, 0 for padding; segments: number of the document a token belongs to; branches: 0 for what a row's
   * branches share, then the number of the branch, and `positions` int32 [B,T] says where each token stands.
   */
  readonly visibility?: Visibility | undefined;
  readonly recompute?: boolean | undefined;
}

/**
 * Last hidden states [B·T,D] of the graph inputs `ids` and, where something is hidden, `visibility`, int32 [B,T].
 * @throws InternalError for branches of a family without attention
 */
export function hiddenStates(d: CausalDescription, weights: Weights, shape: GraphShape): Value {
  const { B, T, visibility = "causal", recompute } = shape;
  if (visibility === "branches" && d.architecture.memory.kind !== "keys")
    throw new InternalError(`branches: a ${d.config.modelType} model reads tokens in order only`);
  const embeddings = d.architecture.embed(weights, input("ids", "int32", [B, T]));
  const given = visibility === "causal" ? undefined : input("visibility", "int32", [B, T]);
  const hiding = {
    ...(visibility === "padding" && { mask: given }),
    ...(visibility === "segments" && { segments: given }),
    ...(visibility === "branches" && { branches: given, positions: input("positions", "int32", [B, T]) }),
  };
  return d.architecture.states(weights, { embeddings, ...hiding, recompute }).hidden;
}

/** ids [B,T] → `hidden` [B·T,D], behind the final norm: what `likeliestGraph` reads. */
export function hiddenGraph(d: CausalDescription, shape: GraphShape): Record<string, Value> {
  return { hidden: hiddenStates(d, weightInputs(d, "float32").get, shape) };
}

/** ids [B,T] → `logits` [B,T,V]. */
export function logitsGraph(d: CausalDescription, shape: GraphShape): Record<string, Value> {
  const weights = weightInputs(d, "float32");
  const hidden = hiddenStates(d, weights.get, shape);
  const logits = scoped("lm_head", () => matmul(hidden, d.architecture.head(weights.get), { transB: true }));
  return { logits: reshape(logits, [shape.B, shape.T, d.config.vocabSize]) };
}

/** ids, targets [B,T] → `nll` [B·T] in nats. */
export function nllGraph(d: CausalDescription, shape: GraphShape): Record<string, Value> {
  const weights = weightInputs(d, "float32");
  return { nll: tokenNll(d, weights.get, shape) };
}

function tokenNll(d: CausalDescription, weights: Weights, shape: GraphShape): Value {
  const hidden = hiddenStates(d, weights, shape);
  const targets = reshape(input("targets", "int32", [shape.B, shape.T]), [shape.B * shape.T]);
  return scoped("lm_head", () => linearCrossEntropy(hidden, d.architecture.head(weights), targets));
}

/**
 * ids, targets [B,T] and loss_weights [B,T] → `loss` = Σ weight · nll, `nll` [B·T] and one `grad.<name>` per weight.
 * The weights carry every normalisation (token mean, instance mean, masks, accumulation), so the loss of a batch
 * is the sum of those of its parts, however it is split.
 */
export function lossGraph(d: CausalDescription, shape: GraphShape, dtype: DType = "float32"): Record<string, Value> {
  const weights = weightInputs(d, dtype);
  const nll = tokenNll(d, weights.get, shape);
  const lossWeights = reshape(input("loss_weights", dtype, [shape.B, shape.T]), [shape.B * shape.T]);
  const loss = sumAll(mul(nll, lossWeights));
  const grads = gradients(loss, weights.all).map((g, i): [string, Value] => [`grad.${d.parameters[i]!.name}`, g]);
  return { loss, nll, ...Object.fromEntries(grads) };
}
