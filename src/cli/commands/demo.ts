import { join } from "node:path";
import { type Define, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { packageRoot } from "../package_root.ts";
import { executeRecipe } from "./run.ts";

/** Options of `heartcut demo`. */
export interface DemoOptions {
  out: string;
  seed?: number;
}

export const define: Define = (program, start) => {
  program
    .command("demo")
    .description("Try everything in minutes, without network: a corpus made on the spot, six small models, a report")
    .option("-o, --out <folder>", "run folder", join("runs", "quickstart"))
    .option("--seed <number>", "another corpus and other models", wholeNumber(0))
    .action((options: DemoOptions) => start("demo", options));
};

/** Runs the quickstart recipe. */
export async function execute({ out, seed }: DemoOptions, context: JobContext): Promise<JobResult> {
  const { loadRecipe } = await import("../../run/recipe.ts");
  const recipe = await loadRecipe(
    join(packageRoot(), "recipes", "quickstart.yaml"),
    seed === undefined ? [] : [`seed=${seed}`],
  );
  const command = `heartcut demo${seed === undefined ? "" : ` --seed ${seed}`}`;
  return executeRecipe(recipe, { folder: out, command }, context);
}
