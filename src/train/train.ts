import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openInstances } from "../corpus/instances.ts";
import type { InstanceReader } from "../corpus/record.ts";
import { type HfConfigJson, parseHfConfig } from "../formats/hf_config.ts";
import { JsonlLog } from "../formats/jsonl.ts";
import { publishJson } from "../formats/publish.ts";
import { type CausalDescription, describeCausalModel } from "../models/architecture.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { loadModel, saveModel } from "../models/load.ts";
import { initialWeights } from "../models/weights.ts";
import type { StageContext } from "../progress.ts";
import type { DeviceChoice } from "../runtime/device.ts";
import { type AdamWOptions, MINIPLM_ADAMW } from "./adamw.ts";
import { loadCheckpoint, saveCheckpoint, type TrainingState } from "./checkpoint.ts";
import { meanPositionFlops, positionFlops } from "./distillation/flops.ts";
import { checkModels, checkPrompts, checkTeacherIds, describeTeacher, openTeacherSide } from "./distillation/open.ts";
import { checkDistillation, type Distillation } from "./distillation/settings.ts";
import { finishedTraining, SUMMARY_NAME } from "./finished.ts";
import { heldOutLoss } from "./held_out.ts";
import { runSteps, type StepResult, type Steps } from "./loop.ts";
import { DataPlan, type TrainingLength } from "./plan.ts";
import type { MetricsLine, TaskPoint, TrainingSummary } from "./record.ts";
import type { LossNormalization } from "./rows.ts";
import { requireSameTraining } from "./same_training.ts";
import { learningRateAt, type Schedule } from "./schedule.ts";
import { type TrainedStep, Trainer } from "./trainer.ts";
import { checkIds, keptPositions } from "./training_data.ts";
import { fingerprintOf, measuredFingerprint } from "./training_fingerprint.ts";

export interface TrainInput extends TrainingLength {
  /** A config for fresh weights, or a Hugging Face folder to start from. */
  readonly model: { readonly config: HfConfigJson } | { readonly folder: string };
  /** Folder of packed instances. */
  readonly data: string;
  /** Folders of held-out instances, whose loss is taken at intervals. */
  readonly heldOut: readonly { readonly name: string; readonly folder: string }[];
  /** Becomes a Hugging Face folder with metrics.jsonl and training.json. */
  readonly output: string;
  readonly batch: {
    readonly instances: number;
    /** Instances computed at once; the loss does not depend on it. */
    readonly microBatch: number;
  };
  readonly optimizer: {
    readonly learningRate: number;
    readonly minLearningRate: number;
    readonly warmupSteps?: number | undefined;
    readonly warmupShare?: number | undefined;
  } & Partial<AdamWOptions>;
  readonly lossNormalization: LossNormalization;
  readonly evalEvery: number;
  /** Instances of each held-out set used for the curve. */
  readonly evalInstances?: number;
  readonly checkpointEvery: number;
  readonly seed: number;
  readonly device: DeviceChoice;
  readonly recompute?: boolean;
  /** Keep packed documents from seeing each other. */
  readonly documentBarrier?: boolean;
  /** What is learned of a teacher beside the text. */
  readonly distillation?: Distillation | undefined;
  /** Folder of token masks: only the positions they keep count in the losses. */
  readonly tokenMask?: string | undefined;
  /** What else is measured where the held-out losses are. */
  readonly probe?: TrainingProbe | undefined;
}

/** A measurement of the model in training beside its held-out losses, such as a few questions of tasks. */
export interface TrainingProbe {
  /** Hash of all that decides what it measures, but for the model. */
  readonly fingerprint: string;
  measure(model: CausalLM, signal: AbortSignal): Promise<readonly TaskPoint[]>;
}

async function startingPoint(
  input: TrainInput,
): Promise<{ description: CausalDescription; weights: Map<string, Float32Array> }> {
  if ("folder" in input.model) {
    const model = await loadModel(input.model.folder, { device: "cpu" });
    return { description: model.description, weights: new Map(model.weights) };
  }
  const description = describeCausalModel(parseHfConfig(input.model.config, "model"), "model");
  return { description, weights: initialWeights(description, input.seed) };
}

