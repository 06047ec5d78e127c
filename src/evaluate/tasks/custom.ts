import { dirname, resolve } from "node:path";
import { HeartcutError, printable } from "../../errors.ts";
import { shown } from "../../schema_words.ts";
import { parseTemplate, type TemplatePart, templateFields } from "../../template.ts";
import { TASKS } from "./registry.ts";
import type { Row } from "./row.ts";
import type { EvaluationTask, Question } from "./task.ts";

/** Ways in which a row names its right choice: from 0, from 1, by a letter, or by the choice's own text. */
export const ANSWERS = ["index", "number", "letter", "text"] as const;

interface CustomBase {
  name: string;
  description?: string | undefined;
  version?: number | string | undefined;
  /** Files of the questions and of worked examples, relative to the definition's own. */
  data?: string | undefined;
  examples?: string | undefined;
  /** Template of what the model reads: "Question: {question}\nAnswer:". */
  context: string;
  /** Between context and answer. Default a space. */
  delimiter?: string | undefined;
}

/**
 * A task of one's own over the fields of its rows: templates with `{field}` placeholders (`{meta.topic}` for nested
 * fields, `{{` and `}}` for braces). multiple_choice asks which choice is likeliest, cloze how likely one text is,
 * generate has the model write it; rolling asks how likely a text is from its first token on.
 */
export type CustomEvaluation =
  | (CustomBase & {
      type: "multiple_choice";
      /** The field that holds each row's own choices, or one template for each choice. */
      choices: string | string[];
      /** Field that names the right one, and how it does. Default index. */
      answer: string;
      answerAs?: (typeof ANSWERS)[number] | undefined;
      /** Default both. */
      metrics?: ("acc" | "acc_norm")[] | undefined;
    })
  | (CustomBase & {
      type: "cloze";
      /** Template of the right text. */
      target: string;
      /** Default both. */
      metrics?: ("perplexity" | "acc")[] | undefined;
    })
  | (CustomBase & {
      type: "generate";
      target: string;
      /** Strings that end the answer. Default a blank line. */
      until?: string[] | undefined;
      /** Default 256. */
      maxNewTokens?: number | undefined;
    })
  | (Omit<CustomBase, "examples" | "context" | "delimiter"> & {
      type: "rolling";
      /** Template of the text: "{text}". */
      text: string;
      /** Whether the tokenizer's own BOS stands in front; default true. */
      bos?: boolean | undefined;
    });

/**
 * Makes a task of a definition.
 * @param file - where the definition stands: messages name it, and its data lie relative to it
 * @throws HeartcutError HC3520 for a definition that contradicts itself, HC3522 for a template with a stray brace; its
 *   rows HC3521 for a missing field, HC3506 for a value that cannot be used
 */
export function customEvaluation(definition: CustomEvaluation, file: string): EvaluationTask {
  const template = (key: string, text: string) =>
    parseTemplate(text, { code: "HC3522", where: `${file}: ${printable(key)}` });
  const beside = (path: string | undefined) => path && resolve(dirname(file), path);
  if (definition.type === "rolling") {
    const text = template("text", definition.text);
    checkDefinition(definition, text, file);
    const { name, version = 0, bos = true, description = `custom task: ${definition.text}` } = definition;
    const layouts = [{ name: "template", fields: [], read: (row: Row) => wholeText(text, row) }];
    const data = { questions: beside(definition.data) };
    const shared = { name, version, description, delimiter: "", drawsSpare: false, data, definition };
    return { ...shared, outputType: "loglikelihood_rolling", bos, layouts };
  }
  const context = template("context", definition.context);
  const { name, version = 0, delimiter = " ", type } = definition;
  const base = {
    name,
    version,
    delimiter,
    description: definition.description ?? `custom task: ${definition.context}`,
    drawsSpare: true,
    data: { questions: beside(definition.data), examples: beside(definition.examples) },
    definition,
  };
  if (type === "multiple_choice") {
    const { choices, metrics = ["acc", "acc_norm"] } = definition;
    const texts = typeof choices === "string" ? choices : choices.map((text) => template("choices", text));
    checkDefinition(definition, context, file);
    return {
      ...base,
      outputType: "multiple_choice",
      metrics,
      layouts: [{ name: "template", fields: [], read: (row) => readChoices(definition, context, texts, row) }],
    };
  }
  const target = template("target", definition.target);
  checkDefinition(definition, context, file, target);
  const cloze = (row: Row, before: string) =>
    ({ kind: "cloze", context: filled(context, row), target: before + filled(target, row) }) as const;
  if (type === "cloze") {
    const { metrics = ["perplexity", "acc"] } = definition;
    const layouts = [{ name: "template", fields: [], read: (row: Row) => cloze(row, delimiter) }];
    // The target carries the delimiter, so that worked examples need none.
    return { ...base, outputType: "loglikelihood", metrics, delimiter: "", layouts };
  }
  const { until = ["\n\n"], maxNewTokens = 256 } = definition;
  const layouts = [{ name: "template", fields: [], read: (row: Row) => cloze(row, "") }];
  return { ...base, outputType: "generate_until", until, maxNewTokens, layouts };
}

