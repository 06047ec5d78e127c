import type { Row } from "./row.ts";
import type { Question, QuestionLayout } from "./task.ts";

/** Layouts in which questions of school exams (ARC, OpenBookQA) come: choices with labels, and the label of the right one. */
export function examLayouts(
  stem: string,
  context: (question: string) => string,
  hub: string,
  original: string,
): QuestionLayout[] {
  // Some keys of OpenBookQA have a space in front.
  const right = (row: Row, labels: readonly string[]) =>
    row.labelled("answerKey", labels, row.text("answerKey").trimStart());
  const question = (text: string, choices: readonly string[], target: number): Question => ({
    kind: "choices",
    context: context(text),
    choices,
    target,
  });
  return [
    {
      name: original,
      fields: ["question.stem", "question.choices", "answerKey"],
      read: (row) => {
        const { labels, texts } = listed(row, "question.choices");
        return question(row.text("question.stem"), texts, right(row, labels));
      },
    },
    {
      name: hub,
      fields: [stem, "choices.text", "choices.label", "answerKey"],
      read: (row) => {
        const texts = row.choices("choices.text");
        const labels = row.choices("choices.label");
        if (labels.length !== texts.length) row.refuse("choices.label", `${texts.length} labels`);
        return question(row.text(stem), texts, right(row, labels));
      },
    },
    {
      name: "plain choices and a letter",
      fields: [stem, "choices", "answerKey"],
      read: (row) => {
        const texts = row.choices("choices");
        return question(row.text(stem), texts, right(row, [..."ABCDEFGHIJ"].slice(0, texts.length)));
      },
    },
    {
      name: "plain choices and an index",
      fields: [stem, "choices", "label"],
      read: (row) => {
        const texts = row.choices("choices");
        return question(row.text(stem), texts, row.index("label", texts.length));
      },
    },
  ];
}

/** The choices of the published files: `[{ label, text }]`. */
function listed(row: Row, name: string): { labels: string[]; texts: string[] } {
  const value = row.value(name);
  const labels: string[] = [];
  const texts: string[] = [];
  for (const choice of Array.isArray(value) ? value : []) {
    if (typeof choice?.label !== "string" || typeof choice.text !== "string") break;
    labels.push(choice.label);
    texts.push(choice.text);
  }
  if (!Array.isArray(value) || texts.length < Math.max(2, value.length))
    row.refuse(name, 'a list of {"label": "A", "text": …}, at least two');
  return { labels, texts };
}
