import { join } from "node:path";
import type { Evaluation } from "../../evaluate/record.ts";
import { evaluateScaling, type ScalingStudent } from "../../evaluate/scaling/evaluate_scaling.ts";
import { readJsonFile } from "../../formats/json_file.ts";
import { publishJson } from "../../formats/publish.ts";
import { RECORD_BYTES } from "../../report/run_folder.ts";
import { readMetrics } from "../../train/metrics_files.ts";
import type { Stage } from "../stage.ts";
import { studentFolder } from "./models.ts";
import type { RunInputs } from "./run_inputs.ts";

/** Scaling laws through the students' loss curves, and the compute that they save, where the recipe asks for it. */
export function scalingStages(
  { recipe, folder }: RunInputs,
  students: readonly { name: string; seed: number }[],
): Stage[] {
  const { scaling, sets } = recipe.evaluate;
  if (scaling === undefined) return [];
  const { from, at, resamples } = scaling;
  return [
    {
      name: "evaluate/scaling",
      version: 2,
      settings: { from, at, resamples, seed: recipe.seed },
      reads: ["evaluate/evaluation", ...students.map(({ name, seed }) => studentFolder(name, seed))],
      outputs: ["evaluate/scaling.json"],
      run: async (context) => {
        const evaluation = (await readJsonFile(join(folder, "evaluate/evaluation.json"), {
          wholeNumbers: "rounded",
          limits: { jsonBytes: RECORD_BYTES },
        })) as unknown as Evaluation;
        const curves: ScalingStudent[] = [];
        for (const { name, seed } of students)
          curves.push({
            name,
            seed,
            metrics: await readMetrics(join(folder, studentFolder(name, seed), "metrics.jsonl")),
          });
        const result = await evaluateScaling(
          {
            students: curves,
            sets: Object.keys(sets),
            pairs: evaluation.computeSaved.map(({ set, better, other }) => ({ set, first: better, second: other })),
            ...(at.length > 0 && { at: at.map((flops) => ({ flops })) }),
            from,
            resamples,
            seed: recipe.seed,
          },
          context,
        );
        await publishJson(join(folder, "evaluate/scaling.json"), result);
        return {};
      },
    },
  ];
}
