import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { HeartcutError } from "../errors.ts";
import { guarded, isMissing } from "../formats/file_system.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { checkSampling, type SamplingOptions } from "../models/sampling.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { PromptSource, Prompts } from "./prompts.ts";
import { type AfterEos, SEQUENCES_SUMMARY } from "./sequences_files.ts";

/** Input of the generation: a teacher and where it starts. */
export interface SequencesInput extends SamplingOptions {
  readonly model: CausalLM;
  /** Name for records, and hash of all that decides the model's values. */
  readonly teacher: { readonly name: string; readonly fingerprint: string };
  readonly tokenizer: Pick<Tokenizer, "fingerprint" | "vocabSize" | "specials" | "decode">;
  readonly prompts: PromptSource;
  /** Where the instances, sequences.json and examples.jsonl go. */
  readonly folder: string;
  /** Tokens of an instance, prompt included, at most. */
  readonly length: number;
  /** end: an EOS ends the instance; next: the teacher goes on with the next document. */
  readonly afterEos: AfterEos;
  /** For a temperature above 0. */
  readonly seed?: number | undefined;
  /** Sequences per shard. */
  readonly shardSequences?: number | undefined;
  /** Places of a batch, prompt and new tokens; at most. */
  readonly batchTokens?: number | undefined;
}

/** Checks what can be checked of an input before its prompts are read. @throws HeartcutError HC3409, HC1140, HC1141 */
export async function checkSequencesInput(input: SequencesInput): Promise<void> {
  checkSampling(input);
  await requireOwnFolder(input);
}

/** Ids are written for the tokenizer; a model may have further rows, which it can choose when it samples. */
export function vocabularyOf({ model, tokenizer }: SequencesInput): number {
  return Math.max(model.vocabSize, tokenizer.vocabSize);
}

/** The ids at which a text ends; none where the teacher writes on. @throws HeartcutError HC3423 */
export function stopIdsOf({ tokenizer, folder, afterEos }: SequencesInput): number[] {
  if (afterEos === "next") return [];
  const { eos } = tokenizer.specials;
  if (eos !== undefined) return [eos];
  throw new HeartcutError("HC3423", {
    what: "no id is known that ends a text",
    where: folder,
    why: 'with afterEos "end" an instance ends there',
    fix: 'name the tokenizer\'s eos_token, or generate with afterEos "next"',
  });
}

/** @throws HeartcutError HC3422 for a length or a shard that cannot be used */
export function checkLengths({ length, shardSequences, model }: SequencesInput, prompts: Prompts): void {
  const { maxPositions } = model.description.config;
  const refuse = (what: string, found: number, expected: string) => {
    throw new HeartcutError("HC3422", { what, found: String(found), expected });
  };
  if (!(Number.isInteger(length) && length > prompts.promptTokens && length <= maxPositions))
    refuse(
      "length cannot be used for generated instances",
      length,
      `a whole number above the prompt's ${prompts.promptTokens} tokens, at most the teacher's context of ${maxPositions}`,
    );
  if (shardSequences !== undefined && !(Number.isInteger(shardSequences) && shardSequences >= 1))
    refuse("shardSequences cannot be used", shardSequences, "a whole number of 1 or more");
}

/** A folder is published as a whole, in place of an earlier one: it must not be another's. */
async function requireOwnFolder({ folder, prompts }: SequencesInput): Promise<void> {
  const names = await guarded(folder, "nothing was changed", () => readdir(folder)).catch(
    (error: unknown): string[] => {
      if (isMissing(error)) return [];
      throw error;
    },
  );
  const isRead = "instances" in prompts && resolve(prompts.instances) === resolve(folder);
  if (!isRead && (names.length === 0 || names.includes(SEQUENCES_SUMMARY))) return;
  throw new HeartcutError("HC3409", {
    what: "the output would replace something else",
    where: folder,
    found: isRead ? "the instances that the prompts come from" : names.slice(0, 5).join(", "),
    fix: "choose a new folder",
  });
}
