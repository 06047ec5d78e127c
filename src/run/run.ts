import { join } from "node:path";
import type { RationaleEvaluation } from "../evaluate/rationale_record.ts";
import type { Evaluation } from "../evaluate/record.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { publishJson } from "../formats/publish.ts";
import type { HubSettings } from "../hub/settings.ts";
import { loadReportData } from "../report/load.ts";
import { loadRationaleReportData } from "../report/rationale/load.ts";
import type { RationaleRunSummary } from "../report/rationale/record.ts";
import { renderRationaleTable } from "../report/rationale/summary.ts";
import { RECORD_BYTES } from "../report/run_folder.ts";
import { renderMarkdownTable } from "../report/summary.ts";
import { type AnyRecipe, isRationaleRecipe } from "./any_recipe.ts";
import { checkModels } from "./check_models.ts";
import { type ExecuteOptions, executePlan, type FinishedStage, type RunContext } from "./execute.ts";
import { planRun } from "./plan.ts";
import { checkRationaleModels } from "./rationale/check_models.ts";
import { planRationaleRun } from "./rationale/plan.ts";
import type { RationaleRecipe } from "./rationale/recipe_schema.ts";
import { EVALUATION } from "./rationale/stages/evaluation.ts";
import { summarizeRationaleRun } from "./rationale/summary.ts";
import { bringRecipe, localRecipe, type Places } from "./recipe_places.ts";
import type { Recipe } from "./recipe_schema.ts";
import type { RunSummary } from "./record.ts";
import { SUMMARY_NAME } from "./run_folder.ts";
import type { Stage } from "./stage.ts";
import { summarizeRun } from "./summary.ts";

/** How a recipe is run. */
export interface RunOptions extends Omit<ExecuteOptions, "onStage" | "references"> {
  heartcutVersion: string;
  /** Settings of the Hugging Face hub that are to differ from the environment's. */
  hub?: Partial<HubSettings>;
}

/** What a run leaves in memory; everything else is in its folder. */
export interface RunResult<R extends AnyRecipe = AnyRecipe> {
  summary: R extends RationaleRecipe ? RationaleRunSummary : RunSummary;
  evaluation: R extends RationaleRecipe ? RationaleEvaluation : Evaluation;
  /** The verdict and the students' results, as Markdown. */
  table: string;
}

/** What the two methods do differently around the same machinery. */
interface Method {
  check(): Promise<void>;
  plan(): Promise<Stage[]>;
  summarize(finished: readonly FinishedStage[]): Promise<RunSummary | RationaleRunSummary>;
  /** Path of the evaluation below the run folder. */
  evaluation: string;
  table(): Promise<string>;
}

function miniplm(recipe: Recipe, places: Places, folder: string, heartcutVersion: string): Method {
  return {
    check: () => checkModels(localRecipe(recipe, places)),
    plan: () => planRun(recipe, folder, places),
    summarize: (finished) => summarizeRun({ recipe, places, folder, heartcutVersion }, finished),
    evaluation: "evaluate/evaluation.json",
    table: async () => renderMarkdownTable(await loadReportData(folder)),
  };
}

function rationale(recipe: RationaleRecipe, places: Places, folder: string, heartcutVersion: string): Method {
  return {
    check: () => checkRationaleModels(localRecipe(recipe, places)),
    plan: () => planRationaleRun(recipe, folder, places),
    summarize: (finished) => summarizeRationaleRun({ recipe, places, folder, heartcutVersion }, finished),
    evaluation: EVALUATION,
    table: async () => renderRationaleTable(await loadRationaleReportData(folder)),
  };
}

/**
 * Runs a recipe from its data to the report in one folder, reusing and resuming what is there. run.json tells at any time how
 * far it is. What the recipe names on the hub is brought first.
 * @throws HeartcutError HC16xx as bringRecipe, HC41xx as executePlan; those of the stages; Interrupted
 */
export async function runRecipe<R extends AnyRecipe>(
  recipe: R,
  { heartcutVersion, hub = {}, ...options }: RunOptions,
  context: RunContext,
): Promise<RunResult<R>> {
  const { folder } = options;
  const places = await bringRecipe(recipe, hub, context);
  const method = isRationaleRecipe(recipe)
    ? rationale(recipe, places, folder, heartcutVersion)
    : miniplm(recipe, places, folder, heartcutVersion);
  await method.check();
  let summary: RunSummary | RationaleRunSummary | undefined;
  await executePlan(
    await method.plan(),
    {
      ...options,
      references: [...places.values()].map(({ reference }) => reference),
      onStage: async (finished) => {
        summary = await method.summarize(finished);
        await publishJson(join(folder, SUMMARY_NAME), summary);
      },
    },
    context,
  );
  const evaluation = await readJsonFile(join(folder, method.evaluation), {
    wholeNumbers: "rounded",
    limits: { jsonBytes: RECORD_BYTES },
  });
  // The files are of the recipe's method, as the plan that wrote them.
  return { summary, evaluation, table: await method.table() } as unknown as RunResult<R>;
}
