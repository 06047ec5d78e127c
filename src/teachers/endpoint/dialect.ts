import { type PromptLogProbs, RowFault } from "./row.ts";

/** What a server tells about itself. */
export interface ServerFacts {
  /** Name to ask for the model by. */
  readonly model: string;
  /** What the server says stands behind the name (a path, a repository). */
  readonly root?: string | undefined;
  /** Tokens of prompt and answer together. */
  readonly contextLength?: number | undefined;
  readonly vocabSize?: number | undefined;
}

/** One way to ask for prompt log-probabilities: one file each. */
export interface Dialect {
  readonly name: "vllm" | "sglang" | "openai" | "llama-server";
  /** Path below the server's address that is asked. */
  readonly path: string;
  /** Tokens of the context that a request needs beside its prompt. */
  readonly reserve: number;
  /** Whether every answer shows the ids that were scored, and the likeliest ones where asked for; otherwise the server decides. */
  readonly showsIds: boolean;
  /** Body that asks for the log-probability of each id and the k likeliest ids at each place. */
  ask(ids: readonly number[], k: number, model: string): object;
  /** @throws RowFault where the answer has another form */
  read(answer: unknown): PromptLogProbs;
  /** Why a server of this kind may not give prompt log-probabilities, and what helps. */
  readonly help: string;
}

/** A value inside an answer. @throws RowFault naming the path where there is nothing */
export function field(answer: unknown, ...path: (string | number)[]): unknown {
  let value = answer;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key))
      throw new RowFault(path.join("."), "absent", "a value");
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}

/** As field, undefined where there is nothing. */
export function optional(answer: unknown, ...path: (string | number)[]): unknown {
  try {
    return field(answer, ...path) ?? undefined;
  } catch {
    return undefined;
  }
}

/** As field, for a list. */
export function list(answer: unknown, ...path: (string | number)[]): readonly unknown[] {
  const value = field(answer, ...path);
  if (!Array.isArray(value)) throw new RowFault(path.join("."), value === null ? "null" : typeof value, "a list");
  return value;
}
