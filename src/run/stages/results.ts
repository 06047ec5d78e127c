import { join } from "node:path";
import { evaluateRun } from "../../evaluate/evaluate.ts";
import { loadReportData } from "../../report/load.ts";
import { writeReport } from "../../report/write.ts";
import type { Stage, StageResult } from "../stage.ts";
import { readsTokenizer } from "./corpus.ts";
import { studentFolder } from "./models.ts";
import type { RunInputs } from "./run_inputs.ts";
import { scoreFolder } from "./scoring.ts";

/** One student reads every held-out set. */
export function heldOutStage(run: RunInputs, name: string, seed: number): Stage {
  const { recipe, folder } = run;
  const { reduction: _reduction, ...score } = recipe.score;
  const sets = Object.keys(recipe.evaluate.sets);
  const stage = heldOutFolder(name, seed);
  return {
    name: stage,
    version: 1,
    settings: { score, device: recipe.device },
    reads: [studentFolder(name, seed), ...sets.map((set) => `pack/heldout-${set}`), ...readsTokenizer(run)],
    files: run.files.tokenizer,
    outputs: [stage],
    run: async (context): Promise<StageResult> => {
      let flops = 0;
      for (const set of sets) {
        const what = {
          model: join(folder, studentFolder(name, seed)),
          instances: join(folder, "pack", `heldout-${set}`),
          folder: join(folder, stage, set),
        };
        flops += (await scoreFolder(run, what, context)).flops ?? 0;
      }
      return { flops };
    },
  };
}

/** Held-out losses of all students with intervals, and their comparison in pairs. */
export function evaluationStage(run: RunInputs, students: readonly { name: string; seed: number }[]): Stage {
  const { recipe, folder } = run;
  const { baseline, sets } = recipe.evaluate;
  const names = Object.keys(sets);
  return {
    name: "evaluate/evaluation",
    version: 1,
    settings: { evaluate: { ...(baseline !== undefined && { baseline }) }, seed: recipe.seed },
    reads: [
      ...students.map(({ name, seed }) => heldOutFolder(name, seed)),
      ...students.map(({ name, seed }) => studentFolder(name, seed)),
      ...names.map((set) => `pack/heldout-${set}`),
    ],
    outputs: ["evaluate/evaluation.json"],
    run: async (context) => {
      await evaluateRun(
        {
          students: students.map(({ name, seed }) => ({
            name,
            seed,
            scores: Object.fromEntries(names.map((set) => [set, join(folder, heldOutFolder(name, seed), set)])),
            metrics: join(folder, studentFolder(name, seed), "metrics.jsonl"),
          })),
          sets: Object.fromEntries(names.map((set) => [set, join(folder, "pack", `heldout-${set}`)])),
          baseline,
          seed: recipe.seed,
          output: join(folder, "evaluate/evaluation.json"),
        },
        context,
      );
      return {};
    },
  };
}

/** The report over everything before it, which it reads from the run folder. */
export function reportStage({ folder }: RunInputs, reads: readonly string[]): Stage {
  return {
    name: "report",
    version: 1,
    settings: {},
    reads,
    outputs: ["report.html", "report.json"],
    run: async () => {
      await writeReport(await loadReportData(folder), join(folder, "report.html"));
      return {};
    },
  };
}

function heldOutFolder(name: string, seed: number): string {
  return `evaluate/${name}-seed${seed}`;
}
