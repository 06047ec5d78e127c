import { join } from "node:path";
import { loadModel } from "../../models/load.ts";
import type { StageContext } from "../../progress.ts";
import { writeExamples } from "../../score/examples.ts";
import { joinScores } from "../../score/join.ts";
import type { Budget } from "../../select/difference_sampling.ts";
import { selectInstances } from "../../select/select.ts";
import { loadTokenizer } from "../../tokenizers/tokenizer.ts";
import { scoreWithModel } from "../score_with_model.ts";
import type { Json, Stage, StageResult } from "../stage.ts";
import { readsTokenizer } from "./corpus.ts";
import { modelFolder, type Role, type RunInputs, tokenizerFolder } from "./run_inputs.ts";

/** What decides the scores of a given model on given instances. */
export function scoreSettings({ recipe }: RunInputs) {
  const { reduction: _reduction, ...score } = recipe.score;
  return { ...score, documentBarrier: recipe.pack.documentBarrier };
}

/** The teacher, or the reference, reads every instance of the pool once. */
export function scoreStage(run: RunInputs, role: Role): Stage {
  const name = `score/${role}`;
  return {
    name,
    version: 1,
    settings: { score: scoreSettings(run), device: run.recipe.device },
    reads: ["pack/pool", ...modelReads(run, role), ...readsTokenizer(run)],
    files: [...run.files[role], ...run.files.tokenizer],
    outputs: [name],
    run: (context) =>
      scoreFolder(
        run,
        { model: modelFolder(run, role), instances: join(run.folder, "pack/pool"), folder: join(run.folder, name) },
        context,
      ),
  };
}

/** Scores one folder of instances with one model, as the recipe says. */
export async function scoreFolder(
  run: RunInputs,
  what: { model: string; instances: string; folder: string },
  context: StageContext,
): Promise<StageResult> {
  const { device } = run.recipe;
  return scoreWithModel({ ...what, ...scoreSettings(run), device, tokenizer: tokenizerFolder(run) }, context);
}

/** Both models' scores become one table with the difference of each instance. */
export function joinStage(run: RunInputs): Stage {
  const { folder, recipe } = run;
  return {
    name: "score/join",
    version: 1,
    settings: { reduction: recipe.score.reduction },
    reads: ["pack/pool", "score/teacher", "score/reference"],
    outputs: ["score/scores.parquet"],
    run: async (context) => {
      await joinScores(
        {
          teacherFolder: join(folder, "score/teacher"),
          referenceFolder: join(folder, "score/reference"),
          instancesFolder: join(folder, "pack/pool"),
          reduction: recipe.score.reduction,
          output: join(folder, "score/scores.parquet"),
        },
        context,
      );
      return {};
    },
  };
}

/** Chooses the instances that students are trained on. */
export function selectStage(run: RunInputs, name: string): Stage {
  const { folder, recipe } = run;
  const settings = recipe.select[name]!;
  return {
    name: `select/${name}`,
    version: 1,
    settings: { select: settings, seed: recipe.seed },
    reads: ["pack/pool", "score/join", ...readsTokenizer(run)],
    files: run.files.tokenizer,
    outputs: [`select/${name}`],
    run: async (context) => {
      await selectInstances(
        {
          name,
          method: settings.method,
          budget: settings.method === "all" ? undefined : budgetOf(settings),
          perSource: settings.method === "all" ? undefined : settings.perSource,
          perplexityModel: "perplexityModel" in settings ? settings.perplexityModel : undefined,
          seed: recipe.seed,
          scores: join(folder, "score/scores.parquet"),
          instances: join(folder, "pack/pool"),
          tokenizer: await loadTokenizer(tokenizerFolder(run)),
          folder: join(folder, "select", name),
        },
        context,
      );
      return {};
    },
  };
}

/** Instances of a selection as text, with what both models make of each token. */
export function examplesStage(run: RunInputs, selection: string): Stage {
  const { folder, recipe } = run;
  const { examples } = recipe.report;
  const name = `examples/${selection}`;
  return {
    name,
    version: 1,
    settings: {
      report: { examples },
      mask: recipe.score.mask,
      documentBarrier: recipe.pack.documentBarrier,
      seed: recipe.seed,
      device: recipe.device,
    } as Json,
    reads: [
      "pack/pool",
      "score/join",
      `select/${selection}`,
      ...modelReads(run, "teacher"),
      ...modelReads(run, "reference"),
      ...readsTokenizer(run),
    ],
    files: [...run.files.teacher, ...run.files.reference, ...run.files.tokenizer],
    outputs: [name],
    run: async (context) => {
      const tokenizer = await loadTokenizer(tokenizerFolder(run));
      const { device } = recipe;
      const teacher = await loadModel(modelFolder(run, "teacher"), { device });
      const reference = await loadModel(modelFolder(run, "reference"), { device });
      try {
        await writeExamples(
          {
            teacher,
            reference,
            tokenizer,
            instances: join(folder, "pack/pool"),
            scores: join(folder, "score/scores.parquet"),
            selection: { name: selection, file: join(folder, "select", selection, "selection.parquet") },
            output: join(folder, name, "examples.jsonl"),
            count: examples,
            mask: recipe.score.mask,
            ids: { eosId: tokenizer.specials.eos, padId: tokenizer.specials.pad },
            documentBarrier: recipe.pack.documentBarrier,
            seed: recipe.seed,
          },
          context,
        );
        return {};
      } finally {
        await teacher.dispose();
        await reference.dispose();
      }
    },
  };
}

/** The stage that trains the teacher or the reference, where the run has one. */
export function modelReads({ recipe }: RunInputs, role: Role): string[] {
  return "train" in recipe[role] ? [`models/${role}`] : [];
}

/** The one budget a recipe gives; the recipe's check has refused two. */
export function budgetOf({
  ratio,
  tokens,
  threshold,
}: {
  ratio?: number | undefined;
  tokens?: number | undefined;
  threshold?: number | undefined;
}): Budget | undefined {
  if (ratio !== undefined) return { ratio };
  if (tokens !== undefined) return { tokens };
  return threshold === undefined ? undefined : { threshold };
}
