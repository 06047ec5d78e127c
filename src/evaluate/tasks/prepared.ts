import type { AskedSequence, Likelihood } from "./likelihood.ts";
import type { TaskMetric } from "./record.ts";

/** A row of a task's data file. */
export type TaskDocument = Readonly<Record<string, unknown>>;

/** A data file that a task was made ready from. */
export interface TaskSource {
  readonly path: string;
  /** Of the file as it stands on disk. */
  readonly sha256: string;
}

/** One continuation behind one context, as text and as ids. */
export interface TaskRequest {
  readonly context: string;
  /** With the delimiter in front. */
  readonly continuation: string;
  /** Ids after the split, before anything was cut: trailing spaces of the context belong to the continuation. */
  readonly tokens: { readonly context: number; readonly continuation: number };
  /** Ids lost on the left, since the model's context is shorter. */
  readonly cut: number;
  readonly sequence: AskedSequence;
}

/** One question with the requests that are made for it, in order of its choices. */
export interface TaskItem {
  /** Row of the data file, from 0. */
  readonly docId: number;
  readonly doc: TaskDocument;
  /** Index of the right choice; the right text where there are no choices. */
  readonly target: number | string;
  /** Texts of the choices, by which acc_norm divides; absent where there are none. */
  readonly choices?: readonly string[];
  readonly requests: readonly TaskRequest[];
}

/** What every task made ready says of itself. */
interface PreparedBase {
  readonly task: string;
  readonly version: number | string;
  readonly fewshot: number;
  /** Rows of the data file, asked or not. */
  readonly of: number;
  /** Rows of the asked split as published; absent for a task of one's own. */
  readonly published?: number | undefined;
  readonly data: TaskSource;
  /** File of the worked examples; null without any. */
  readonly examples: TaskSource | null;
  /** Metrics it reports, in order; the main one is `main`. */
  readonly metrics: readonly Pick<TaskMetric, "name" | "higherIsBetter">[];
  readonly main: string;
  readonly chance: number | null;
}

/** A task made ready for one tokenizer and one context length. */
export interface PreparedTask extends PreparedBase {
  readonly outputType: "multiple_choice" | "loglikelihood";
  readonly items: readonly TaskItem[];
  /** Rows that cannot be asked: a continuation alone is longer than the model's context. */
  readonly skipped: readonly { readonly docId: number; readonly why: string }[];
}

/** What a model said to one item, and what that is worth. */
export interface AnsweredItem {
  readonly docId: number;
  readonly likelihoods: readonly Likelihood[];
  /** Value of each metric for this item, by name: 0 or 1 for accuracies, log p (nats) for perplexity. */
  readonly values: Readonly<Record<string, number>>;
}

/** One text that a model is to write on from. */
export interface GenerationItem {
  /** Row of the data file, from 0. */
  readonly docId: number;
  readonly doc: TaskDocument;
  readonly context: string;
  /** The context as ids, the tokenizer's own BOS in front; the model's window is not yet applied. */
  readonly ids: Int32Array;
  /** Generation ends before the first of these strings. */
  readonly until: readonly string[];
  readonly maxNewTokens: number;
  /** The right text. */
  readonly target: string;
}

/** A task that has a model write, made ready for one tokenizer; its metric is exact_match. */
export interface PreparedGeneration extends PreparedBase {
  readonly outputType: "generate_until";
  readonly items: readonly GenerationItem[];
}

/** One text whose probability is asked for. */
export interface RollingItem {
  /** Row of the data file, from 0. */
  readonly docId: number;
  readonly doc: TaskDocument;
  /** Not empty. */
  readonly text: string;
}

/** A task over whole texts, whose windows are made when it is asked. */
export interface PreparedRolling extends PreparedBase {
  readonly outputType: "loglikelihood_rolling";
  readonly bos: boolean;
  readonly items: readonly RollingItem[];
}
