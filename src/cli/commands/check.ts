import { join } from "node:path";
import type { Define } from "../command.ts";
import { repeated } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";

/** Options of `heartcut check`. */
export interface CheckOptions {
  recipe: string;
  out?: string;
  set?: string[];
  device?: string;
}

export const define: Define = (program, start) => {
  program
    .command("check")
    .argument("<recipe>", "YAML recipe, as for `heartcut run`")
    .description("Look at a recipe before it runs: models, tokenizers, teachers, FLOPs, memory, disk")
    .option("-o, --out <folder>", "where the run would write (default: runs/<name of the recipe>)")
    .option("--set <key=value>", "override a key, as for `heartcut run`; repeatable", repeated)
    .option("--device <device>", "cpu, cuda, webgpu or auto: overrides the recipe")
    .action((recipe: string, options: Omit<CheckOptions, "recipe">) => start("check", { recipe, ...options }));
};

/** Checks a recipe; runs nothing and writes nothing. The exit code is 1 where the run would fail. */
export async function execute(options: CheckOptions, context: JobContext): Promise<JobResult> {
  const { loadAnyRecipe } = await import("../../run/any_recipe.ts");
  const { preflight } = await import("../../run/preflight/preflight.ts");
  const { preflightText } = await import("../preflight_text.ts");
  const overrides = [...(options.set ?? []), ...(options.device === undefined ? [] : [`device=${options.device}`])];
  const recipe = await loadAnyRecipe(options.recipe, overrides);
  const result = await preflight(recipe, options.out ?? join("runs", recipe.name), { stage: "check", ...context });
  return { text: preflightText(result), data: result, failed: !result.ok };
}
