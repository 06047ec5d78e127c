import { join } from "node:path";
import { publishText } from "../../../formats/publish.ts";
import type { StageContext } from "../../../progress.ts";
import { judge } from "../../../tasks/metrics.ts";
import type { TaskExample } from "../../../tasks/record.ts";
import type { FineTuneInput } from "../../../train/fine_tune_input.ts";
import {
  layoutOf,
  type ObjectiveOptions,
  settleObjective,
  usesRationales,
} from "../../../train/objective/objective.ts";
import type { FineTuneSummary } from "../../../train/record.ts";
import { contentHash, hubName, licenceOf, publicRecipe } from "../../card_origins.ts";
import { type CardOrigin, type ModelCard, modelCard, type PipelineTag } from "../../model_card.ts";
import { placeOf } from "../../recipe_places.ts";
import type { Json, Stage, StageResult } from "../../stage.ts";
import { studentFolder } from "../../stages/models.ts";
import { type RationaleInputs, startOf, taskFolder, teacherFolder, tokenizerFolder } from "../inputs.ts";
import { TEACHER_LINEAGE } from "../lineage.ts";
import { attributionOf, outputsAttribution } from "../recipe.ts";
import type { FineTuningSettings } from "../recipe_schema.ts";
import { type AnswerWork, answerWithModel, fineTuneWithSettings, TEACHER_OBJECTIVE } from "../with_models.ts";

/** Fine-tunes the teacher, where it is not brought along. */
export function teacherStages(run: RationaleInputs): Stage[] {
  const { teacher, seed } = run.recipe;
  if ("path" in teacher) return [];
  const { train } = teacher;
  const training = {
    name: "models/teacher",
    train,
    task: taskFolder(run, "teacher"),
    records: {},
    reads: [],
    objective: TEACHER_OBJECTIVE,
    seed,
  };
  const withCard = async (context: StageContext) => {
    const summary = await trainHere(run, training, context);
    const card = modelCard({
      lineage: TEACHER_LINEAGE,
      pipelineTag: pipelineTagOf(summary),
      metadata: await startMetadata(run, train),
      origins: [taskOrigin(run)],
      losses: "Minimised was the cross-entropy of the answers' tokens.",
      facts: fineTuningFacts(summary),
      results: [],
      recipe: publicRecipe(run.recipe),
    });
    await publishText(join(run.folder, "models/teacher", "README.md"), card);
    return { flops: summary.flops };
  };
  return [{ ...trainingStage(run, training), run: withCard }];
}

/** The teacher's own answers to the test split: what the students' are seen beside. */
export function teacherAnswersStage(run: RationaleInputs): Stage {
  const { recipe, folder } = run;
  const task = taskFolder(run, "student");
  const model = teacherFolder(run);
  return {
    name: "evaluate/teacher",
    version: 1,
    settings: { limits: recipe.limits, device: recipe.device, metric: run.task.metric },
    reads: [task, ...teacherReads(run)],
    files: teacherFiles(run),
    outputs: ["evaluate/teacher"],
    run: async (context) => {
      const output = join(folder, "evaluate/teacher");
      await answerTest(run, { model, task, objective: settleObjective(TEACHER_OBJECTIVE), output }, context);
      return {};
    },
  };
}

/** Stages and files that the teacher depends on. */
export const teacherReads = ({ recipe }: RationaleInputs): string[] =>
  "path" in recipe.teacher ? [] : ["models/teacher"];
export const teacherFiles = ({ recipe, files }: RationaleInputs) =>
  "path" in recipe.teacher ? files.models.get(recipe.teacher.path)! : [];

/** Trains one student with one seed; then it answers the test split. Its model card follows when all answers are compared. */
export function studentStage(run: RationaleInputs, name: string, seed: number): Stage {
  const { recipe } = run;
  const student = recipe.students.find((each) => each.name === name)!;
  const objective = settleObjective(student.objective);
  const { rationale } = student;
  const scores = rationale === undefined ? Object.keys(recipe.attribute)[0] : attributionOf(recipe, rationale);
  const records = {
    ...(usesRationales(objective) && { rationales: `rationales/${rationale}` }),
    ...(objective.attribution && { attributions: `attribute/${scores}` }),
    ...(objective.distillation && { teacherOutputs: `attribute/${outputsAttribution(recipe)}` }),
  };
  const stage = trainingStage(run, {
    name: studentFolder(name, seed),
    train: student.train,
    task: taskFolder(run, "student"),
    records,
    reads: Object.values(records),
    objective: student.objective,
    seed,
  });
  const output = join(run.folder, stage.name);
  return {
    ...stage,
    run: async (context) => {
      const result = await stage.run(context);
      const { readsRationale } = layoutOf(objective);
      await answerTest(
        run,
        {
          model: output,
          task: taskFolder(run, "student"),
          objective,
          output,
          ...(readsRationale && { rationales: join(run.folder, records.rationales!) }),
        },
        context,
      );
      return result;
    },
  };
}

