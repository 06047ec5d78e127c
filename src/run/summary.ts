import { createRequire } from "node:module";
import { cpus } from "node:os";
import { join } from "node:path";
import type { PackSummary } from "../corpus/pack.ts";
import { readHfConfig } from "../formats/hf_config.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { describeModel } from "../models/architecture.ts";
import { resolveDevice } from "../runtime/device.ts";
import type { FinishedStage } from "./execute.ts";
import { sourceLineage } from "./lineage.ts";
import { formatRecipe } from "./recipe.ts";
import { type Places, placeOf } from "./recipe_places.ts";
import { type Recipe, ROLES } from "./recipe_schema.ts";
import type { RunSummary } from "./record.ts";
import { stageSeconds } from "./run_log.ts";
import { studentFolder } from "./stages/models.ts";
import { studentPlan } from "./student_plan.ts";

/** What run.json is made of, beside the finished stages. */
export interface SummaryInput {
  recipe: Recipe;
  places: Places;
  folder: string;
  heartcutVersion: string;
}

/** What a run says about itself after the given stages. */
export async function summarizeRun(
  { recipe, places, folder, heartcutVersion }: SummaryInput,
  finished: readonly FinishedStage[],
): Promise<RunSummary> {
  const done = new Set(finished.map(({ record }) => record.stage));
  return {
    name: recipe.name,
    heartcutVersion,
    recipe: formatRecipe(recipe),
    seed: recipe.seed,
    environment: environment(recipe),
    provenance: await provenance(recipe, places, folder, done),
    corpus: await corpusNumbers(recipe, folder, done),
    stages: await stageSummaries(folder, finished),
    students: recipe.students.flatMap((student) => {
      const { name, selection, seeds } = student;
      const plan = studentPlan(recipe, student);
      return seeds.map((seed) => ({ name, seed, selection, folder: studentFolder(name, seed), plan }));
    }),
  };
}

/** What the stages of a run cost and left. */
export async function stageSummaries(
  folder: string,
  finished: readonly FinishedStage[],
): Promise<RunSummary["stages"]> {
  const seconds = await stageSeconds(folder);
  return finished.map(({ record, reused }) => ({
    stage: record.stage,
    seconds: seconds.get(record.stage) ?? 0,
    reused,
    files: record.outputs,
    ...(record.flops !== undefined && { flops: record.flops }),
  }));
}

/** What a run ran on, as far as results may depend on it. No host names. */
export function environment(recipe: Pick<Recipe, "device">): RunSummary["environment"] {
  const engine = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };
  const processors = cpus();
  return [
    { name: "Node.js", value: process.versions.node },
    { name: "ONNX Runtime", value: engine.version },
    { name: "device", value: resolveDevice(recipe.device) },
    { name: "processor", value: processors[0]?.model.trim() ?? "unknown" },
    { name: "logical cores", value: String(processors.length) },
    { name: "platform", value: `${process.platform} ${process.arch}` },
  ];
}

async function provenance(
  recipe: Recipe,
  places: Places,
  folder: string,
  done: ReadonlySet<string>,
): Promise<RunSummary["provenance"]> {
  const known: RunSummary["provenance"] = [];
  const ids = (await packSummary(folder, "pack/pool", done))?.tokenizer.vocabSize;
  for (const role of ROLES) {
    const source = recipe[role];
    if ("train" in source && !done.has(`models/${role}`)) continue;
    const { title, sentence } = sourceLineage(recipe, role);
    if (!("train" in source || "path" in source)) {
      known.push({ role, model: title, sentence });
      continue;
    }
    const path = "path" in source ? placeOf(places, source.path) : join(folder, "models", role);
    const { config, parameterCount } = describeModel(await readHfConfig(path), path);
    const padded = ids !== undefined && config.vocabSize > ids;
    const padding = padded
      ? ` Its embedding has ${config.vocabSize} rows for ${ids} token ids; the rest is padding.`
      : "";
    known.push({
      role,
      model: "path" in source ? source.path : `models/${role}`,
      sentence: sentence + padding,
      parameters: parameterCount,
    });
  }
  return known;
}

/** What a packing stage says of itself; undefined before it is done. */
async function packSummary(folder: string, stage: string, done: ReadonlySet<string>): Promise<PackSummary | undefined> {
  if (!done.has(stage)) return undefined;
  return (await readJsonFile(join(folder, stage, "pack.json"), { wholeNumbers: "rounded" })) as unknown as PackSummary;
}

/** Numbers of the pool and of the held-out documents; zero where nothing is packed yet. */
async function corpusNumbers(recipe: Recipe, folder: string, done: ReadonlySet<string>): Promise<RunSummary["corpus"]> {
  const pack = (stage: string) => packSummary(folder, stage, done);
  const pool = await pack("pack/pool");
  const heldOut = await Promise.all(Object.keys(recipe.evaluate.sets).map((set) => pack(`pack/heldout-${set}`)));
  return {
    documents: pool?.documents ?? 0,
    bytes: pool?.bytes ?? 0,
    sources: pool?.bySource.length ?? 0,
    tokens: pool?.tokens ?? 0,
    instances: pool?.instances ?? 0,
    // Sets may overlap; the largest one says how many documents were held out at least.
    heldOutDocuments: Math.max(0, ...heldOut.map((set) => set?.documents ?? 0)),
  };
}
