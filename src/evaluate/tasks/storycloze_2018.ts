import type { Row } from "./row.ts";
import type { LikelihoodTask, Question, QuestionLayout } from "./task.ts";

/**
 * Story Cloze Test, winter 2018: the right end of a story of four sentences. Source: Sharma et al. 2018, ACL P18-2119.
 * lm-evaluation-harness gives this task no number; "Yaml" is what it then reports.
 */
export const storycloze2018: LikelihoodTask = {
  name: "storycloze_2018",
  version: "Yaml",
  description: "the right end of a story of four sentences, two choices",
  outputType: "multiple_choice",
  metrics: ["acc"],
  delimiter: " ",
  drawsSpare: false,
  dataset: {
    path: "LSDSem/story_cloze",
    name: "2018",
    split: "test",
    questions: 1571,
    chance: "1/2",
    exampleSplit: "validation",
    files: {
      test: ["storycloze_sample", "cloze_test_test__winter2018-cloze_test_ALL_test - 1"],
      validation: ["cloze_test_val__winter2018-cloze_test_ALL_val - 1 - 1"],
    },
    note: "the data are given on request (cs.rochester.edu/nlp/rocstories); the test file has no answers, name the validation file itself to ask that",
  },
  layouts: [
    published(
      "Story Cloze CSV",
      [1, 2, 3, 4].map((n) => `InputSentence${n}`),
      ["RandomFifthSentenceQuiz1", "RandomFifthSentenceQuiz2"],
      "AnswerRightEnding",
    ),
    published(
      "Hugging Face story_cloze",
      [1, 2, 3, 4].map((n) => `input_sentence_${n}`),
      ["sentence_quiz1", "sentence_quiz2"],
      "answer_right_ending",
    ),
    {
      name: "sentences and endings",
      fields: ["sentences", "endings", "label"],
      read: (row) => story(row.choices("sentences"), row.choices("endings"), row, "label", 0),
    },
  ],
};

function published(
  name: string,
  sentences: readonly string[],
  endings: readonly string[],
  answer: string,
): QuestionLayout {
  const texts = (row: Row, fields: readonly string[]) => fields.map((field) => row.text(field));
  return {
    name,
    fields: [...sentences, ...endings, answer],
    read: (row) => story(texts(row, sentences), texts(row, endings), row, answer, 1),
  };
}

function story(
  sentences: readonly string[],
  choices: readonly string[],
  row: Row,
  answer: string,
  from: 0 | 1,
): Question {
  return { kind: "choices", context: sentences.join(" "), choices, target: row.index(answer, choices.length, from) };
}
