import type { TrainingSummary } from "../train/record.ts";
import { formatRecipe } from "./recipe.ts";
import type { Recipe } from "./recipe_schema.ts";

/** What a trained model's README.md tells beyond its numbers. */
export interface ModelLineage {
  title: string;
  /** One sentence: what it was trained on and how that was chosen. */
  sentence: string;
}

/** README.md of a trained model: front matter for the Hub, lineage, size and cost, and the whole recipe. Nothing that changes from run to run. */
export function modelCard({ title, sentence }: ModelLineage, training: TrainingSummary, recipe: Recipe): string {
  const rows: [string, string][] = [
    ["parameters", `${training.parameters} (${training.nonEmbeddingParameters} without embeddings)`],
    ["training tokens", String(training.tokens)],
    ["optimizer steps", String(training.steps)],
    ["training FLOPs", training.flops.toExponential(3)],
    ["seed", String(training.seed)],
  ];
  return [
    "---",
    "library_name: transformers",
    "pipeline_tag: text-generation",
    "tags: [heartcut, distillation]",
    "---",
    "",
    `# ${title}`,
    "",
    sentence,
    "",
    "| | |",
    "| --- | --- |",
    ...rows.map(([name, value]) => `| ${name} | ${value} |`),
    "",
    "A small model trained for study: it repeats what its training text says, true or not, and is not meant for use by others",
    "before it has been evaluated for that use. Its text corpus decides under which licence it may be passed on.",
    "",
    "Made with heartcut by this recipe:",
    "",
    "```yaml",
    formatRecipe(recipe).trimEnd(),
    "```",
    "",
  ].join("\n");
}
