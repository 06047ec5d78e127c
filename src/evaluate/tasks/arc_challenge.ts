import { arcEasy } from "./arc_easy.ts";
import type { LikelihoodTask } from "./task.ts";

/** ARC, the questions that retrieval and word co-occurrence got wrong: asked as the easy ones. */
export const arcChallenge: LikelihoodTask = {
  ...arcEasy,
  name: "arc_challenge",
  description: "hard school science, three to five choices",
  dataset: {
    path: "allenai/ai2_arc",
    name: "ARC-Challenge",
    split: "test",
    questions: 1172,
    chance: "mean of 1/n",
    exampleSplit: "train",
    files: { test: ["ARC-Challenge-Test"], train: ["ARC-Challenge-Train"] },
  },
};
