import type { CausalDescription } from "../../models/architecture.ts";
import { BATCH_TOKENS, lengthBucket } from "../../models/batch.ts";
import { nllGraph } from "../../models/causal_graphs.ts";
import { COMPILED_GRAPHS } from "../../models/language_model.ts";
import { topLogProbsGraph } from "../../models/top_log_probs.ts";
import { teacherGraph } from "../../train/distillation/teacher.ts";
import type { Recipe, TrainingSettings } from "../recipe_schema.ts";
import { peakActivations, resultBytes } from "./graph_memory.ts";
import { partsOf, trainingGraph } from "./training_graphs.ts";

/** What a stage is likely to hold at its peak, in bytes. */
export interface StageMemory {
  readonly stage: string;
  /** Everything below together. */
  readonly bytes: number;
  /** Node.js, the engine and the code. */
  readonly process: number;
  /** Weights in float32, of all models of the stage. */
  readonly weights: number;
  /** Gradients, AdamW's moments, and the sum over micro-batches. */
  readonly optimizer: number;
  /** Intermediate values of every compiled graph, and results that are handed on. */
  readonly activations: number;
}

/** Resident memory of a stage before any model: Node.js, the engine, this code, and what JavaScript has not yet collected. */
const PROCESS_BYTES = 190e6;
/** What the engine's arena takes for each byte of values alive, by gaps between them: measured 1.05 to 1.25. */
const ARENA = 1.15;
/** Held-out losses are computed on so many rows, by a graph of their own. */
export const HELD_OUT_ROWS = 8;
/** Float32. */
const FLOAT = 4;

function stageMemory(
  stage: string,
  parts: { weights: number; optimizer?: number; activations: number; results?: number },
): StageMemory {
  const { weights, optimizer = 0, results = 0 } = parts;
  const activations = Math.round(parts.activations * ARENA + results);
  const bytes = PROCESS_BYTES + weights + optimizer + activations;
  return { stage, bytes, process: PROCESS_BYTES, weights, optimizer, activations };
}

const weightBytes = ({ parameterCount }: CausalDescription) => FLOAT * parameterCount;

/** Rows and places of a full batch of instances. */
function batchOf({ pack, score }: Recipe, batchTokens = score.batchTokens): { B: number; T: number } {
  const T = lengthBucket(pack.length);
  return { B: Math.max(1, Math.floor(batchTokens / T)), T };
}

const visibilityOf = ({ pack }: Recipe) => (pack.documentBarrier ? "segments" : "causal");

/** A model of this process reads every instance once. */
export function scoringMemory(recipe: Recipe, stage: string, model: CausalDescription): StageMemory {
  const shape = { ...batchOf(recipe), visibility: visibilityOf(recipe) } as const;
  return stageMemory(stage, {
    weights: weightBytes(model),
    activations: COMPILED_GRAPHS * peakActivations(nllGraph(model, shape)),
  });
}

/** The likeliest tokens are kept too; a shard of them is collected before it is written. */
export function captureMemory(recipe: Recipe, stage: string, model: CausalDescription, topK: number): StageMemory {
  const shape = { ...batchOf(recipe), visibility: visibilityOf(recipe) } as const;
  const graph = topLogProbsGraph(model, shape, topK);
  return stageMemory(stage, {
    weights: weightBytes(model),
    activations: COMPILED_GRAPHS * peakActivations(graph),
    results: resultBytes(graph) + SHARD_BYTES,
  });
}

/** Four million ids and log-probabilities. */
const SHARD_BYTES = 8 * 2 ** 22;

/** A model writes texts, as many side by side as a batch has places for. */
export function writingMemory(recipe: Recipe, stage: string, model: CausalDescription): StageMemory {
  const { B } = batchOf(recipe, BATCH_TOKENS);
  return stageMemory(stage, { weights: weightBytes(model), activations: 0, results: textBytes(recipe, model, B) });
}

/** What B texts of the length of an instance keep while they are written: keys and values or states, and logits. */
function textBytes({ pack }: Recipe, { config, architecture }: CausalDescription, B: number): number {
  const { memory } = architecture;
  const row =
    memory.kind === "keys"
      ? 2 * config.layers * memory.K * memory.H * lengthBucket(pack.length + 1)
      : config.layers * Object.values(memory.parts).reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  // The engine gives what is new beside what it was fed; a cache that grows is copied once.
  return FLOAT * B * (2 * row + 2 * config.vocabSize);
}

/** A training with everything beside it. */
export interface MeasuredTraining {
  readonly stage: string;
  readonly model: CausalDescription;
  readonly train: TrainingSettings;
  readonly distill?: Recipe["students"][number]["distill"];
  /** Reads along; undefined where nothing is learned of a teacher, or from its stored outputs. */
  readonly teacher?: CausalDescription | undefined;
}

/** Weights, gradients and moments, the values of a micro-batch forward and backward, a teacher that reads along. */
export function trainingMemory(recipe: Recipe, training: MeasuredTraining): StageMemory {
  const { stage, model, train, distill, teacher } = training;
  const { instances, microBatch = instances } = train.batch;
  const B = Math.min(microBatch, instances);
  const T = recipe.pack.length;
  const shape = { B, T, segments: recipe.pack.documentBarrier, recompute: train.recompute };
  const { graph, parameters } = trainingGraph(model, shape, distill, teacher);
  const accumulates = B < instances || distill?.onPolicy !== undefined;
  const heldOut = nllGraph(model, { B: HELD_OUT_ROWS, T, visibility: visibilityOf(recipe) });
  let activations = peakActivations(graph) + peakActivations(heldOut);
  let results = 0;
  if (teacher !== undefined) {
    const beside = teacherGraph(teacher, shape, partsOf(distill!));
    activations += peakActivations(beside);
    results += resultBytes(beside);
  }
  if (distill?.onPolicy !== undefined) {
    results += textBytes(recipe, model, Math.ceil(instances * distill.onPolicy.share));
    // Rewards: both models read the texts once more.
    if (distill.onPolicy.policyGradient)
      for (const each of [model, teacher!])
        activations += peakActivations(
          nllGraph(each, { ...batchOf(recipe, BATCH_TOKENS), visibility: visibilityOf(recipe) }),
        );
  }
  return stageMemory(stage, {
    // The starting weights stay until they are collected.
    weights: 2 * weightBytes(model) + (teacher === undefined ? 0 : weightBytes(teacher)),
    optimizer: FLOAT * parameters * (accumulates ? 4 : 3),
    activations,
    results,
  });
}