function readChoices(
  { answer, answerAs = "index" }: Extract<CustomEvaluation, { type: "multiple_choice" }>,
  context: readonly TemplatePart[],
  texts: string | readonly (readonly TemplatePart[])[],
  row: Row,
): Question {
  if (typeof texts === "string") requireField(row, texts);
  requireField(row, answer);
  const choices = typeof texts === "string" ? row.choices(texts) : texts.map((parts) => filled(parts, row));
  const labels = answerAs === "text" ? choices : choices.map((_, i) => String.fromCharCode(65 + i));
  const target =
    answerAs === "text" || answerAs === "letter"
      ? row.labelled(answer, labels)
      : row.index(answer, choices.length, answerAs === "number" ? 1 : 0);
  return { kind: "choices", context: filled(context, row), choices, target };
}

function wholeText(parts: readonly TemplatePart[], row: Row) {
  const target = filled(parts, row);
  if (target !== "") return { kind: "cloze", context: "", target } as const;
  return row.refuse(templateFields(parts)[0]!, "a text that is not empty");
}

function filled(parts: readonly TemplatePart[], row: Row): string {
  return parts.map((part) => (typeof part === "string" ? part : placeholder(row, part.field))).join("");
}

function placeholder(row: Row, name: string): string {
  requireField(row, name);
  const value = row.value(name);
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return row.refuse(name, "a text, number or truth value to put into the template");
}

function requireField(row: Row, name: string): void {
  if (row.has(name)) return;
  throw new HeartcutError("HC3521", {
    what: `the row lacks the field "${printable(name)}" that the task asks for`,
    where: row.where,
    found: `fields ${printable(row.names().slice(0, 30).join(", "))}`,
    fix: "correct the name in the task's definition, or add the field to the row",
  });
}

function checkDefinition(
  definition: CustomEvaluation,
  context: readonly TemplatePart[],
  file: string,
  target?: readonly TemplatePart[],
): void {
  const fault = definitionFault(definition, context, target);
  if (fault === undefined) return;
  throw new HeartcutError("HC3520", {
    what: `the task contradicts itself: ${fault}`,
    where: file,
    found: shown(definition),
    fix: "correct the definition of the task",
  });
}

function definitionFault(
  definition: CustomEvaluation,
  context: readonly TemplatePart[],
  target: readonly TemplatePart[] | undefined,
): string | undefined {
  if (!/^[\w-]+$/.test(definition.name)) return "its name is not made of letters, digits, _ and -";
  if (TASKS.some(({ name }) => name === definition.name)) return `${definition.name} is the name of a known task`;
  if (templateFields(context).length === 0)
    return `${definition.type === "rolling" ? "text" : "context"} has no placeholder, so all questions would be the same`;
  if (target !== undefined && templateFields(target).length === 0)
    return "target has no placeholder, so all answers would be the same";
  if (definition.type === "multiple_choice") {
    if (Array.isArray(definition.choices) && definition.choices.length < 2) return "choices has fewer than two answers";
    if (definition.metrics?.length === 0) return "metrics names none";
  }
  if (definition.type === "cloze" && definition.metrics?.length === 0) return "metrics names none";
  if (definition.type === "generate" && definition.until?.some((text) => text === ""))
    return "until has an empty string, which would end every answer at once";
  return undefined;
}
