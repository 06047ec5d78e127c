import { totalmem } from "node:os";
import { HeartcutError } from "../../errors.ts";
import type { CausalDescription } from "../../models/architecture.ts";
import type { StageContext } from "../../progress.ts";
import { resolveDevice } from "../../runtime/device.ts";
import { type AnyRecipe, isRationaleRecipe } from "../any_recipe.ts";
import { inspectModels } from "../check_models.ts";
import { bringRecipe, localRecipe, type Places } from "../recipe_places.ts";
import { type Recipe, ROLES } from "../recipe_schema.ts";
import { Amounts } from "./amounts.ts";
import { type Compute, computeFindings, computeOf, stores } from "./compute.ts";
import { type Amount, type Corpus, measureCorpus } from "./corpus.ts";
import { type DiskUse, diskFindings, diskUse } from "./disk.ts";
import { type Finding, failure, fine, SUBJECTS, warning } from "./finding.ts";
import {
  captureMemory,
  type MeasuredTraining,
  type StageMemory,
  scoringMemory,
  trainingMemory,
  writingMemory,
} from "./memory.ts";
import { rationaleFindings } from "./rationale.ts";
import { teacherFindings } from "./teachers.ts";
import { tokenizerFindings } from "./tokenizers.ts";

/** What a recipe will need and where it will fail, as far as that can be known before it runs: plain data. */
export interface Preflight {
  readonly recipe: string;
  readonly method: "miniplm" | "rationale";
  /** No finding is an error. */
  readonly ok: boolean;
  /** In the order of their subjects. */
  readonly findings: readonly Finding[];
  readonly corpus: CorpusSize | null;
  readonly compute: Compute | null;
  readonly memory: { readonly machine: number; readonly stages: readonly StageMemory[] } | null;
  readonly disk: { readonly free: number; readonly uses: readonly DiskUse[] } | null;
}

/** A corpus in numbers; `pool` is null where the tokenizer is trained in the run. */
export interface CorpusSize {
  readonly files: number;
  readonly fileBytes: number;
  readonly textBytes: number;
  /** false: scaled up from a sample of `sampleBytes`. */
  readonly whole: boolean;
  readonly sampleBytes: number;
  readonly pool: Amount | null;
}

/**
 * Checks all that `run` checks before its first stage and goes on where that would stop; runs nothing, writes nothing. Only a
 * server is asked something: what it is, and about two tokens. What is on the hub is looked at where it has been downloaded.
 * @param folder - where the run would write   @throws Interrupted on request; a mistake of the recipe's is a finding
 */
export async function preflight(recipe: AnyRecipe, folder: string, context: StageContext): Promise<Preflight> {
  const method = isRationaleRecipe(recipe) ? "rationale" : "miniplm";
  const places = await placesHere(recipe, context);
  if ("level" in places) return { ...concluded(recipe.name, method, [places]), ...NO_FIGURES };
  const local = localRecipe(recipe, places);
  if (isRationaleRecipe(local))
    return { ...concluded(recipe.name, method, await rationaleFindings(local)), ...NO_FIGURES };
  const { findings, ...figures } = await miniplmPreflight(local, folder, context);
  return { ...concluded(recipe.name, method, findings), ...figures };
}

const NO_FIGURES = { corpus: null, compute: null, memory: null, disk: null };

/** Where what is named by reference lies; a finding where something is not on this machine yet. */
async function placesHere(recipe: AnyRecipe, context: StageContext): Promise<Places | Finding> {
  try {
    return await bringRecipe(recipe, { offline: true }, context);
  } catch (error) {
    if (!(error instanceof HeartcutError) || error.name === "Interrupted") throw error;
    if (error.code !== "HC1606") return failure("models", error);
    return {
      level: "error",
      subject: "models",
      code: "HC4323",
      what: "something that the recipe names by reference is not on this machine yet, and a check fetches nothing",
      where: error.fault.where,
      fix: "heartcut download REFERENCE, then check again",
    };
  }
}

async function miniplmPreflight(recipe: Recipe, folder: string, context: StageContext) {
  const findings: Finding[] = [];
  const { models, faults } = await inspectModels(recipe);
  findings.push(...faults.map((fault) => failure("models", fault)), ...modelFindings(recipe, models));
  findings.push(...(await tokenizerFindings(recipe, models)));
  const { corpus, found } = await sizedCorpus(recipe, context);
  findings.push(found, ...(await teacherFindings(recipe, models, corpus, context)));
  const amounts = new Amounts(recipe, corpus);
  const compute = computeOf(recipe, models, amounts);
  const stages = memoryOf(recipe, models);
  const uses = diskUse(recipe, models, amounts, compute);
  const disk = await diskFindings(uses, folder);
  findings.push(...computeFindings(recipe, compute), ...memoryFindings(recipe, stages), ...disk.findings);
  return {
    findings,
    corpus: corpus === undefined ? null : sizeOf(corpus),
    compute,
    memory: { machine: totalmem(), stages },
    disk: { free: disk.free, uses },
  };
}

