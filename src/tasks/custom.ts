import { HeartcutError, printable } from "../errors.ts";
import { shown } from "../schema_words.ts";
import { parseTemplate, type TemplatePart, templateFields } from "../template.ts";
import type { Fields } from "./fields.ts";
import type { Metric } from "./metrics.ts";
import { locate, Prompt } from "./prompt.ts";
import { humanRationale, llmRationale } from "./rationales.ts";
import type { Span } from "./record.ts";
import type { ExampleDraft, Task } from "./task.ts";

/** The name `{choices}` of a placeholder that lists the answer choices behind letters, whatever field they come from. */
const CHOICES = "choices";

/**
 * A task of one's own over JSONL: templates with `{field}` placeholders (`{meta.topic}` for nested fields, `{{` and
 * `}}` for braces). Words of a template outside its placeholders are the prompt's own (scaffolding).
 */
export interface CustomTask {
  name: string;
  description?: string;
  /** What the model reads, e.g. "{question}\nAnswer Choices:\n{choices}"; `{choices}` lists them as "(a) …", one a line. */
  input: string;
  /** The gold answer, e.g. "{answer}". */
  target: string;
  /** The closed set of answers: the field that holds each row's own, or one list for all rows. */
  choices?: string | readonly string[];
  /** Field of each row's id. Default: `id` where rows have it, else split and row number. */
  id?: string;
  /** Placeholder of `input` that is the question: what highlights refer to. */
  question?: string;
  /** Fields of the text a large language model wrote, and of the answer it came to. A row may hold null. */
  rationale?: string;
  rationaleAnswer?: string;
  /** Fields of what people wrote, and of what they marked in the question: texts, or [start, end) pairs. */
  human?: { text?: string; highlights?: string };
  /** Default exact_match. */
  metric?: Metric;
}

/**
 * Makes a task of a definition.
 * @throws HeartcutError HC6020 for a definition that contradicts itself; its rows HC6012, HC6021 for a missing field
 */
export function customTask(definition: CustomTask): Task {
  const where = `task ${definition.name}`;
  const input = parseTemplate(definition.input, { code: "HC6020", where: `${where}, input` });
  const target = parseTemplate(definition.target, { code: "HC6020", where: `${where}, target` });
  checkDefinition(definition, templateFields(input), templateFields(target), where);
  return {
    name: definition.name,
    description: definition.description ?? `custom task: ${definition.input}`,
    metric: definition.metric ?? "exact_match",
    layouts: [{ name: "template", fields: [], read: (fields) => readRow(definition, input, target, fields) }],
    definition,
  };
}

function readRow(
  definition: CustomTask,
  input: readonly TemplatePart[],
  target: readonly TemplatePart[],
  fields: Fields,
): ExampleDraft {
  const choices = readChoices(definition, fields);
  const prompt = new Prompt();
  const spans: ExampleDraft["spans"] = { scaffolding: prompt.scaffolding };
  for (const part of input) {
    if (typeof part === "string") prompt.scaffold(part);
    else if (part.field === CHOICES) spans.choices = prompt.list(choices!, fields.where);
    else {
      const span = prompt.add(placeholder(fields, part.field));
      if (part.field === definition.question) spans.question = span;
    }
  }
  const { rationale, rationaleAnswer, human } = definition;
  for (const name of [definition.id, rationale, rationaleAnswer, human?.text, human?.highlights])
    if (name !== undefined && !fields.has(name)) throw missing(fields, name);
  return {
    id: fields.id(definition.id ?? "id"),
    input: prompt.text,
    target: target
      .map((part) => (typeof part === "string" ? part : placeholder(fields, part.field)))
      .join("")
      .trim(),
    choices,
    spans,
    rationales: {
      llm: rationale === undefined ? undefined : llmRationale(fields, rationale, rationaleAnswer),
      human: humanRationale(
        human?.text === undefined ? undefined : fields.optionalText(human.text),
        human?.highlights === undefined ? [] : readHighlights(fields, human.highlights, prompt.text, spans.question!),
      ),
    },
  };
}

function readChoices({ choices }: CustomTask, fields: Fields): string[] | undefined {
  if (typeof choices !== "string") return choices === undefined ? undefined : [...choices];
  if (!fields.has(choices)) throw missing(fields, choices);
  const found = fields.texts(choices);
  return found.length > 0 ? found : fields.refuse(choices, "a list of answers");
}

/** Highlights as stretches of the input; a text that is not part of the question verbatim has no stretch. */
function readHighlights(fields: Fields, name: string, input: string, [start, end]: Span): Span[] {
  const value = fields.value(name) ?? [];
  const spans: Span[] = [];
  for (const mark of typeof value === "string" ? [value] : Array.isArray(value) ? value : [undefined]) {
    if (typeof mark === "string") {
      const span = locate(mark, input.slice(start, end), start);
      if (span !== undefined) spans.push(span);
      continue;
    }
    const [from, to] = Array.isArray(mark) && mark.length === 2 ? mark : [];
    if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from < to && start + to <= end))
      fields.refuse(
        name,
        `a text, or a list of texts or of [start, end) within the ${end - start} characters of the question`,
      );
    spans.push([start + from, start + to]);
  }
  return spans.sort((a, b) => a[0] - b[0]);
}

function placeholder(fields: Fields, name: string): string {
  if (!fields.has(name)) throw missing(fields, name);
  const value = fields.value(name);
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return fields.refuse(name, "a text, number or truth value to put into the template");
}

function missing(fields: Fields, name: string): HeartcutError {
  return new HeartcutError("HC6021", {
    what: `the row lacks the field "${printable(name)}" that the task asks for`,
    where: fields.where,
    found: `fields ${printable(fields.names().slice(0, 30).join(", "))}`,
    fix: "correct the name in the task's definition, or add the field to the row (null where a rationale is unknown)",
  });
}

function checkDefinition(task: CustomTask, input: string[], target: string[], where: string): void {
  const fault = definitionFault(task, input, target);
  if (fault === undefined) return;
  throw new HeartcutError("HC6020", {
    what: `the task contradicts itself: ${fault}`,
    where,
    found: shown(task),
    fix: "correct the definition of the task",
  });
}

function definitionFault(task: CustomTask, input: string[], target: string[]): string | undefined {
  if (!/^[\w-]+$/.test(task.name)) return "its name is not made of letters, digits, _ and -";
  if (input.length === 0) return "input has no placeholder, so all examples would be the same";
  if (target.length === 0) return "target has no placeholder, so all answers would be the same";
  if (input.includes(CHOICES) && task.choices === undefined) return "input lists {choices}, but no choices are named";
  if (input.filter((name) => name === CHOICES).length > 1) return "input lists {choices} more than once";
  if (typeof task.choices === "object" && new Set(task.choices).size < 2) return "choices has fewer than two answers";
  if (task.question !== undefined && input.filter((name) => name === task.question).length !== 1)
    return `question names "${task.question}", which is not exactly one placeholder of input`;
  if (task.question === CHOICES) return "question names the list of choices";
  if (task.human?.highlights !== undefined && task.question === undefined)
    return "human.highlights needs question, the placeholder they refer to";
  if (task.rationaleAnswer !== undefined && task.rationale === undefined)
    return "rationaleAnswer needs rationale, the text that comes to it";
  return undefined;
}