function distillationRecord({ teacher, ...settings }: Distillation): TrainingSummary["distillation"] {
  return { ...settings, teacher: "folder" in teacher ? "online" : "stored" };
}

/**
 * Trains a causal LM on packed instances: AdamW, linear warm-up and cosine, clipping, checkpoints, held-out losses.
 * The same call after an interruption goes on from the last checkpoint and ends with the same bytes; after the end it returns
 * at once what is there.
 * @throws HeartcutError HC1053 where another training has ended there, HC13xx for bad input or a loss that is not finite; Interrupted (after a checkpoint) on request
 */
export async function trainModel(input: TrainInput, context: StageContext): Promise<TrainingSummary> {
  const { description, weights } = await startingPoint(input);
  const reader = await openInstances(input.data);
  const readers: { name: string; reader: InstanceReader }[] = [];
  let trainer: Trainer | undefined;
  let log: JsonlLog<MetricsLine> | undefined;
  try {
    for (const set of input.heldOut) readers.push({ name: set.name, reader: await openInstances(set.folder) });
    for (const { reader: each } of [{ reader }, ...readers]) checkIds(each, description.config.vocabSize);
    const { distillation } = input;
    if (distillation !== undefined) checkDistillation(distillation);
    const length = Math.max(reader.maxTokens, 2) - 1;
    const read =
      distillation && "folder" in distillation.teacher ? await describeTeacher(distillation.teacher.folder) : undefined;
    if (distillation !== undefined) checkModels(distillation, [description, read]);
    if (read !== undefined) checkTeacherIds(reader, distillation!, read.config.vocabSize, description.config.vocabSize);
    if (distillation?.onPolicy !== undefined) checkPrompts(distillation.onPolicy, reader);
    const flops = positionFlops(description, length, distillation, read);
    const { tokens, steps: stepCount, epochs } = input;
    const given = { tokens, steps: stepCount, epochs, flops: input.flops };
    const perPosition = meanPositionFlops(flops, distillation);
    const plan = new DataPlan(reader, input.batch.instances, input.seed, given, perPosition);
    const checkpoints = join(input.output, "checkpoints");
    const fingerprint = await fingerprintOf(input, description.json, weights, reader);
    const measured = measuredFingerprint(fingerprint, input);
    const known = {
      model: description.config.modelType,
      parameters: description.parameterCount,
      data: input.data.split(/[\\/]/).slice(-2).join("/"),
      seed: input.seed,
      distillation: distillation && distillationRecord(distillation),
    };
    await requireSameTraining(input.output, measured, { ...known, steps: plan.totalSteps });
    const finished = await finishedTraining(input.output, measured);
    if (finished !== undefined) {
      await rm(checkpoints, { recursive: true, force: true });
      return finished;
    }
    trainer = new Trainer(description, weights, {
      length,
      microBatch: Math.min(input.batch.microBatch, input.batch.instances),
      accumulates: input.batch.microBatch < input.batch.instances,
      device: input.device,
      recompute: input.recompute ?? false,
      lossNormalization: input.lossNormalization,
      documentBarrier: input.documentBarrier ?? false,
      adamw: { ...MINIPLM_ADAMW, ...input.optimizer },
      kept: input.tokenMask === undefined ? undefined : await keptPositions(input.tokenMask, reader, context),
      distillation: distillation && {
        settings: distillation,
        teacher: await openTeacherSide(
          distillation,
          reader,
          {
            device: input.device,
            documentBarrier: input.documentBarrier ?? false,
          },
          context,
        ),
        seed: input.seed,
      },
    });
    // The trainer has its own copy: 4 bytes a parameter less for the whole training.
    weights.clear();
    const state: TrainingState = (await loadCheckpoint(checkpoints, trainer.tensors, fingerprint)) ?? {
      step: 0,
      tokens: 0,
      flops: 0,
      lastLoss: Number.NaN,
      fingerprint,
    };
    log = await JsonlLog.open<MetricsLine>(join(input.output, "metrics.jsonl"));
    // At step 0 nothing is known to be measured: the first evaluation is made again.
    await log.truncateWhere((line) => state.step > 0 && line.step <= state.step);
    const steps = new CausalSteps(input, plan, trainer, reader, readers, log, state, checkpoints, context.signal);
    if (state.step === 0) await steps.evaluate();
    await runSteps(steps, context);
    await log.sync();
    const files = await saveModel(description, trainer.weights, input.output);
    const summary: TrainingSummary = {
      model: known.model,
      parameters: known.parameters,
      nonEmbeddingParameters: description.nonEmbeddingParameters,
      steps: state.step,
      tokens: state.tokens,
      flops: state.flops,
      data: known.data,
      seed: known.seed,
      finalLoss: state.lastLoss,
      ...(known.distillation !== undefined && { distillation: known.distillation }),
      fingerprint: measured,
      weights: [...files].map(([name, { bytes, sha256 }]) => ({ name, bytes, sha256 })),
    };
    await publishJson(join(input.output, SUMMARY_NAME), summary);
    await rm(checkpoints, { recursive: true, force: true });
    return summary;
  } finally {
    await log?.close();
    await trainer?.dispose();
    for (const each of readers) each.reader.close();
    reader.close();
  }
}

