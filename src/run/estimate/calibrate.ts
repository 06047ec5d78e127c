import type { TopLogProbs } from "../../distill/record.ts";
import { type CausalDescription, describeCausalModel, forwardFlopsPerToken } from "../../models/architecture.ts";
import { BATCH_TOKENS, lengthBucket } from "../../models/batch.ts";
import { CausalLM } from "../../models/causal_lm.ts";
import { generateBatch } from "../../models/generate.ts";
import { initialWeights } from "../../models/weights.ts";
import { checkpointSignal, type StageContext } from "../../progress.ts";
import { Random } from "../../random.ts";
import type { DeviceChoice } from "../../runtime/device.ts";
import { MINIPLM_ADAMW } from "../../train/adamw.ts";
import type { StoredTeacher } from "../../train/distillation/objective.ts";
import { OnlineTeacher } from "../../train/distillation/teacher.ts";
import { Trainer, type TrainerDistillation } from "../../train/trainer.ts";
import { partsOf } from "../preflight/training_graphs.ts";
import type { DistillationRecipe } from "../recipe_schema.ts";
import { STORED_TOP_K } from "../stages/teacher.ts";
import type { Kind, Rate } from "./kinds.ts";

/** Batches that are run before any is timed: they compile graphs and fill caches. */
export const WARM_UP = 2;

/** One kind of work, made ready to be timed. */
export interface Batches {
  /** Places of full instances in a batch. */
  readonly places: number;
  /** Does one batch. @returns its FLOPs, as a stage would count them */
  run(): Promise<number>;
  dispose(): Promise<void>;
}

/** What is measured with: the clock in milliseconds, and resident memory in bytes. */
export interface Gauges {
  now(): number;
  resident(): number;
}

const GAUGES: Gauges = { now: () => performance.now(), resident: () => process.memoryUsage.rss() };

/** Seconds of batches as a rate: the median, and the tenths that were slowest and fastest. @param flops - of a batch, on average */
export function rateOf(
  { first, seconds }: { readonly first: number; readonly seconds: readonly number[] },
  flops: number,
  places: number,
): Pick<Rate, "flopsPerSecond" | "tokensPerSecond" | "startSeconds" | "batches"> {
  const sorted = [...seconds].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))]!;
  const median = at(0.5);
  return {
    flopsPerSecond: { median: flops / median, low: flops / at(0.9), high: flops / at(0.1) },
    tokensPerSecond: places / median,
    startSeconds: Math.max(0, first - median),
    batches: seconds.length,
  };
}

/**
 * Times some batches of a kind of work, after warm-up: random weights, random tokens, nothing is read or written.
 * @param batches - timed, at least 1; texts are written in a tenth as many   @throws Interrupted between batches, on request
 */
export async function measureRate(
  label: string,
  kind: Kind,
  { batches, device }: { readonly batches: number; readonly device: DeviceChoice },
  context: StageContext,
  start: (kind: Kind, device: DeviceChoice) => Batches = startKind,
  gauges: Gauges = GAUGES,
): Promise<Rate> {
  const timed = kind.work === "generate" ? Math.ceil(batches / 10) : batches;
  const warmUp = kind.work === "generate" ? 1 : WARM_UP;
  const all = warmUp + timed;
  context.report({ type: "progress", stage: label, done: 0, total: all, unit: "batches" });
  const work = start(kind, device);
  const seconds: number[] = [];
  let [flops, resident] = [0, 0];
  try {
    for (let i = 0; i < all; i++) {
      await checkpointSignal(context);
      const begin = gauges.now();
      const done = await work.run();
      seconds.push((gauges.now() - begin) / 1000);
      if (i >= warmUp) flops += done / timed;
      resident = Math.max(resident, gauges.resident());
      context.report({ type: "progress", stage: label, done: i + 1, total: all, unit: "batches" });
    }
  } finally {
    await work.dispose();
  }
  const measured = rateOf({ first: seconds[0]!, seconds: seconds.slice(warmUp) }, flops, work.places);
  return { label, work: kind.work, ...measured, residentBytes: resident };
}

/** Random ids of a model's vocabulary. */
function randomRows(vocabSize: number): (rows: number, length: number) => Int32Array[] {
  const random = new Random(0, "estimate");
  return (rows, length) =>
    Array.from({ length: rows }, () => Int32Array.from({ length }, () => random.below(vocabSize)));
}

