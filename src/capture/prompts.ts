import { hashInstances } from "../corpus/content_files.ts";
import { openInstances } from "../corpus/instances.ts";
import { HeartcutError } from "../errors.ts";
import type { StageContext } from "../progress.ts";

/** Where a teacher starts: the first tokens of instances, or BOS alone, so many times. */
export type PromptSource =
  | { readonly instances: string; readonly promptTokens: number; readonly count?: number | undefined }
  | { readonly bos: number; readonly count: number };

/** What a teacher goes on from. */
export interface Prompt {
  readonly tokens: Int32Array;
  readonly source: string;
  /** The document its first token is from. */
  readonly document: string;
}

/** All prompts of a generation, by number. */
export interface Prompts {
  readonly length: number;
  /** Longest prompt, in tokens. */
  readonly promptTokens: number;
  /** SHA-256 of the instances the prompts come from, by content; null for BOS alone. */
  readonly corpus: string | null;
  at(i: number): Prompt;
  /** Tokens of prompt i, without reading it. */
  size(i: number): number;
  close(): void;
}

/**
 * Opens the prompts. An instance that is no longer than the prompt is a prompt as a whole.
 * @throws HeartcutError HC3421 for counts that cannot be used; as openInstances
 */
export async function openPrompts(from: PromptSource, context: StageContext): Promise<Prompts> {
  const counts = "bos" in from ? { count: from.count } : { promptTokens: from.promptTokens, count: from.count };
  for (const [name, value] of Object.entries(counts))
    if (value !== undefined && !(Number.isInteger(value) && value >= 1))
      throw new HeartcutError("HC3421", {
        what: `${name} cannot be used for prompts`,
        found: String(value),
        expected: "a whole number of 1 or more",
      });
  if ("bos" in from) {
    const tokens = Int32Array.of(from.bos);
    const at = (i: number) => ({ tokens, source: "generated", document: documentName(i) });
    return { length: from.count, promptTokens: 1, corpus: null, at, size: () => 1, close: () => {} };
  }
  const { promptTokens, count } = from;
  const reader = await openInstances(from.instances);
  try {
    if (reader.length === 0 || reader.length < (count ?? 1))
      throw new HeartcutError("HC3421", {
        what: "there are not enough instances to take prompts from",
        where: from.instances,
        found: String(reader.length),
        expected: `at least ${count ?? 1}`,
        fix: "ask for fewer sequences, or pack more text",
      });
    const { fingerprint } = await hashInstances(reader, { shardInstances: 4096 }, context);
    const rows = await reader.rows();
    return {
      length: count ?? reader.length,
      promptTokens,
      corpus: fingerprint,
      at: (i) => ({
        tokens: reader.read(i).slice(0, promptTokens),
        source: rows[i]!.source,
        document: rows[i]!.first_document,
      }),
      size: (i) => Math.min(promptTokens, reader.size(i)),
      close: () => reader.close(),
    };
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** Name of the text that a teacher writes as its i-th sequence. */
export const documentName = (i: number): string => `generated/${i}`;
