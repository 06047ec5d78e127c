import { HeartcutError } from "../errors.ts";
import { add, matmul, mul, reshape, scale, sum } from "../graph/ops/index.ts";
import { scoped, type Value } from "../graph/value.ts";
import { hasAttention, type ModelDescription } from "../models/architecture.ts";
import type { ConditionalGraph, Decoded, EncodedInput } from "../models/conditional.ts";
import type { AttributedPair, Attribution } from "./method.ts";
import { type AttributionEngine, meanWeights, type RowInputs, runRows } from "./rows.ts";
import { targetLogits } from "./scalars.ts";

/** A batch that was read with its attention kept. */
export interface Attended {
  readonly encoded: EncodedInput;
  readonly decoded: Decoded;
  /** [B,T]: equal shares of the row's target tokens, 0 on padding. */
  readonly targetWeights: Value;
}

/** Runs the model over pairs with attention kept and gives scores [B,S] made of it. */
export async function attributeByAttention(
  engine: AttributionEngine,
  name: string,
  pairs: readonly AttributedPair[],
  scoresOf: (attended: Attended) => Value,
): Promise<Attribution[]> {
  requireAttention(engine.model.description, name);
  const rows = pairs.map((pair) => ({ ...pair, weights: meanWeights(pair.target.length) }));
  const build = (conditional: ConditionalGraph, inputs: RowInputs) => {
    const { inputIds, inputMask, previousIds, targets, targetWeights } = inputs;
    const encoded = conditional.encode(conditional.embed(inputIds), inputMask, { attention: true });
    const decoded = encoded.decode(previousIds);
    const flat = reshape(targets, [targets.shape[0]! * targets.shape[1]!]);
    return {
      scores: scoped(name, () => scoresOf({ encoded, decoded, targetWeights })),
      target_logits: reshape(targetLogits(decoded.hidden, conditional.head, flat), targets.shape),
    };
  };
  const results = new Array<Attribution>(pairs.length);
  await runRows(engine, rows, { name: `attribute/${name}`, build }, (index, outputs) => {
    results[index] = { scores: outputs.perInput("scores"), targetLogits: outputs.perTarget("target_logits") };
  });
  return results;
}

/** @throws HeartcutError HC6110 for a model without attention */
function requireAttention(description: ModelDescription, method: string): void {
  if (hasAttention(description)) return;
  throw new HeartcutError("HC6110", {
    what: `${method} needs a model with attention`,
    found: description.config.modelType,
    fix: "use a gradient method, such as gradient or input_x_gradient",
  });
}

/** Mean over heads: [B,N,Q,K] → [B,Q,K]. */
export function meanOverHeads(probabilities: Value): Value {
  const [B, N, Q, K] = probabilities.shape as [number, number, number, number];
  return scale(reshape(sum(probabilities, [1]), [B, Q, K]), 1 / N);
}

/** Attention that the target's places pay to the input, mean over layers, heads and the row's target tokens: [B,S]. */
export function attentionToInput({ decoded, targetWeights }: Attended): Value {
  const layers = decoded.attentionToInput.map(meanOverHeads);
  const total = layers.reduce((a, b) => add(a, b));
  const [B, T, S] = total.shape as [number, number, number];
  const weighted = sum(mul(total, reshape(targetWeights, [B, T, 1])), [1]);
  return scale(reshape(weighted, [B, S]), 1 / layers.length);
}

/**
 * Rows of the rolled-out attention Â_L … Â_1 with Â = ½ mean over heads + ½ identity, summed with the shares `start` [B,P]:
 * the product starts at the last layer with a row vector, so no matrix is multiplied by a matrix.
 */
export function rollBack(start: Value, attention: readonly Value[]): Value {
  const [B, P] = start.shape as [number, number];
  let row = reshape(start, [B, 1, P]);
  for (const layer of attention.toReversed()) row = scale(add(row, matmul(row, meanOverHeads(layer))), 0.5);
  return reshape(row, [B, P]);
}
