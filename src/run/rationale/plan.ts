import type { Places } from "../recipe_places.ts";
import type { Stage } from "../stage.ts";
import { reportStage } from "../stages/results.ts";
import { type RationaleInputs, readRationaleInputs } from "./inputs.ts";
import type { RationaleRecipe } from "./recipe_schema.ts";
import { analysisStage } from "./stages/analysis.ts";
import { attributionStage, rationaleStage } from "./stages/attribution.ts";
import { cardsStage } from "./stages/cards.ts";
import { evaluationStage } from "./stages/evaluation.ts";
import { studentStage, teacherAnswersStage, teacherStages } from "./stages/models.ts";
import { studentTaskStages, taskStage, tokenizerStages } from "./stages/task.ts";

/**
 * A recipe as the stages of token rationales (arXiv:2409.12586), in their order.
 * @param folder - run folder   @param places - of what it names by reference
 * @throws HeartcutError if something the recipe brings along is missing
 */
export async function planRationaleRun(recipe: RationaleRecipe, folder: string, places: Places): Promise<Stage[]> {
  return rationaleStagesOf(await readRationaleInputs(recipe, folder, places));
}

/** The plan itself, once everything outside the run folder is known. */
export function rationaleStagesOf(run: RationaleInputs): Stage[] {
  const { recipe } = run;
  const students = recipe.students.flatMap(({ name, seeds }) => seeds.map((seed) => ({ name, seed })));
  const stages = [
    // Questions with gold answers; train, validation and test are kept apart.
    taskStage(run),
    ...studentTaskStages(run),
    ...tokenizerStages(run),
    // A teacher that knows the task.
    ...teacherStages(run),
    teacherAnswersStage(run),
    // It reads every example once: which input tokens its answer depends on, s_i = ‖ ∂(mean target logit)/∂e_i ‖₁.
    ...Object.keys(recipe.attribute).map((name) => attributionStage(run, name)),
    // The most influential words become rationales, and controls beside them.
    ...Object.keys(recipe.rationales).map((name) => rationaleStage(run, name)),
    // Students learn the answers, and the rationales as their objective says; each answers the test split in the end.
    ...students.map(({ name, seed }) => studentStage(run, name, seed)),
    analysisStage(run),
    evaluationStage(run, students),
    // Each student's README tells what it is, where it comes from and how good it is.
    cardsStage(run, students),
  ];
  return [
    ...stages,
    reportStage(
      run,
      stages.map((stage) => stage.name),
    ),
  ];
}
