import { join } from "node:path";
import { HeartcutError } from "../../errors.ts";
import type { Recipe } from "../../run/recipe_schema.ts";
import { type Define, numberWithin, repeated, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";

/** Options of `heartcut estimate`. */
export interface EstimateOptions {
  recipe: string;
  out?: string;
  set?: string[];
  device?: string;
  hardware: string;
  batches?: number;
  pricePerHour?: number;
  pricePerMillionTokens?: number;
  saving?: string;
}

/** Batches of each kind of work that are timed where nothing is said. */
const BATCHES = 20;
const price = numberWithin(0, Number.MAX_VALUE);

export const define: Define = (program, start) => {
  program
    .command("estimate")
    .argument("<recipe>", "YAML recipe, as for `heartcut run`")
    .description("Time, FLOPs, memory, disk and money a recipe will take, from a few batches of each kind of its work")
    .option(
      "-o, --out <folder>",
      "run folder: what is finished there takes no time (default: runs/<name of the recipe>)",
    )
    .option("--set <key=value>", "override a key, as for `heartcut run`; repeatable", repeated)
    .option("--device <device>", "cpu, cuda, webgpu or auto: overrides the recipe")
    .option("--hardware <file>", "YAML description of another machine; `this` measures this one", "this")
    .option("--batches <number>", `batches of each kind that are timed (default: ${BATCHES})`, wholeNumber())
    .option("--price-per-hour <price>", "of the machine", price)
    .option("--price-per-million-tokens <price>", "that a server asks for what it reads", price)
    .option(
      "--saving <share|run>",
      "compute saved at equal loss against plain training, for the break-even point: a share, or a finished run folder",
    )
    .action((recipe: string, options: Omit<EstimateOptions, "recipe">) => start("estimate", { recipe, ...options }));
};

/** Estimates a recipe; writes nothing. @throws HeartcutError HC4355 for options without effect or a saving that is no share; as estimateRecipe */
export async function execute(options: EstimateOptions, context: JobContext): Promise<JobResult> {
  const { loadAnyRecipe } = await import("../../run/any_recipe.ts");
  const { estimable, estimateRecipe } = await import("../../run/estimate/estimate.ts");
  const { readHardware } = await import("../../run/estimate/hardware.ts");
  const { estimateText } = await import("../estimate_text.ts");
  const { batches, pricePerHour, pricePerMillionTokens } = options;
  const described = options.hardware !== "this";
  for (const [name, value] of Object.entries({ "--batches": batches, "--device": options.device }))
    if (described && value !== undefined)
      throw new HeartcutError("HC4355", {
        what: `${name} has no effect beside --hardware FILE: nothing is measured`,
        found: `${name} ${value}`,
        fix: `leave ${name} out, or measure with --hardware this`,
      });
  const overrides = [...(options.set ?? []), ...(options.device === undefined ? [] : [`device=${options.device}`])];
  const recipe = estimable(await loadAnyRecipe(options.recipe, overrides));
  const saving = options.saving === undefined ? undefined : await savingOf(options.saving, recipe);
  const estimate = await estimateRecipe(
    recipe,
    {
      folder: options.out ?? join("runs", recipe.name),
      hardware: described ? await readHardware(options.hardware) : undefined,
      batches: batches ?? BATCHES,
      pricePerHour,
      pricePerMillionTokens,
      saving,
    },
    { stage: "estimate", ...context },
  );
  return { text: estimateText(estimate), data: estimate };
}

/** A share, or what students on a selection by the difference saved in a run. */
async function savingOf(text: string, { select, students, evaluate }: Recipe): Promise<number> {
  const share = Number(text);
  if (text.trim() !== "" && !Number.isNaN(share)) {
    if (share > 0 && share < 1) return share;
    throw new HeartcutError("HC4355", {
      what: "a saving is a share of plain training's compute",
      found: `--saving ${text}`,
      expected: "above 0 and below 1, or a run folder",
      fix: "for example --saving 0.3",
    });
  }
  const { measuredSaving } = await import("../../run/estimate/saving.ts");
  const { baseline } = evaluate;
  const ranked = students.filter(({ selection }) => select[selection]?.method === "difference");
  if (baseline === undefined)
    throw new HeartcutError("HC4355", {
      what: "a run's saving is one against a baseline, and the recipe names none",
      where: "evaluate.baseline",
      found: `--saving ${text}`,
      fix: "set evaluate.baseline, or give the share itself",
    });
  return measuredSaving(
    text,
    baseline,
    ranked.map(({ name }) => name),
  );
}
