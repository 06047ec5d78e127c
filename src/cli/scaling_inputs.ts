import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { HeartcutError, printable } from "../errors.ts";
import type { ScalingLawName, ScalingPoint } from "../evaluate/scaling/record.ts";
import { isMissing } from "../formats/file_system.ts";
import type { MetricsLine } from "../train/record.ts";
import { MARKS, TRAINED_HERE } from "./folder_kind.ts";
import { holds } from "./holds.ts";

/** What one input of `heartcut scaling` holds: trainings with their curves, or the points of a CSV by name. */
export interface ScalingInputs {
  trainings: MeasuredTraining[];
  tables: { name: string; points: ScalingPoint[] }[];
}

/** One training with its measurements. */
export interface MeasuredTraining {
  name: string;
  seed: number;
  metrics: MetricsLine[];
  parameters: number | undefined;
  /** Of the run's student, where it is not the run's own: losses over other tokens do not compare. */
  tokenizer: string | undefined;
}

/**
 * Reads the inputs of a scaling fit: CSV files, metrics.jsonl files, folders of trained students (those of one name, as in
 * NAME-seed1 and NAME-seed2, are its seeds), and run folders, of which every student is read.
 * @param law - that CSV files must have the columns for
 * @throws HeartcutError HC3560 for something else, HC3563 for one training given twice; HC355x as readScalingCsv; HC5002
 */
export async function readScalingInputs(paths: readonly string[], law: ScalingLawName): Promise<ScalingInputs> {
  const found: ScalingInputs = { trainings: [], tables: [] };
  for (const path of paths) {
    const kind = await kindOf(path);
    if (kind === "csv") found.tables.push(...(await readTables(path, law)));
    else if (kind === "run") found.trainings.push(...(await readRun(path)));
    else
      found.trainings.push(
        await readTraining(
          kind === "metrics" ? dirname(path) : path,
          kind === "metrics" ? basename(path) : TRAINED_HERE,
        ),
      );
  }
  const names = [
    ...found.trainings.map(({ name, seed }) => `${name}, seed ${seed}`),
    ...found.tables.map(({ name }) => name),
  ];
  const trained = new Set(found.trainings.map(({ name }) => name));
  const twice =
    names.find((name, i) => names.indexOf(name) < i) ?? found.tables.find(({ name }) => trained.has(name))?.name;
  if (twice !== undefined)
    throw new HeartcutError("HC3563", {
      what: "two inputs hold one training",
      found: printable(twice),
      why: "its points would count twice",
      fix: "give each once; trainings of equal names are told apart by folders NAME-seed1, NAME-seed2",
    });
  return found;
}

async function kindOf(path: string): Promise<"csv" | "metrics" | "student" | "run"> {
  if (await isFile(path)) return path.endsWith(".jsonl") ? "metrics" : "csv";
  if (await holds(path, MARKS.run[0])) return "run";
  if (await holds(path, TRAINED_HERE)) return "student";
  throw new HeartcutError("HC3560", {
    what: "there are no measured losses here",
    where: path,
    found: (await holds(path, ".")) ? `a folder without ${MARKS.run[0]} and ${TRAINED_HERE}` : "no such file or folder",
    expected: "a CSV file, a metrics.jsonl, a trained student's folder or a run folder",
    fix: "train with --eval and an evaluation interval, or write the losses into a CSV with columns flops,loss",
  });
}

async function readTables(path: string, law: ScalingLawName): Promise<ScalingInputs["tables"]> {
  const { readScalingCsv } = await import("../evaluate/scaling/csv.ts");
  const file = basename(path).replace(/(\.csv)?(\.gz|\.zst)?$/i, "");
  return (await readScalingCsv(path, law)).map(({ name, points }) => ({ name: name ?? file, points }));
}

async function readRun(path: string): Promise<MeasuredTraining[]> {
  const { RunFolder } = await import("../report/run_folder.ts");
  const { runSummary } = await import("../report/schema.ts");
  const folder = new RunFolder(path);
  const { method } = await folder.summary(z.object({ method: z.string().optional() }));
  if (method !== undefined && method !== "miniplm")
    throw new HeartcutError("HC3560", {
      what: "the students of this run have no curves of held-out loss over compute",
      where: path,
      found: `method ${printable(method)}`,
      expected: "a run of method miniplm",
    });
  const { students } = await folder.summary(runSummary);
  const trainings: MeasuredTraining[] = [];
  for (const { name, seed, folder: own, plan } of students) {
    if (!(await holds(join(path, own), TRAINED_HERE))) continue;
    trainings.push({ ...(await readTraining(join(path, own), TRAINED_HERE)), name, seed, tokenizer: plan?.tokenizer });
  }
  return trainings;
}

async function readTraining(folder: string, file: string): Promise<MeasuredTraining> {
  const { RunFolder } = await import("../report/run_folder.ts");
  const { metricsLine, trainingSummary } = await import("../report/schema.ts");
  const training = new RunFolder(folder);
  const metrics = (await training.lines(file, metricsLine)) ?? [];
  const summary = await training.json("training.json", trainingSummary);
  const called = basename(resolve(folder));
  const [, name, seed] = /^(.+)-seed(\d+)$/.exec(called) ?? [];
  return {
    name: name ?? called,
    seed: Number(seed ?? 0),
    metrics,
    parameters: summary?.parameters,
    tokenizer: undefined,
  };
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
