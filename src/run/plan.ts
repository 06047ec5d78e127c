import { type Recipe, ROLES } from "./recipe_schema.ts";
import type { Stage } from "./stage.ts";
import { corpusStages, packHeldOut, packPool, tokenizerStages } from "./stages/corpus.ts";
import { modelStages, studentStage } from "./stages/models.ts";
import { evaluationStage, heldOutStage, reportStage, roleHeldOutStage } from "./stages/results.ts";
import { type RunInputs, readRunInputs } from "./stages/run_inputs.ts";
import { examplesStage, joinStage, scoreStage, selectStage } from "./stages/scoring.ts";

/**
 * A recipe as the stages of MiniPLM (arXiv:2410.17215), in their order.
 * @param folder - run folder   @throws HeartcutError if something the recipe brings along is missing
 */
export async function planRun(recipe: Recipe, folder: string): Promise<Stage[]> {
  return stagesOf(await readRunInputs(recipe, folder));
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
    // A teacher that knows more and a small reference that shows what is easy or noise.
    ...modelStages(run, "teacher"),
    ...modelStages(run, "reference"),
    // Each reads every instance once: r(x) = NLL_reference(x) - NLL_teacher(x).
    scoreStage(run, "teacher"),
    scoreStage(run, "reference"),
    joinStage(run),
    // The highest r are kept, and baselines beside them.
    ...Object.keys(recipe.select).map((name) => selectStage(run, name)),
    // Students are pre-trained on what was kept, with the plain loss.
    ...students.map(({ name, seed }) => studentStage(run, name, seed)),
    // All are held against documents that no model has seen.
    ...students.map(({ name, seed }) => heldOutStage(run, name, seed)),
    ...ROLES.map((role) => roleHeldOutStage(run, role)),
    evaluationStage(run, students),
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

/** Examples of every selection that ranks by the difference. */
function examplesStages(run: RunInputs): Stage[] {
  const { report, select } = run.recipe;
  if (report.examples === 0) return [];
  return Object.entries(select)
    .filter(([, { method }]) => method === "difference")
    .map(([name]) => examplesStage(run, name));
}
