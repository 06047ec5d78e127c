import { HeartcutError } from "../errors.ts";
import type { NllRow } from "../score/record.ts";
import { type BootstrapOptions, bootstrapMean } from "./intervals.ts";
import type { HeldOutLoss } from "./record.ts";

/** One model's NLLs on one held-out set. */
export interface HeldOutScores {
  model: string;
  set: string;
  /** In instance order, without gaps. */
  rows: readonly NllRow[];
  /** Source of each row's instance. */
  sources: readonly string[];
}

/** Held-out LM loss: the mean over instances of their mean NLL, in nats per token, with a bootstrap interval over instances.
 * Instances without a scored position do not count.
 * @throws HeartcutError HC3201 if nothing was scored   Source: MiniPLM, arXiv:2410.17215 */
export function heldOutLoss(scores: HeldOutScores, options: Omit<BootstrapOptions, "stream">): HeldOutLoss {
  const perInstance: number[] = [];
  const bySource = new Map<string, { sum: number; instances: number }>();
  let tokens = 0;
  for (const [at, row] of scores.rows.entries()) {
    if (row.tokens === 0) continue;
    perInstance.push(row.nll_mean);
    tokens += row.tokens;
    const source = scores.sources[at]!;
    const group = bySource.get(source) ?? { sum: 0, instances: 0 };
    group.sum += row.nll_mean;
    group.instances++;
    bySource.set(source, group);
  }
  if (perInstance.length === 0) {
    throw new HeartcutError("HC3201", {
      what: "the held-out set has nothing to measure",
      where: `set ${scores.set}, model ${scores.model}`,
      found: `${scores.rows.length} instances, none with a scored position`,
      fix: "hold out more of the corpus",
    });
  }
  return {
    model: scores.model,
    set: scores.set,
    loss: perInstance.reduce((sum, x) => sum + x, 0) / perInstance.length,
    interval: bootstrapMean(perInstance, { ...options, stream: `evaluate/bootstrap/${scores.set}` }),
    instances: perInstance.length,
    tokens,
    bySource: [...bySource.keys()].sort().map((source) => {
      const { sum, instances } = bySource.get(source)!;
      return { source, loss: sum / instances, instances };
    }),
    perInstance,
  };
}