function startKind(kind: Kind, device: DeviceChoice): Batches {
  if (kind.work === "train") return startTraining(kind, device);
  return kind.work === "generate" ? startWriting(kind, device) : startReading(kind, device);
}

function startTraining(kind: Extract<Kind, { work: "train" }>, device: DeviceChoice): Batches {
  const { length, instances, microBatch, distill, teacher } = kind;
  const model = kind.documentBarrier ? withEnd(kind.model) : kind.model;
  const trainer = new Trainer(model, initialWeights(model, 0), {
    length,
    microBatch,
    accumulates: microBatch < instances,
    device,
    recompute: kind.recompute,
    lossNormalization: "instance",
    documentBarrier: kind.documentBarrier,
    adamw: MINIPLM_ADAMW,
    distillation: distill && distillationOf(distill, teacher, { vocabSize: model.config.vocabSize, length, device }),
  });
  const ids = randomRows(Math.min(model.config.vocabSize, teacher?.config.vocabSize ?? Number.POSITIVE_INFINITY));
  let step = 0;
  return {
    places: instances * length,
    run: async () => (await trainer.step(ids(instances, length + 1), ++step, 1e-4)).flops,
    dispose: () => trainer.dispose(),
  };
}

/** Id 0 ends a document, where the config says nothing of it. */
function withEnd({ json }: CausalDescription): CausalDescription {
  return describeCausalModel({ ...json, eos_token_id: json.eos_token_id ?? 0 }, "model");
}

function distillationOf(
  { from: _from, topK = STORED_TOP_K, ...settings }: DistillationRecipe,
  teacher: CausalDescription | undefined,
  { vocabSize, length, device }: { vocabSize: number; length: number; device: DeviceChoice },
): TrainerDistillation {
  if (teacher === undefined)
    return { settings, teacher: { stored: storedLikeliest(Math.min(topK, vocabSize), length) }, seed: 0 };
  const model = new CausalLM(teacher, initialWeights(teacher, 1), { device });
  return {
    settings,
    teacher: { online: new OnlineTeacher(model, partsOf({ from: "teacher", ...settings })) },
    seed: 0,
  };
}

/** The same k ids at every place, equally likely. */
function storedLikeliest(k: number, length: number): StoredTeacher {
  const row: TopLogProbs = {
    ids: Int32Array.from({ length: length * k }, (_, i) => i % k),
    logProbs: new Float32Array(length * k).fill(-Math.log(k)),
  };
  return { k, read: () => row, close: () => {} };
}

/** A model that scores text, or also gives its likeliest tokens. */
function startReading(kind: Extract<Kind, { work: "score" | "capture" }>, device: DeviceChoice): Batches {
  const { model: description, length, batchTokens } = kind;
  const model = new CausalLM(description, initialWeights(description, 0), { device, batchTokens });
  const ids = randomRows(description.config.vocabSize);
  const rows = Math.max(1, Math.floor(batchTokens / lengthBucket(length)));
  return {
    places: rows * length,
    run: async () => {
      const instances = ids(rows, length + 1);
      if (kind.work === "capture") await model.topLogProbs(instances, { k: kind.topK });
      else await model.tokenNll(instances);
      return rows * length * forwardFlopsPerToken(description, length);
    },
    dispose: () => model.dispose(),
  };
}

/** A model that writes instances, as many side by side as a batch has places for. */
function startWriting(kind: Extract<Kind, { work: "generate" }>, device: DeviceChoice): Batches {
  const { model: description, length, promptTokens, temperature } = kind;
  const model = new CausalLM(description, initialWeights(description, 0), { device });
  const ids = randomRows(description.config.vocabSize);
  const rows = Math.max(1, Math.floor(BATCH_TOKENS / lengthBucket(length + 1)));
  const prompt = Math.min(promptTokens, length);
  return {
    places: rows * length,
    run: async () => {
      const texts = await generateBatch(model, ids(rows, prompt), { maxNewTokens: length + 1 - prompt, temperature });
      const tokens = texts.reduce((sum, text) => sum + prompt + text.length, 0);
      return tokens * forwardFlopsPerToken(description, length);
    },
    dispose: () => model.dispose(),
  };
}