/** One training on packed instances, as the loop over steps drives it. */
class CausalSteps implements Steps<InstanceStep> {
  readonly totalSteps: number;
  readonly evalEvery: number;
  readonly checkpointEvery: number;
  private readonly schedule: Schedule;

  constructor(
    private readonly input: TrainInput,
    private readonly plan: DataPlan,
    private readonly trainer: Trainer,
    private readonly reader: InstanceReader,
    private readonly heldOut: readonly { name: string; reader: InstanceReader }[],
    private readonly metrics: JsonlLog<MetricsLine>,
    readonly state: TrainingState,
    private readonly checkpoints: string,
    private readonly signal: AbortSignal,
  ) {
    this.totalSteps = plan.totalSteps;
    this.evalEvery = input.evalEvery;
    this.checkpointEvery = input.checkpointEvery;
    const { learningRate, minLearningRate, warmupShare = 0.02 } = input.optimizer;
    const warmupSteps = input.optimizer.warmupSteps ?? Math.ceil(warmupShare * plan.totalSteps);
    this.schedule = { learningRate, minLearningRate, warmupSteps };
  }

  async train(step: number): Promise<InstanceStep> {
    const rate = learningRateAt(this.schedule, step - 1, this.totalSteps);
    const instances = this.plan.instancesOf(step - 1);
    const sequences = instances.map((i) => this.reader.read(i));
    return { ...(await this.trainer.step(sequences, step, rate, instances)), rate };
  }

  async log({ loss, losses, gradNorm, flops, rate }: InstanceStep): Promise<void> {
    const { state } = this;
    state.flops += flops;
    await this.metrics.append({
      type: "train",
      step: state.step,
      tokens: state.tokens,
      flops: state.flops,
      loss,
      ...(this.input.distillation !== undefined && { losses }),
      learning_rate: rate,
      grad_norm: gradNorm,
    });
  }

  async evaluate(): Promise<boolean> {
    const { step, tokens, flops } = this.state;
    for (const { name, reader } of this.heldOut) {
      const loss = await heldOutLoss(this.trainer, reader, this.input.evalInstances ?? 128);
      await this.metrics.append({ type: "eval", step, tokens, flops, set: name, loss });
    }
    const points = (await this.input.probe?.measure(this.trainer.model, this.signal)) ?? [];
    for (const point of points) await this.metrics.append({ type: "task", step, tokens, flops, ...point });
    return false;
  }

  async checkpoint(): Promise<void> {
    await this.metrics.sync();
    await saveCheckpoint(this.checkpoints, this.trainer.tensors, this.state);
  }
}

interface InstanceStep extends TrainedStep, StepResult {
  readonly rate: number;
}
