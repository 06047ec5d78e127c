import type { TokenBatch } from "../models/batch.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { lossMask, type MaskIds } from "../models/loss_mask.ts";
import type { CausalLosses } from "./record.ts";
import { type BatchRow, type LossNormalization, meanWeights, type TrainingInstance } from "./rows.ts";

/** What a causal model is trained for: which rows a step computes, and what of them is minimised. */
export interface CausalObjective {
  /** The rows of a step's batch, with the weights that make its means. */
  rows(instances: readonly TrainingInstance[], step: number): Promise<BatchRow[]>;
  /** Loss and gradients of some of the rows; gradients go into the training's buffers. */
  run(batch: TokenBatch, rows: readonly BatchRow[]): Promise<PartialLoss>;
  /** FLOPs of a step with these rows. */
  flops(rows: readonly BatchRow[]): number;
  dispose(): Promise<void>;
}

/** What some rows add to a batch's loss, nats. */
export interface PartialLoss {
  readonly loss: number;
  /** The losses it is made of, unweighted. */
  readonly losses: CausalLosses;
}

/** Positions of an instance that count. */
export type PositionMask = (instance: TrainingInstance) => Uint8Array;

/** MiniPLM's mask, and where token masks are given only the positions that they keep. */
export function positionMask(ids: MaskIds, kept?: (instance: number) => Uint8Array): PositionMask {
  return ({ index, tokens }) => {
    const scored = lossMask(tokens, "miniplm", ids);
    if (kept === undefined) return scored;
    const keep = kept(index);
    return scored.map((x, t) => x & keep[t]!);
  };
}

/** The likelihood of the text. */
export class LanguageModelling implements CausalObjective {
  constructor(
    private readonly model: CausalLM,
    private readonly gradients: ReadonlyMap<string, Float32Array>,
    private readonly options: {
      readonly mask: PositionMask;
      readonly normalization: LossNormalization;
      readonly recompute: boolean;
      readonly flopsPerPosition: number;
    },
  ) {}

  async rows(instances: readonly TrainingInstance[]): Promise<BatchRow[]> {
    const weights = meanWeights(instances.map(this.options.mask), this.options.normalization);
    return instances.map(({ tokens }, i) => ({ tokens, lm: weights[i]!, kd: NONE }));
  }

  async run(batch: TokenBatch): Promise<PartialLoss> {
    const { recompute } = this.options;
    const { loss } = await this.model.lossAndGradients(batch, { into: this.gradients, recompute });
    return { loss, losses: { lm: loss } };
  }

  flops(rows: readonly BatchRow[]): number {
    return this.options.flopsPerPosition * rows.reduce((n, { tokens }) => n + Math.max(0, tokens.length - 1), 0);
  }

  async dispose(): Promise<void> {}
}

const NONE = new Float32Array(0);
