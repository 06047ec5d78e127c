import { join } from "node:path";
import { readHfConfig } from "../../formats/hf_config.ts";
import { describeModel } from "../../models/architecture.ts";
import type { RationaleRunSummary } from "../../report/rationale/record.ts";
import type { FinishedStage } from "../execute.ts";
import { formatRecipe } from "../recipe.ts";
import { type Places, placeOf } from "../recipe_places.ts";
import { studentFolder } from "../stages/models.ts";
import { environment, stageSummaries } from "../summary.ts";
import { taskOf } from "./inputs.ts";
import { studentLineage, teacherSentence } from "./lineage.ts";
import { attributionOf } from "./recipe.ts";
import type { RationaleRecipe } from "./recipe_schema.ts";
import { methodOf } from "./stages/evaluation.ts";

/** What run.json is made of, beside the finished stages. */
export interface RationaleSummaryInput {
  recipe: RationaleRecipe;
  places: Places;
  folder: string;
  heartcutVersion: string;
}

/** What a run of token rationales says about itself after the given stages. */
export async function summarizeRationaleRun(
  { recipe, places, folder, heartcutVersion }: RationaleSummaryInput,
  finished: readonly FinishedStage[],
): Promise<RationaleRunSummary> {
  const task = taskOf(recipe);
  const students = recipe.students.flatMap(({ name, seeds, objective, rationale }) =>
    seeds.map((seed) => ({
      name,
      seed,
      folder: studentFolder(name, seed),
      method: methodOf(objective),
      ...(rationale !== undefined && { rationale }),
    })),
  );
  return {
    method: "rationale",
    name: recipe.name,
    heartcutVersion,
    recipe: formatRecipe(recipe),
    seed: recipe.seed,
    environment: environment(recipe),
    task: { name: task.name, description: task.description },
    provenance: await provenance(recipe, places, folder, new Set(finished.map(({ record }) => record.stage))),
    attributions: Object.keys(recipe.attribute).map((name) => ({ name })),
    rationales: Object.keys(recipe.rationales).map((name) => {
      const attribution = attributionOf(recipe, name);
      return { name, ...(attribution !== undefined && { attribution }) };
    }),
    stages: await stageSummaries(folder, finished),
    students,
  };
}

async function provenance(
  recipe: RationaleRecipe,
  places: Places,
  folder: string,
  done: ReadonlySet<string>,
): Promise<RationaleRunSummary["provenance"]> {
  const known: RationaleRunSummary["provenance"] = [];
  const sizeOf = async (path: string) => describeModel(await readHfConfig(path), path).parameterCount;
  if ("path" in recipe.teacher || done.has("models/teacher")) {
    const path = "path" in recipe.teacher ? placeOf(places, recipe.teacher.path) : join(folder, "models/teacher");
    known.push({
      role: "teacher",
      model: "path" in recipe.teacher ? recipe.teacher.path : "models/teacher",
      sentence: teacherSentence(recipe),
      parameters: await sizeOf(path),
    });
  }
  for (const { name, seeds } of recipe.students) {
    const model = studentFolder(name, seeds[0]!);
    if (!done.has(model)) continue;
    const { sentence } = studentLineage(recipe, name, seeds[0]!);
    known.push({ role: "student", model: name, sentence, parameters: await sizeOf(join(folder, model)) });
  }
  return known;
}
