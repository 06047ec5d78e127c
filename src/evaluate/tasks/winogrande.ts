import { strip } from "./python_text.ts";
import type { LikelihoodTask } from "./task.ts";

/**
 * WinoGrande: whom does the blank mean? Each option is put into the blank, and what follows it is scored (partial
 * scoring, Trinh and Le 2018). Source: Sakaguchi et al. 2019, arXiv:1907.10641
 */
export const winogrande: LikelihoodTask = {
  name: "winogrande",
  version: 1,
  description: "the name that fits a blank, two choices, the text behind it scored",
  outputType: "multiple_choice",
  metrics: ["acc"],
  delimiter: " ",
  drawsSpare: true,
  dataset: {
    path: "allenai/winogrande",
    name: "winogrande_xl",
    split: "validation",
    questions: 1267,
    chance: "1/2",
    exampleSplit: "train",
    files: { validation: ["winogrande_xl_dev"], train: ["winogrande_xl_train", "train_xl"] },
  },
  layouts: [
    {
      name: "WinoGrande",
      fields: ["sentence", "option1", "option2", "answer"],
      read: (row) => {
        const sentence = row.text("sentence");
        const blank = sentence.indexOf("_");
        if (blank < 0) row.refuse("sentence", "a sentence with a blank, _");
        const before = sentence.slice(0, blank);
        return {
          kind: "contexts",
          contexts: [before + row.text("option1"), before + row.text("option2")],
          continuation: strip(sentence.slice(blank + 1)),
          target: row.index("answer", 2, 1),
        };
      },
    },
  ],
};
