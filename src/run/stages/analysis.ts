import { join } from "node:path";
import { analyzeSelection } from "../../analyze/analyze.ts";
import { publishedNearDuplicates } from "../../analyze/duplicate_files.ts";
import { loadTokenizer } from "../../tokenizers/tokenizer.ts";
import { openEmbedder } from "../embedder.ts";
import type { Stage } from "../stage.ts";
import { modelFolder, type RunInputs, readsTokenizer, tokenizerFiles, tokenizerFolder } from "./run_inputs.ts";
import { modelReads } from "./scoring.ts";

/** Folder of the pool's near-duplicates, and name of its stage. */
const DUPLICATES = "near-duplicates";

/** What each selection did to the corpus, where the recipe asks for it. */
export function analysisStages(run: RunInputs): Stage[] {
  const { analyze, select } = run.recipe;
  if (analyze === undefined) return [];
  const chosen = Object.entries(select).filter(([, { method }]) => method !== "all");
  return [duplicatesStage(run), ...chosen.map(([name]) => analysisStage(run, name))];
}

function duplicatesStage(run: RunInputs): Stage {
  return {
    name: DUPLICATES,
    version: 1,
    settings: { threshold: run.recipe.analyze!.threshold, seed: run.recipe.seed },
    reads: ["pack/pool"],
    outputs: [DUPLICATES],
    run: async (context) => {
      await nearDuplicates(run, context);
      return {};
    },
  };
}

const nearDuplicates = ({ recipe, folder }: RunInputs, context: Parameters<Stage["run"]>[0]) =>
  publishedNearDuplicates(
    {
      instances: join(folder, "pack/pool"),
      folder: join(folder, DUPLICATES),
      threshold: recipe.analyze!.threshold,
      seed: recipe.seed,
    },
    context,
  );

function analysisStage(run: RunInputs, name: string): Stage {
  const { recipe, folder } = run;
  const { draws, embedder } = recipe.analyze!;
  return {
    name: `analyze/${name}`,
    version: 2,
    settings: { draws, seed: recipe.seed, ...(embedder !== undefined && { embedder, device: recipe.device }) },
    reads: [
      "pack/pool",
      DUPLICATES,
      `select/${name}`,
      ...readsTokenizer(run),
      ...(embedder === undefined ? [] : modelReads(run, embedder)),
    ],
    files: [...tokenizerFiles(run), ...(embedder === undefined ? [] : run.files[embedder])],
    outputs: [`analyze/${name}`],
    run: async (context) => {
      const duplicates = await nearDuplicates(run, context);
      const tokenizer = await loadTokenizer(tokenizerFolder(run));
      const model = await openEmbedder(embedder && modelFolder(run, embedder), recipe.device);
      try {
        await analyzeSelection(
          {
            name,
            instances: join(folder, "pack/pool"),
            selection: join(folder, "select", name, "selection.parquet"),
            tokenizer,
            duplicates,
            folder: join(folder, "analyze", name),
            embedder: model.embedder,
            draws,
            seed: recipe.seed,
          },
          context,
        );
      } finally {
        await model.dispose();
      }
      return {};
    },
  };
}
