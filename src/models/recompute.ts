import { pullback } from "../graph/autodiff.ts";
import { after, zeros } from "../graph/ops/index.ts";
import { differentiatedAs, type Value } from "../graph/value.ts";
import type { Weights } from "./weight_inputs.ts";

/**
 * Runs a block so that its gradient starts from its input alone: the inside is built a second time behind the cotangent.
 * @param others - further values the block reads that gradients must reach
 */
export function recomputed<T extends { y: Value }>(
  block: (x: Value, weights: Weights) => T,
  x: Value,
  weights: Weights,
  others: readonly Value[] = [],
): T {
  const used = new Map<string, Value>();
  const recording: Weights = (name) => {
    const value = weights(name);
    used.set(name, value);
    return value;
  };
  const out = block(x, recording);
  const sources = [...used.values(), ...others];
  differentiatedAs(out.y, [x, ...sources], (ct) => {
    const again = after(x, ct);
    const [dX, ...rest] = pullback([[block(again, weights).y, ct]], [again, ...sources], [again, ...others]);
    // The engine leaves what nothing waits for to the end: with the weights' gradients, every layer's inside would stay alive.
    const done = rest.reduce((signal, gradient) => after(signal, gradient), zeros(x.dtype, [1]));
    return [after(dX!, done), ...rest];
  });
  return out;
}
