import type { Row } from "./row.ts";
import type { LikelihoodTask, Question } from "./task.ts";

/** Social IQa: what people do and feel. Source: Sap et al. 2019, arXiv:1904.09728; prompt of BIG-bench */
export const socialIqa: LikelihoodTask = {
  name: "social_iqa",
  version: 0,
  description: "what people want, do and feel, three choices",
  outputType: "multiple_choice",
  metrics: ["acc"],
  delimiter: " ",
  drawsSpare: true,
  dataset: {
    path: "lighteval/siqa",
    split: "validation",
    questions: 1954,
    chance: "1/3",
    exampleSplit: "train",
    files: { validation: ["siqa_dev", "socialIWa_v1.4_dev"], train: ["siqa_train", "socialIWa_v1.4_trn"] },
    labels: "label",
  },
  layouts: [
    {
      name: "Social IQa",
      fields: ["context", "question", "answerA", "answerB", "answerC", "label"],
      read: (row) => question(row, row.index("label", 3, 1)),
    },
    {
      name: "Social IQa with letters",
      fields: ["context", "question", "answerA", "answerB", "answerC", "correct"],
      read: (row) => question(row, row.labelled("correct", ["A", "B", "C"])),
    },
  ],
};

function question(row: Row, target: number): Question {
  return {
    kind: "choices",
    context: `Q: ${row.text("context")} ${row.text("question")}\nA:`,
    choices: ["answerA", "answerB", "answerC"].map((name) => row.text(name)),
    target,
  };
}