/** How the task judges an answer. */
export const judgeOf =
  ({ task }: RationaleInputs) =>
  (example: TaskExample, answer: string) =>
    judge(task, example, answer);

interface Training {
  name: string;
  train: FineTuningSettings;
  /** Folder of the prepared task below the run folder, and name of its stage. */
  task: string;
  /** Folders of records below the run folder. */
  records: Partial<Pick<FineTuneInput, "rationales" | "attributions" | "teacherOutputs">>;
  /** Their stages. */
  reads: readonly string[];
  objective: ObjectiveOptions;
  seed: number;
}

function trainingStage(run: RationaleInputs, training: Training): Stage {
  const { recipe } = run;
  const { train, objective, seed } = training;
  const { from: _where, ...settings } = train;
  const start = startOf(run, train);
  return {
    name: training.name,
    // 2: the model card of a student is the matter of another stage.
    version: 2,
    settings: {
      train: settings as unknown as Json,
      objective: settleObjective(objective) as unknown as Json,
      seed,
      device: recipe.device,
      limits: recipe.limits,
      metric: run.task.metric,
    },
    reads: [...new Set([training.task, ...training.reads, ...start.reads])],
    files: start.files,
    outputs: [training.name],
    run: async (context): Promise<StageResult> => ({ flops: (await trainHere(run, training, context)).flops }),
  };
}

async function trainHere(run: RationaleInputs, training: Training, context: StageContext): Promise<FineTuneSummary> {
  const { recipe, places, folder } = run;
  const { train, objective, seed, records } = training;
  const output = join(folder, training.name);
  const below = (path: string | undefined) => path && join(folder, path);
  return fineTuneWithSettings(
    {
      settings: train.from === undefined ? train : { ...train, from: placeOf(places, train.from) },
      tokenizer: tokenizerFolder(run, train),
      task: join(folder, training.task),
      metric: run.task.metric,
      limits: recipe.limits,
      device: recipe.device,
      rationales: below(records.rationales),
      attributions: below(records.attributions),
      teacherOutputs: below(records.teacherOutputs),
      objective,
      seed,
      output,
    },
    context,
  );
}

/** How the Hub calls what a model does. */
export function pipelineTagOf({ model }: FineTuneSummary): PipelineTag {
  return model === "t5" ? "text2text-generation" : "text-generation";
}

/** What the Hub is told of the weights that a fine-tuning started from. */
export async function startMetadata(
  { places }: RationaleInputs,
  { from }: FineTuningSettings,
): Promise<ModelCard["metadata"]> {
  const nothing = { datasets: [], languages: [] };
  if (from === undefined) return nothing;
  return {
    ...nothing,
    baseModel: hubName(from),
    fineTuned: hubName(from) !== undefined,
    licence: await licenceOf(placeOf(places, from)),
  };
}

/** What the task is. */
export function taskOrigin({ task, files }: RationaleInputs): CardOrigin {
  const content = files.task.length === 0 ? "made on the spot" : contentHash(files.task);
  return { role: "task", text: `${task.name} (${task.description}), ${content}` };
}

/** Size and cost of a fine-tuning, for a model card. */
export function fineTuningFacts(summary: FineTuneSummary): [name: string, value: string][] {
  return [
    ["parameters", String(summary.parameters)],
    ["label examples seen", String(summary.examples)],
    ["tokens computed", String(summary.tokens)],
    ["optimizer steps", String(summary.steps)],
    ["step that was kept", `${summary.best.step}, the best on the validation split`],
    ["accuracy there", summary.best.accuracy.toFixed(4)],
    ["training FLOPs", summary.flops.toExponential(3)],
    ["seed", String(summary.seed)],
  ];
}

/** Has a model answer the test split: predictions.jsonl in the output folder. */
async function answerTest(
  { recipe, folder, task }: RationaleInputs,
  what: Pick<AnswerWork, "model" | "task" | "objective" | "rationales"> & { output: string },
  context: StageContext,
): Promise<void> {
  const { output, ...rest } = what;
  await answerWithModel(
    {
      ...rest,
      task: join(folder, what.task),
      metric: task.metric,
      limits: recipe.limits,
      device: recipe.device,
      split: "test",
      file: join(output, "predictions.jsonl"),
    },
    context,
  );
}
