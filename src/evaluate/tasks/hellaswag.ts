import { capitalize, strip } from "./python_text.ts";
import type { LikelihoodTask } from "./task.ts";

/** HellaSwag: how does the scene go on? Source: Zellers et al. 2019, arXiv:1905.07830 */
export const hellaswag: LikelihoodTask = {
  name: "hellaswag",
  version: 1,
  description: "the likeliest end of a scene, four choices",
  outputType: "multiple_choice",
  metrics: ["acc", "acc_norm"],
  delimiter: " ",
  drawsSpare: true,
  dataset: {
    path: "Rowan/hellaswag",
    split: "validation",
    questions: 10042,
    chance: "1/4",
    exampleSplit: "train",
  },
  layouts: [
    {
      name: "HellaSwag",
      fields: ["activity_label", "ctx_a", "endings", "label"],
      read: (row) => {
        // Files as first published leave ctx_b out where it is empty.
        const context = `${row.text("ctx_a")} ${capitalize(row.has("ctx_b") ? row.text("ctx_b") : "")}`;
        return question(`${row.text("activity_label")}: ${context}`, row.choices("endings"), (count) =>
          row.index("label", count),
        );
      },
    },
    {
      name: "context in one field",
      fields: ["query", "endings", "label"],
      read: (row) => question(row.text("query"), row.choices("endings"), (count) => row.index("label", count)),
    },
  ],
};

function question(context: string, endings: readonly string[], target: (count: number) => number) {
  return {
    kind: "choices",
    context: cleaned(context),
    choices: endings.map(cleaned),
    target: target(endings.length),
  } as const;
}

/** Takes out the marks that WikiHow articles left in the text. */
function cleaned(text: string): string {
  return strip(text)
    .replaceAll(" [title]", ". ")
    .replace(/\[[^\n]*?\]/g, "")
    .replaceAll("  ", " ");
}
