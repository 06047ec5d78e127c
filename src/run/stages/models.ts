import { join } from "node:path";
import { InternalError } from "../../errors.ts";
import { readJsonFile } from "../../formats/json_file.ts";
import { publishText } from "../../formats/publish.ts";
import type { StageContext } from "../../progress.ts";
import type { TrainingSummary } from "../../train/record.ts";
import type { TrainingProbe } from "../../train/train.ts";
import { tasksDuring } from "../asked_tasks.ts";
import { hubName, publicRecipe } from "../card_origins.ts";
import { distillationOf } from "../distillation_of.ts";
import { sourceLineage } from "../lineage.ts";
import { type CardMetadata, modelCard } from "../model_card.ts";
import type { DistillationRecipe, Recipe, TrainingSettings } from "../recipe_schema.ts";
import type { Json, Stage, StageResult } from "../stage.ts";
import { taskProbe } from "../task_probe.ts";
import { trainWithSettings } from "../train_with_settings.ts";
import { trainingData } from "./corpus.ts";
import { type Data, heldOutData, inTokens, studentData } from "./data.ts";
import { corpusOrigin, tokenizerOrigin } from "./origins.ts";
import {
  modelFolder,
  type Role,
  type RunInputs,
  readsTokenizer,
  taskDataPlace,
  tokenizerFiles,
  tokenizerFolder,
} from "./run_inputs.ts";
import { modelReads } from "./scoring.ts";
import { maskFolder, storeFolder } from "./teacher.ts";

/** Trains the teacher or the reference, where none is brought along. */
export function modelStages(run: RunInputs, role: Role): Stage[] {
  const source = run.recipe[role];
  if (!("train" in source)) return [];
  const { where: _where, maxTokens: _maxTokens, ...train } = source.train;
  const packed = trainingData(run, role);
  const stage = trainingStage(run, {
    name: `models/${role}`,
    train,
    data: inTokens({ stage: packed, folder: packed }, source.tokenizer),
    tokenizer: source.tokenizer,
    seed: run.recipe.seed,
  });
  return [{ ...stage, run: (context) => trainWithCard(run, role, stage, context) }];
}

/** A student as the recipe gives it. */
export function studentOf({ recipe }: RunInputs, name: string): Recipe["students"][number] {
  return recipe.students.find((each) => each.name === name)!;
}

/** Trains one student with one seed on its selection; its model card follows when it has been evaluated. */
export function studentStage(run: RunInputs, name: string, seed: number): Stage {
  const { train, selection, tokenizer, mask, distill } = studentOf(run, name);
  const { flopsOf, ...settings } = train;
  return trainingStage(run, {
    name: studentFolder(name, seed),
    train: settings,
    data: inTokens(studentData(run, selection), tokenizer),
    tokenizer,
    seed,
    ...(flopsOf !== undefined && { flopsOf: sameSeed(run, flopsOf, name, seed) }),
    ...(mask !== undefined && { mask: maskFolder(mask, selection) }),
    ...(distill !== undefined && { distill, store: storeFolder(selection, distill) }),
    probed: run.recipe.evaluate.tasks?.during !== undefined,
  });
}

/** The training of another student that a seed is held to: the one with the same place among its seeds, else its first. */
function sameSeed(run: RunInputs, other: string, name: string, seed: number): string {
  const { seeds } = studentOf(run, other);
  return studentFolder(other, seeds[studentOf(run, name).seeds.indexOf(seed)] ?? seeds[0]!);
}

/** Folder of a student below the run folder, and name of its stage. */
export function studentFolder(name: string, seed: number): string {
  return `students/${name}-seed${seed}`;
}

interface Training {
  name: string;
  train: TrainingSettings;
  data: Data;
  /** Name under `tokenizers`; undefined for the recipe's own. */
  tokenizer: string | undefined;
  seed: number;
  /** Stage of the training whose FLOPs are this one's. */
  flopsOf?: string;
  /** Stage and folder of its token mask, and of the store of teacher outputs where it reads one. */
  mask?: string;
  store?: string | undefined;
  distill?: DistillationRecipe;
  /** Whether it is asked tasks on the way. */
  probed?: boolean;
}

function trainingStage(run: RunInputs, training: Training): Stage {
  const { recipe } = run;
  const { name, train, data, tokenizer, seed, flopsOf, mask, store, distill, probed = false } = training;
  const sets = Object.keys(recipe.evaluate.sets).map((set) => inTokens(heldOutData(set), tokenizer).stage);
  const besides = distill !== undefined && store === undefined;
  return {
    name,
    // 2: the model card of a student is the matter of another stage.
    version: 2,
    settings: {
      train: train as unknown as Json,
      seed,
      device: recipe.device,
      documentBarrier: recipe.pack.documentBarrier,
      evaluate: { every: recipe.evaluate.every, curveInstances: recipe.evaluate.curveInstances },
      ...(distill !== undefined && { distill: distill as unknown as Json }),
      ...(probed && { tasks: probeSettings(run) }),
    },
    reads: [
      ...readsTokenizer(run, tokenizer),
      data.stage,
      ...sets,
      ...[flopsOf, mask, store].filter((stage) => stage !== undefined),
      ...(besides ? modelReads(run, "teacher") : []),
    ],
    files: [
      ...tokenizerFiles(run, tokenizer),
      ...(besides ? run.files.teacher : []),
      ...(probed ? run.files.tasks : []),
    ],
    outputs: [name],
    run: (context) => trainAsAsked(run, training, context),
  };
}

