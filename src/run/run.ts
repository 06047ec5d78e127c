import { join } from "node:path";
import type { Evaluation } from "../evaluate/record.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { publishJson } from "../formats/publish.ts";
import { loadReportData, RECORD_BYTES } from "../report/load.ts";
import { renderMarkdownTable } from "../report/summary.ts";
import { checkModels } from "./check_models.ts";
import { type ExecuteOptions, executePlan, type RunContext } from "./execute.ts";
import { planRun } from "./plan.ts";
import type { Recipe } from "./recipe_schema.ts";
import type { RunSummary } from "./record.ts";
import { SUMMARY_NAME } from "./run_folder.ts";
import { summarizeRun } from "./summary.ts";

/** How a recipe is run. */
export interface RunOptions extends Omit<ExecuteOptions, "onStage"> {
  heartcutVersion: string;
}

/** What a run leaves in memory; everything else is in its folder. */
export interface RunResult {
  summary: RunSummary;
  evaluation: Evaluation;
  /** The verdict and the students' losses, as Markdown. */
  table: string;
}

/**
 * Runs a recipe from corpus to report in one folder, reusing and resuming what is there. run.json tells at any time how far it is.
 * @throws HeartcutError HC41xx as executePlan; those of the stages; Interrupted
 */
export async function runRecipe(
  recipe: Recipe,
  { heartcutVersion, ...options }: RunOptions,
  context: RunContext,
): Promise<RunResult> {
  const { folder } = options;
  await checkModels(recipe);
  const stages = await planRun(recipe, folder);
  let summary: RunSummary | undefined;
  await executePlan(
    stages,
    {
      ...options,
      onStage: async (finished) => {
        summary = await summarizeRun({ recipe, folder, heartcutVersion }, finished);
        await publishJson(join(folder, SUMMARY_NAME), summary);
      },
    },
    context,
  );
  const evaluation = await readJsonFile(join(folder, "evaluate/evaluation.json"), {
    wholeNumbers: "rounded",
    limits: { jsonBytes: RECORD_BYTES },
  });
  return {
    summary: summary!,
    evaluation: evaluation as unknown as Evaluation,
    table: renderMarkdownTable(await loadReportData(folder)),
  };
}
