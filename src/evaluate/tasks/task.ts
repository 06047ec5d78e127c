import { HeartcutError, printable } from "../../errors.ts";
import type { MetricName } from "./metrics.ts";
import type { Row } from "./row.ts";

/** One question as a task asks it. Continuations stand without the delimiter, a cloze target with whatever is before it. */
export type Question =
  | {
      readonly kind: "choices";
      readonly context: string;
      readonly choices: readonly string[];
      /** Index of the right choice. */
      readonly target: number;
    }
  | {
      /** Partial scoring: each choice makes a context of its own, and all are followed by the same text. */
      readonly kind: "contexts";
      readonly contexts: readonly string[];
      readonly continuation: string;
      readonly target: number;
    }
  | { readonly kind: "cloze"; readonly context: string; readonly target: string };

/** One form in which a task's rows are found: it reads the rows that have all of its fields. */
export interface QuestionLayout<Q extends Question = Question> {
  /** Where it comes from, for messages. */
  readonly name: string;
  readonly fields: readonly string[];
  /** @throws HeartcutError HC3506 at a value that cannot be used */
  read(row: Row): Q;
}

/** Part of a data set that is asked, or from which worked examples come. */
export type TaskSplit = "train" | "validation" | "test";

/** Where a task's data come from. */
export interface TaskDataset {
  /** Name on the Hugging Face hub, and of the configuration there. */
  readonly path: string;
  readonly name?: string;
  /** Split that is asked, and split of the worked examples; without one they come from the asked split itself. */
  readonly split: TaskSplit;
  readonly exampleSplit?: TaskSplit;
  /** Rows of the asked split as published: a file of another size is a part of it, or something else. */
  readonly questions: number;
  /** Expected value of the main metric by chance, for people: n choices may differ from row to row. */
  readonly chance?: string;
  /** Usual names of the files of a split, without ending, beside `<task>_<split>`. */
  readonly files?: Readonly<Partial<Record<TaskSplit, readonly string[]>>>;
  /** The published files keep the answers apart: `<name>-labels.lst`, one a line, for this field. */
  readonly labels?: string;
  /** Who gives the data to whom, where the hub does not have them. */
  readonly note?: string;
}

interface TaskBase<Q extends Question> {
  readonly name: string;
  readonly version: number | string;
  readonly description: string;
  /** Absent for a task of one's own. */
  readonly dataset?: TaskDataset;
  /** Files that a task of one's own names; what a caller gives comes first. */
  readonly data?: { readonly questions?: string | undefined; readonly examples?: string | undefined };
  /** The first that fits a row reads it. */
  readonly layouts: readonly QuestionLayout<Q>[];
  /** Stands before a choice, and between question and answer of a worked example. */
  readonly delimiter: string;
  /** lm-evaluation-harness draws an example more than it shows, to leave out one that is the question itself. */
  readonly drawsSpare: boolean;
  /** What a task of one's own was made from, for fingerprints. */
  readonly definition?: unknown;
}

/** A task that asks how likely texts are. */
export interface LikelihoodTask extends TaskBase<Question> {
  readonly outputType: "multiple_choice" | "loglikelihood";
  readonly metrics: readonly MetricName[];
}

/** A task that has a model write: greedy, up to the first of the stop strings; right where it writes the target. */
export interface GenerationTask extends TaskBase<Extract<Question, { kind: "cloze" }>> {
  readonly outputType: "generate_until";
  readonly until: readonly string[];
  readonly maxNewTokens: number;
}

/** A task that asks how likely whole texts are, from the first token on: the target of each row is its text. */
export interface RollingTask extends TaskBase<Extract<Question, { kind: "cloze" }>> {
  readonly outputType: "loglikelihood_rolling";
  /** Whether the tokenizer puts its own BOS in front of the text, as in the harness; it then is predicted too. */
  readonly bos: boolean;
}

/** A task: how rows become questions, and how answers are judged. Declared once, in its own file or in YAML. */
export type EvaluationTask = LikelihoodTask | GenerationTask | RollingTask;

/** Whether a task can be asked of any model that tells how likely texts are, also while it trains. */
export function isLikelihoodTask(task: EvaluationTask): task is LikelihoodTask {
  return task.outputType === "multiple_choice" || task.outputType === "loglikelihood";
}

/** Reads a row by the layout it fits. @throws HeartcutError HC3505 if it fits none; HC3506 as the layout */
export function readQuestion<Q extends Question>(
  task: { readonly name: string; readonly layouts: readonly QuestionLayout<Q>[] },
  row: Row,
): Q {
  const layout = task.layouts.find(({ fields }) => fields.every((name) => row.has(name)));
  if (layout !== undefined) return layout.read(row);
  throw new HeartcutError("HC3505", {
    what: `the row is in no layout that ${task.name} is known in`,
    where: row.where,
    found: `fields ${printable(row.names().slice(0, 30).join(", "))}`,
    expected: task.layouts.map(({ name, fields }) => `${name}: ${fields.join(", ")}`).join("\n"),
    fix: "check that the file belongs to this task and has its answers, or describe its fields as a task of your own",
  });
}

/** The texts of a question's requests: what stands before, what is asked for. */
export function requestTexts(
  question: Question,
  delimiter: string,
): { readonly context: string; readonly continuation: string }[] {
  switch (question.kind) {
    case "choices":
      return question.choices.map((choice) => ({ context: question.context, continuation: delimiter + choice }));
    case "contexts":
      return question.contexts.map((context) => ({ context, continuation: delimiter + question.continuation }));
    case "cloze":
      return [{ context: question.context, continuation: question.target }];
  }
}

/** Question and right answer in one text. */
export function workedExample(question: Question, delimiter: string): string {
  switch (question.kind) {
    case "choices":
      return question.context + delimiter + question.choices[question.target]!;
    case "contexts":
      return question.contexts[question.target]! + delimiter + question.continuation;
    case "cloze":
      return question.context + delimiter + question.target;
  }
}

/** Texts between which a question has the model choose. */
export function choicesOf(question: Question): readonly string[] | undefined {
  if (question.kind === "cloze") return undefined;
  return question.kind === "choices" ? question.choices : question.contexts;
}
