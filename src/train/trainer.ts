import { HeartcutError } from "../errors.ts";
import type { CausalDescription } from "../models/architecture.ts";
import { padTokens } from "../models/batch.ts";
import { CausalLM } from "../models/causal_lm.ts";
import { type EosIds, lossMask, type MaskIds, maskIdsOf } from "../models/loss_mask.ts";
import type { ParameterSpec } from "../models/parameters.ts";
import { initialWeights, type WeightStore } from "../models/weights.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import type { AdamWOptions } from "./adamw.ts";
import type { ArenaTensor } from "./arena.ts";
import { TrainingBuffers } from "./buffers.ts";
import { type CausalObjective, LanguageModelling, positionMask } from "./causal_objective.ts";
import { positionFlops } from "./distillation/flops.ts";
import { projections } from "./distillation/graph.ts";
import { Distilling, type TeacherSide } from "./distillation/objective.ts";
import type { DistillationSettings } from "./distillation/settings.ts";
import type { CausalLosses } from "./record.ts";
import type { LossNormalization } from "./rows.ts";

export interface TrainerOptions {
  /** Label positions of a padded row. */
  readonly length: number;
  readonly microBatch: number;
  /** Whether a step has several micro-batches, so that gradients need a running sum. */
  readonly accumulates: boolean;
  readonly device: DeviceChoice;
  readonly threads?: number;
  readonly recompute: boolean;
  readonly lossNormalization: LossNormalization;
  readonly documentBarrier: boolean;
  readonly adamw: AdamWOptions;
  /** Label positions of an instance that count at all, beyond MiniPLM's mask; all where left out. */
  readonly kept?: ((instance: number) => Uint8Array) | undefined;
  /** What is learned of a teacher; the plain language-modelling loss where left out. */
  readonly distillation?: TrainerDistillation | undefined;
}

export interface TrainerDistillation {
  readonly settings: DistillationSettings;
  readonly teacher: TeacherSide;
  /** Of what the student writes. */
  readonly seed: number;
}

/** A model in training: its buffers, and one optimizer step at a time. */
export class Trainer {
  readonly model: CausalLM;
  private readonly buffers: TrainingBuffers;
  private readonly objective: CausalObjective;
  /** Ids that the loss mask leaves out. */
  private readonly maskIds: MaskIds;
  /** Ids behind which a new document begins that does not see those before; undefined without a barrier. */
  readonly barrier: EosIds | undefined;
  /** Wall time the engine took in the last step, in milliseconds. */
  executionMs = 0;

  /** @throws HeartcutError HC1307 for a barrier where the config names no EOS */
  constructor(
    readonly description: CausalDescription,
    initial: WeightStore,
    private readonly options: TrainerOptions,
  ) {
    const { device, threads, distillation, lossNormalization: normalization, recompute, length } = options;
    const extra = distillation === undefined ? [] : projectionsOf(description, distillation);
    this.buffers = new TrainingBuffers(
      [...description.parameters, ...extra],
      new Map([...initial, ...initialWeights({ parameters: extra }, distillation?.seed ?? 0)]),
      // Text that the student writes comes beside the text it is asked for.
      options.accumulates || distillation?.settings.onPolicy !== undefined,
    );
    this.model = new CausalLM(description, this.weights, { device, ...(threads !== undefined && { threads }) });
    this.maskIds = maskIdsOf(description.json);
    this.barrier = options.documentBarrier ? this.maskIds.eosId : undefined;
    if (options.documentBarrier && this.barrier === undefined)
      throw new HeartcutError("HC1307", {
        what: "documents cannot be kept apart: the model's config does not say which id ends one",
        fix: "set eos_token_id in the model's config, or train without documentBarrier",
      });
    const teacher = distillation && "online" in distillation.teacher ? distillation.teacher.online.model : undefined;
    const flops = positionFlops(description, length, distillation?.settings, teacher?.description);
    const mask = positionMask(this.maskIds, options.kept);
    this.objective =
      distillation === undefined
        ? new LanguageModelling(this.model, this.buffers.gradients, {
            mask,
            normalization,
            recompute,
            flopsPerPosition: flops.trained,
          })
        : new Distilling(this.model, distillation.teacher, extra, this.buffers.gradients, {
            ...distillation,
            mask,
            maskIds: this.maskIds,
            barrier: this.barrier,
            normalization,
            recompute,
            flops,
          });
  }

  get tensors(): readonly ArenaTensor[] {
    return this.buffers.tensors;
  }

  get weights(): WeightStore {
    return this.buffers.weights;
  }

  get length(): number {
    return this.options.length;
  }

  /** Scored positions of held-out text, as MiniPLM's loss mask has them. */
  mask(tokens: Int32Array): Uint8Array {
    return lossMask(tokens, "miniplm", this.maskIds);
  }

  /**
   * Forward, backward and AdamW over one batch.
   * @param step - number of this step, from 1
   * @param instances - numbers of the instances in their folder, where a store or token masks go by them
   * @returns the batch's loss in nats, the gradient norm before clipping, the label positions of the batch, scored or not,
   * and the FLOPs of the step
   */
  async step(
    sequences: readonly Int32Array[],
    step: number,
    learningRate: number,
    instances: readonly number[] = sequences.map((_, i) => i),
  ): Promise<TrainedStep> {
    const { microBatch, length } = this.options;
    const started = performance.now();
    const rows = await this.objective.rows(
      sequences.map((tokens, i) => ({ index: instances[i]!, tokens })),
      step,
    );
    this.executionMs = rows.some((row) => row.sampled) ? performance.now() - started : 0;
    let loss = 0;
    const losses: Partial<CausalLosses> = {};
    for (let start = 0; start < rows.length; start += microBatch) {
      const some = rows.slice(start, start + microBatch);
      const batch = padTokens(
        some.map(({ tokens }) => tokens),
        length,
        { weights: some.map(({ lm }) => lm), rows: microBatch, eosId: this.barrier },
      );
      const begin = performance.now();
      const part = await this.objective.run(batch, some);
      this.executionMs += performance.now() - begin;
      loss += part.loss;
      for (const name of LOSS_NAMES)
        if (part.losses[name] !== undefined) losses[name] = (losses[name] ?? 0) + part.losses[name];
      this.buffers.accumulate(start === 0);
    }
    const gradNorm = this.buffers.optimize(step, learningRate, this.options.adamw);
    const tokens = sequences.reduce((sum, each) => sum + Math.max(0, each.length - 1), 0);
    return { loss, losses: losses as CausalLosses, gradNorm, tokens, flops: this.objective.flops(rows) };
  }

  async dispose(): Promise<void> {
    await this.objective.dispose();
    await this.model.dispose();
  }
}

/** What one step gives. */
export interface TrainedStep {
  readonly loss: number;
  readonly losses: CausalLosses;
  readonly gradNorm: number;
  readonly tokens: number;
  readonly flops: number;
}

const LOSS_NAMES = [
  "lm",
  "kd",
  "teacher_entropy",
  "kl",
  "hidden",
  "attention",
] as const satisfies (keyof CausalLosses)[];

function projectionsOf(student: CausalDescription, { settings, teacher }: TrainerDistillation): ParameterSpec[] {
  if (settings.hidden === undefined || !("online" in teacher)) return [];
  return projections(student, teacher.online.model.description);
}