/** What decides which questions a training is asked, beside the files they are read from. */
function probeSettings({ recipe, tasks }: RunInputs): Json {
  const { during, fewshot } = recipe.evaluate.tasks!;
  return { during, fewshot, tasks: tasks.map(({ name, version, definition }) => [name, version, definition as Json]) };
}

function probeOf(run: RunInputs, tokenizer: string): TrainingProbe {
  const settings = run.recipe.evaluate.tasks!;
  return taskProbe({
    tasks: tasksDuring(settings, run.tasks),
    data: taskDataPlace(run),
    files: run.files.tasks,
    items: settings.during!.items,
    fewshot: settings.fewshot,
    tokenizer,
  });
}

async function trainAsAsked(run: RunInputs, training: Training, context: StageContext): Promise<StageResult> {
  const { recipe, folder } = run;
  const { name, tokenizer, flopsOf, mask, store, distill } = training;
  const tokens = tokenizerFolder(run, tokenizer);
  const summary = await trainWithSettings(
    {
      settings:
        flopsOf === undefined ? training.train : { ...training.train, flops: await flopsIn(join(folder, flopsOf)) },
      tokenizer: tokens,
      instances: join(folder, training.data.folder),
      heldOut: Object.keys(recipe.evaluate.sets).map((set) => ({
        name: set,
        folder: join(folder, inTokens(heldOutData(set), tokenizer).folder),
      })),
      evalEvery: recipe.evaluate.every,
      curveInstances: recipe.evaluate.curveInstances,
      documentBarrier: recipe.pack.documentBarrier,
      seed: training.seed,
      device: recipe.device,
      output: join(folder, name),
      ...(mask !== undefined && { tokenMask: join(folder, mask) }),
      ...(training.probed === true && { probe: probeOf(run, tokens) }),
      ...(distill !== undefined && {
        distillation: await distillationOf(
          distill,
          store === undefined ? { folder: modelFolder(run, "teacher")! } : { store: join(folder, store) },
          tokens,
        ),
      }),
    },
    context,
  );
  return { flops: summary.flops };
}

/** FLOPs of a training that has ended. */
async function flopsIn(folder: string): Promise<number> {
  const summary = (await readJsonFile(join(folder, "training.json"), {
    wholeNumbers: "rounded",
  })) as unknown as TrainingSummary;
  return summary.flops;
}

/** Trains the teacher or the reference and writes its model card. */
async function trainWithCard(run: RunInputs, role: Role, stage: Stage, context: StageContext): Promise<StageResult> {
  const { recipe, folder } = run;
  const source = recipe[role];
  if (!("train" in source)) throw new InternalError(`the ${role} is not trained here`);
  const result = await stage.run(context);
  const output = join(folder, stage.name);
  const summary = (await readJsonFile(join(output, "training.json"), {
    wholeNumbers: "rounded",
  })) as unknown as TrainingSummary;
  const card = modelCard({
    lineage: sourceLineage(recipe, role),
    pipelineTag: "text-generation",
    metadata: corpusMetadata(recipe),
    origins: [await corpusOrigin(run), await tokenizerOrigin(run)],
    losses: lossSentence(source.train),
    facts: trainingFacts(summary),
    results: [],
    recipe: publicRecipe(recipe),
  });
  await publishText(join(output, "README.md"), card);
  return result;
}

/** What the Hub is told of the corpus that models were pre-trained on. */
export function corpusMetadata({ corpus }: Recipe): Pick<CardMetadata, "datasets" | "languages"> {
  const paths = "path" in corpus ? [corpus.path].flat() : [];
  const datasets = [...new Set(paths.map(hubName).filter((name) => name !== undefined))];
  return { datasets, languages: "demo" in corpus ? ["en"] : [] };
}

/** What a pre-training minimises, in a sentence. */
export function lossSentence({ lossNormalization }: TrainingSettings): string {
  const over = lossNormalization === "instance" ? "over instances of the means over their tokens" : "over all tokens";
  return `Minimised was the cross-entropy of the next token, the mean ${over}.`;
}

/** Size and cost of a pre-training, for a model card. */
export function trainingFacts(summary: TrainingSummary): [name: string, value: string][] {
  return [
    ["parameters", `${summary.parameters} (${summary.nonEmbeddingParameters} without embeddings)`],
    ["training tokens", String(summary.tokens)],
    ["optimizer steps", String(summary.steps)],
    ["training FLOPs", summary.flops.toExponential(3)],
    ["seed", String(summary.seed)],
  ];
}
