import { examLayouts } from "./answer_key.ts";
import type { LikelihoodTask } from "./task.ts";

/** ARC, the easy questions: school science. Source: Clark et al. 2018, arXiv:1803.05457 */
export const arcEasy: LikelihoodTask = {
  name: "arc_easy",
  version: 1,
  description: "school science, three to five choices",
  outputType: "multiple_choice",
  metrics: ["acc", "acc_norm"],
  delimiter: " ",
  drawsSpare: false,
  dataset: {
    path: "allenai/ai2_arc",
    name: "ARC-Easy",
    split: "test",
    questions: 2376,
    chance: "mean of 1/n",
    exampleSplit: "train",
    files: { test: ["ARC-Easy-Test"], train: ["ARC-Easy-Train"] },
  },
  layouts: examLayouts("question", (question) => `Question: ${question}\nAnswer:`, "Hugging Face ai2_arc", "ARC"),
};