async function sizedCorpus(
  recipe: Recipe,
  context: StageContext,
): Promise<{ corpus: Corpus | undefined; found: Finding }> {
  try {
    const corpus = await measureCorpus(recipe, context);
    return { corpus, found: corpusFinding(recipe, corpus) };
  } catch (error) {
    if (!(error instanceof HeartcutError) || error.name === "Interrupted") throw error;
    return { corpus: undefined, found: failure("corpus", error) };
  }
}

function concluded(recipe: string, method: Preflight["method"], findings: readonly Finding[]) {
  const inOrder = SUBJECTS.flatMap((subject) => findings.filter((finding) => finding.subject === subject));
  return { recipe, method, ok: inOrder.every(({ level }) => level !== "error"), findings: inOrder };
}

function sizeOf({ files, fileBytes, textBytes, whole, sampleBytes, pool }: Corpus): CorpusSize {
  return { files, fileBytes, textBytes, whole, sampleBytes, pool: pool ?? null };
}

/** Contexts beside the instances, for models that are large enough. */
function modelFindings({ pack }: Recipe, models: ReadonlyMap<string, CausalDescription>): Finding[] {
  const contexts = [...models].map(([name, { config }]) =>
    config.maxPositions === Number.POSITIVE_INFINITY ? `${name} without limit` : `${name} ${config.maxPositions}`,
  );
  if (contexts.length === 0) return [];
  return [
    fine("models", `${contexts.length} models can be built, for instances of ${pack.length} positions`, {
      found: `contexts: ${contexts.join(", ")}`,
    }),
  ];
}

function corpusFinding(recipe: Recipe, corpus: Corpus | undefined): Finding {
  if (corpus === undefined) return fine("corpus", "the corpus is made on the spot: its tokens are known after packing");
  const { files, fileBytes, textBytes, whole, pool } = corpus;
  const text = `${(textBytes / 1e6).toPrecision(3)} MB of text in ${files} files of ${(fileBytes / 1e6).toPrecision(3)} MB${whole ? "" : ", by a sample"}`;
  if (pool === undefined)
    return fine("corpus", `${text}; the tokenizer is trained here: tokens are known after packing`);
  if (pool.instances === 0)
    return warning("corpus", "HC4322", {
      what: "no document of the sample is left to be trained on",
      found: text,
      fix: "check corpus.text and corpus.heldOutShare",
    });
  return fine(
    "corpus",
    `${text}: about ${pool.tokens.toLocaleString("en-US")} tokens in ${pool.instances.toLocaleString("en-US")} instances of ${recipe.pack.length} positions`,
  );
}

/** Peak memory of every stage that runs a model of this process, as planned. */
function memoryOf(recipe: Recipe, models: ReadonlyMap<string, CausalDescription>): StageMemory[] {
  const stages: StageMemory[] = [];
  const teacher = models.get("teacher");
  for (const role of ROLES) {
    const [source, model] = [recipe[role], models.get(role)];
    if (model === undefined) continue;
    if ("train" in source) stages.push(trainingMemory(recipe, { stage: `models/${role}`, model, train: source.train }));
    stages.push(scoringMemory(recipe, `score/${role}`, model));
  }
  if (teacher !== undefined) {
    for (const name of Object.keys(recipe.generate)) stages.push(writingMemory(recipe, `generate/${name}`, teacher));
    for (const [stage, { topK }] of stores(recipe))
      if (topK <= teacher.config.vocabSize) stages.push(captureMemory(recipe, stage, teacher, topK));
  }
  for (const { name, train, distill } of recipe.students) {
    const model = models.get(name);
    const beside = distill?.from === "teacher" ? teacher : undefined;
    // What such a student learns cannot be worked out without its teacher, whose fault has been told.
    if (model === undefined || (distill?.from === "teacher" && beside === undefined)) continue;
    const training: MeasuredTraining = { stage: `students/${name}`, model, train, distill, teacher: beside };
    stages.push(trainingMemory(recipe, training));
  }
  return stages;
}

/** Share of the machine's memory from which on a warning is due. */
const FULL = 0.8;

function memoryFindings(recipe: Recipe, stages: readonly StageMemory[]): Finding[] {
  const machine = totalmem();
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
    return "lower train.batch.microBatch, which changes no result; or set train.recompute: true";
  return "lower score.batchTokens, which changes no result but its last bits";
}

function onAccelerator({ device }: Recipe): boolean {
  try {
    return resolveDevice(device) !== "cpu";
  } catch {
    // A device that is not there is a finding of its own.
    return false;
  }
}
