import { HeartcutError } from "../../errors.ts";
import type { CausalDescription } from "../../models/architecture.ts";
import { resolveDevice } from "../../runtime/device.ts";
import { type Recipe, ROLES } from "../recipe_schema.ts";
import { storesOf } from "../stages/teacher.ts";
import { type Finding, failure, fine, warning } from "./finding.ts";
import {
  captureMemory,
  type MeasuredTraining,
  type StageMemory,
  scoringMemory,
  trainingMemory,
  writingMemory,
} from "./memory.ts";

/** Peak memory of every stage that runs a model of this process, as planned; a graph that cannot be built is a fault. */
export function memoryOf(
  recipe: Recipe,
  models: ReadonlyMap<string, CausalDescription>,
): { stages: StageMemory[]; faults: Finding[] } {
  const stages: StageMemory[] = [];
  const faults: Finding[] = [];
  const add = (count: () => StageMemory) => {
    try {
      stages.push(count());
    } catch (error) {
      if (!(error instanceof HeartcutError)) throw error;
      faults.push(failure("memory", error));
    }
  };
  const teacher = models.get("teacher");
  for (const role of ROLES) {
    const [source, model] = [recipe[role], models.get(role)];
    if (model === undefined) continue;
    if ("train" in source) add(() => trainingMemory(recipe, { stage: `models/${role}`, model, train: source.train }));
    add(() => scoringMemory(recipe, `score/${role}`, model));
  }
  if (teacher !== undefined) {
    for (const name of Object.keys(recipe.generate)) add(() => writingMemory(recipe, `generate/${name}`, teacher));
    for (const [stage, { topK }] of storesOf(recipe))
      if (topK <= teacher.config.vocabSize) add(() => captureMemory(recipe, stage, teacher, topK));
  }
  for (const { name, train, distill } of recipe.students) {
    const model = models.get(name);
    const beside = distill?.from === "teacher" ? teacher : undefined;
    // What such a student learns cannot be worked out without its teacher, whose fault has been told.
    if (model === undefined || (distill?.from === "teacher" && beside === undefined)) continue;
    const training: MeasuredTraining = { stage: `students/${name}`, model, train, distill, teacher: beside };
    add(() => trainingMemory(recipe, training));
  }
  return { stages, faults };
}

/** Share of the machine's memory from which on a warning is due. */
const FULL = 0.8;

/** Holds what stages need against the memory there is. @param machine - its memory, in bytes */
export function memoryFindings(recipe: Recipe, stages: readonly StageMemory[], machine: number): Finding[] {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
  if (stages.length === 0) return [];
  const largest = stages.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  if (onAccelerator(recipe))
    return [
      fine(
        "memory",
        `at most ${gigabytes(largest.bytes)}, in ${largest.stage}: on an accelerator most of it is the accelerator's`,
      ),
    ];
  const over = stages.filter(({ bytes }) => bytes > FULL * machine);
  if (over.length === 0)
    return [fine("memory", `at most ${gigabytes(largest.bytes)} of ${gigabytes(machine)}, in ${largest.stage}`)];
  return over.map(({ stage, bytes, activations, weights, optimizer }) =>
    warning("memory", "HC4340", {
      what: `${stage} is likely to need ${gigabytes(bytes)}, ${Math.round((100 * bytes) / machine)} % of this machine's memory`,
      where: stage,
      found: `weights ${gigabytes(weights)}, gradients and optimizer ${gigabytes(optimizer)}, activations ${gigabytes(activations)}`,
      expected: `at most ${gigabytes(FULL * machine)}`,
      fix:
        activations > weights + optimizer
          ? lessActivations(stage)
          : "take a smaller model, or a machine with more memory",
    }),
  );
}

function lessActivations(stage: string): string {
  if (stage.startsWith("students/") || stage.startsWith("models/"))
    return "lower train.batch.microBatch, which changes no result";
  return "lower score.batchTokens, which changes no result but its last bits";
}

function onAccelerator({ device }: Recipe): boolean {
  try {
    return resolveDevice(device) !== "cpu";
  } catch (error) {
    // A device that is not there is a finding of its own.
    if (error instanceof HeartcutError) return false;
    throw error;
  }
}
