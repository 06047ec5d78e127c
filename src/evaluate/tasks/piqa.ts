import type { LikelihoodTask } from "./task.ts";

/** PIQA: which way reaches the goal? Source: Bisk et al. 2019, arXiv:1911.11641 */
export const piqa: LikelihoodTask = {
  name: "piqa",
  version: 1,
  description: "the way to a goal in everyday physics, two choices",
  outputType: "multiple_choice",
  metrics: ["acc", "acc_norm"],
  delimiter: " ",
  drawsSpare: true,
  dataset: {
    path: "baber/piqa",
    split: "validation",
    questions: 1838,
    chance: "1/2",
    exampleSplit: "train",
    labels: "label",
  },
  layouts: [
    {
      name: "PIQA",
      fields: ["goal", "sol1", "sol2", "label"],
      read: (row) => ({
        kind: "choices",
        context: `Question: ${row.text("goal")}\nAnswer:`,
        choices: [row.text("sol1"), row.text("sol2")],
        target: row.index("label", 2),
      }),
    },
  ],
};
