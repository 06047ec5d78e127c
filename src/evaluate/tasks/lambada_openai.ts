import type { LikelihoodTask } from "./task.ts";

/** LAMBADA as OpenAI prepared it: the last word of a passage. Source: Paperno et al. 2016, arXiv:1606.06031 */
export const lambadaOpenai: LikelihoodTask = {
  name: "lambada_openai",
  version: 1,
  description: "the last word of a passage",
  outputType: "loglikelihood",
  metrics: ["perplexity", "acc"],
  delimiter: " ",
  drawsSpare: false,
  dataset: {
    path: "EleutherAI/lambada_openai",
    name: "default",
    split: "test",
    questions: 5153,
    files: { test: ["lambada_test", "lambada_test_en"] },
  },
  layouts: [
    { name: "LAMBADA", fields: ["text"], read: (row) => lastWord(row.text("text")) },
    {
      name: "passage and last word",
      fields: ["context", "continuation"],
      read: (row) => lastWord(`${row.text("context")} ${row.text("continuation")}`),
    },
  ],
};

/** The target has its space in front, and gets a second one in worked examples, as in lm-evaluation-harness. */
function lastWord(text: string) {
  const space = text.lastIndexOf(" ");
  return { kind: "cloze", context: text.slice(0, Math.max(0, space)), target: ` ${text.slice(space + 1)}` } as const;
}
