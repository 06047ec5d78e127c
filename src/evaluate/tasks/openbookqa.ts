import { examLayouts } from "./answer_key.ts";
import type { LikelihoodTask } from "./task.ts";

/** OpenBookQA: elementary science, without the book. Source: Mihaylov et al. 2018, arXiv:1809.02789 */
export const openbookqa: LikelihoodTask = {
  name: "openbookqa",
  version: 1,
  description: "elementary science, four choices",
  outputType: "multiple_choice",
  metrics: ["acc", "acc_norm"],
  delimiter: " ",
  drawsSpare: false,
  dataset: {
    path: "allenai/openbookqa",
    name: "main",
    split: "test",
    questions: 500,
    chance: "1/4",
    exampleSplit: "train",
  },
  layouts: examLayouts("question_stem", (question) => question, "Hugging Face openbookqa", "OpenBookQA"),
};
