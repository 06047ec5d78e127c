import type { Places } from "./recipe_places.ts";
import { type Recipe, ROLES } from "./recipe_schema.ts";
import type { Stage } from "./stage.ts";
import { analysisStages } from "./stages/analysis.ts";
import { cardsStage } from "./stages/cards.ts";
import { corpusStages, packForModel, packHeldOut, packPool, tokenizerStages } from "./stages/corpus.ts";
import { acrossTokenizers, bytesStages, conversionStages } from "./stages/data.ts";
import { modelStages, studentStage } from "./stages/models.ts";
import { evaluationStage, heldOutStage, reportStage, roleHeldOutStage } from "./stages/results.ts";
import { type RunInputs, readRunInputs } from "./stages/run_inputs.ts";
import { scalingStages } from "./stages/scaling.ts";
import { examplesStage, joinStage, scoreStage, selectStage } from "./stages/scoring.ts";
import { taskStages } from "./stages/tasks.ts";
import { captureStages, generateStages, maskStages } from "./stages/teacher.ts";

/**
 * A recipe as the stages of MiniPLM (arXiv:2410.17215), in their order.
 * @param folder - run folder   @param places - of what it names by reference
 * @throws HeartcutError if something the recipe brings along is missing
 */
export async function planRun(recipe: Recipe, folder: string, places: Places): Promise<Stage[]> {
  return stagesOf(await readRunInputs(recipe, folder, places));
}

/** The plan itself, once everything outside the run folder is known. */
export function stagesOf(run: RunInputs): Stage[] {
  const { recipe } = run;
  const students = recipe.students.flatMap(({ name, seeds }) => seeds.map((seed) => ({ name, seed })));
  const stages = [
    // Text becomes instances of one length; a share of the documents is kept from every model.
    ...corpusStages(run),
    ...tokenizerStages(run),
    packPool(run),
    ...Object.keys(recipe.evaluate.sets).map((set) => packHeldOut(run, set)),
    ...ROLES.flatMap((role) => packForModel(run, role)),
    ...conversionStages(run, "packed"),
    ...bytesStages(run),
    // A teacher that knows more and a small reference that shows what is easy or noise.
    ...ROLES.flatMap((role) => modelStages(run, role)),
    // Each reads every instance once: r(x) = NLL_reference(x) - NLL_teacher(x).
    ...ROLES.map((role) => scoreStage(run, role)),
    joinStage(run),
    // The highest r are kept, and baselines beside them.
    ...Object.keys(recipe.select).map((name) => selectStage(run, name)),
    ...analysisStages(run),
    // What else the teacher leaves for students: its own text, its likeliest tokens, which tokens are worth learning.
    ...generateStages(run),
    ...captureStages(run),
    ...maskStages(run),
    ...conversionStages(run, "chosen"),
    // Students are pre-trained on it; those that are held to another's FLOPs come behind it.
    ...inOrderOfLength(recipe, students).map(({ name, seed }) => studentStage(run, name, seed)),
    // All are held against documents that no model has seen.
    ...students.map(({ name, seed }) => heldOutStage(run, name, seed)),
    ...ROLES.map((role) => roleHeldOutStage(run, role)),
    evaluationStage(run, students),
    ...scalingStages(run, students),
    ...taskStages(run, students),
    // Each student's README tells what it is, where it comes from and how good it is.
    cardsStage(run, students),
    ...examplesStages(run),
  ];
  return [
    ...stages,
    reportStage(
      run,
      stages.map((stage) => stage.name),
    ),
  ];
}

/** Trainings with a length of their own first. */
function inOrderOfLength<T extends { name: string }>({ students }: Recipe, trainings: readonly T[]): T[] {
  const held = new Set(students.filter(({ train }) => train.flopsOf !== undefined).map(({ name }) => name));
  return [...trainings.filter(({ name }) => !held.has(name)), ...trainings.filter(({ name }) => held.has(name))];
}

/** Examples of every selection that ranks by the difference. */
function examplesStages(run: RunInputs): Stage[] {
  const { report, select } = run.recipe;
  // Scores of single tokens do not stand beside each other across tokenizers.
  if (report.examples === 0 || acrossTokenizers(run)) return [];
  return Object.entries(select)
    .filter(([, { method }]) => method === "difference")
    .map(([name]) => examplesStage(run, name));
}
