import { HeartcutError } from "../errors.ts";
import { shown } from "../schema_words.ts";
import type { Fields } from "./fields.ts";
import { type LlmRationale, splitOutput } from "./llm_outputs.ts";
import { locate, Prompt } from "./prompt.ts";
import { humanRationale, llmRationale } from "./rationales.ts";
import type { ExampleDraft, Task } from "./task.ts";

/**
 * CommonsenseQA in the splits of CoS-E v1.11: question and choices → text of the right choice, with people's highlights
 * in the question and their explanations. Source: arXiv:1811.00937, arXiv:1906.02361; input format of arXiv:2305.02301.
 */
export const commonsenseQa: Task = {
  name: "commonsense_qa",
  description: "CommonsenseQA: multiple choice, with CoS-E highlights and explanations by people",
  metric: "exact_match",
  layouts: [
    {
      name: "step-by-step, Hugging Face cos_e",
      fields: ["question", "choices", "answer", "abstractive_explanation", "extractive_explanation"],
      read: (fields) => flat(fields, "abstractive_explanation", "extractive_explanation"),
    },
    {
      name: "questions joined with CoS-E",
      fields: ["question", "choices", "answer", "cose_open_ended", "cose_selected"],
      read: (fields) => flat(fields, "cose_open_ended", "cose_selected"),
    },
    {
      name: "CommonsenseQA",
      fields: ["question.stem", "question.choices", "answerKey"],
      read: (fields) => {
        const choices = labelled(fields);
        return readQuestion(fields, fields.text("question.stem"), choices.texts, byKey(fields, choices));
      },
    },
    {
      name: "Hugging Face commonsense_qa",
      fields: ["question", "choices.label", "choices.text", "answerKey"],
      read: (fields) => {
        const choices = { labels: fields.texts("choices.label"), texts: fields.texts("choices.text") };
        return readQuestion(fields, fields.text("question"), choices.texts, byKey(fields, choices));
      },
    },
    {
      name: "question, choices and answer",
      fields: ["question", "choices", "answer"],
      read: (fields) => readQuestion(fields, fields.text("question"), fields.texts("choices"), fields.text("answer")),
    },
  ],
  readOutput,
};

function flat(fields: Fields, text: string, highlight: string): ExampleDraft {
  const question = fields.text("question");
  const draft = readQuestion(fields, question, fields.texts("choices"), fields.text("answer"));
  // The question is the beginning of the input, so offsets in it are offsets in the input.
  const span = givenSpan(fields, question) ?? locate(fields.optionalText(highlight) ?? "", question);
  draft.rationales.human = humanRationale(fields.optionalText(text), span === undefined ? [] : [span]);
  return draft;
}

function readQuestion(fields: Fields, question: string, choices: string[], answer: string): ExampleDraft {
  if (choices.length < 2) fields.refuse("choices", "at least two answer choices");
  const prompt = new Prompt();
  const asked = prompt.add(question);
  prompt.scaffold("\nAnswer Choices:\n");
  const spans = prompt.list(choices, fields.where);
  return {
    id: fields.id("id"),
    input: prompt.text,
    target: answer,
    choices,
    spans: { scaffolding: prompt.scaffolding, choices: spans, question: asked },
    rationales: { llm: llmRationale(fields, "llm_rationale", "llm_answer") },
  };
}

/** The highlight's place in the question, where the row has worked it out. @throws HeartcutError HC6012 */
function givenSpan(fields: Fields, question: string): [number, number] | undefined {
  const span = fields.value("selected_span");
  if (span === undefined) return undefined;
  const [start, end] = Array.isArray(span) && span.length === 2 ? span : [];
  if (Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start < end && end <= question.length)
    return [start, end];
  return fields.refuse("selected_span", `[start, end) within the ${question.length} characters of the question`);
}

/** The choices of the published files: `[{ label, text }]`. */
function labelled(fields: Fields): { labels: string[]; texts: string[] } {
  const choices = fields.value("question.choices");
  const labels: string[] = [];
  const texts: string[] = [];
  for (const choice of Array.isArray(choices) ? choices : []) {
    if (typeof choice?.label === "string" && typeof choice.text === "string" && choice.text.trim() !== "") {
      labels.push(choice.label);
      texts.push(choice.text);
    }
  }
  if (!Array.isArray(choices) || texts.length < choices.length)
    fields.refuse("question.choices", 'a list of {"label": "A", "text": …}');
  return { labels, texts };
}

function byKey(fields: Fields, { labels, texts }: { labels: string[]; texts: string[] }): string {
  const answer = texts[labels.indexOf(fields.text("answerKey"))];
  if (answer !== undefined) return answer;
  throw new HeartcutError("HC6014", {
    what: "the answer is not among the choices",
    where: fields.where,
    found: `answerKey = ${shown(fields.value("answerKey"))}`,
    expected: `one of ${labels.join(", ")}`,
    fix: "correct the key; the published test split has none, use the validation split in its place",
  });
}

/** "… So the answer is (b) at home." A letter alone stands for its choice. */
function readOutput(output: string, example: ExampleDraft): LlmRationale | undefined {
  const rationale = splitOutput(output, "So the answer is");
  const match = /^\(([a-z])\)\s*(.*)$/s.exec(rationale?.answer ?? "");
  if (rationale === undefined || match === null) return rationale;
  const letter = match[1]!.charCodeAt(0) - "a".charCodeAt(0);
  return { text: rationale.text, answer: match[2] || example.choices?.[letter] };
}
