import { join } from "node:path";
import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { openManifest } from "../formats/manifest.ts";

/** File that says how the instances beside it were generated. */
export const SEQUENCES_SUMMARY = "sequences.json";
/** The first generated instances as text, for reading by people. */
export const SEQUENCES_EXAMPLES = "examples.jsonl";

/** What a teacher does behind an EOS it has written: nothing, or the next document in the same instance. */
export const AFTER_EOS = ["end", "next"] as const;
export type AfterEos = (typeof AFTER_EOS)[number];

const summarySchema = z.strictObject({
  teacher: z.strictObject({ name: z.string(), fingerprint: z.string() }),
  tokenizer: z.string(),
  /** SHA-256 of the instances the prompts come from, by content; null where the teacher starts from BOS alone. */
  corpus: z.string().nullable(),
  /** Tokens of each prompt, at most. */
  promptTokens: z.int().positive(),
  /** Tokens of an instance, prompt included, at most. */
  length: z.int().positive(),
  afterEos: z.enum(AFTER_EOS),
  temperature: z.number(),
  topK: z.int().nullable(),
  topP: z.number().nullable(),
  seed: z.int(),
  instances: z.int().nonnegative(),
  tokens: z.int().nonnegative(),
  /** Tokens the teacher wrote: `tokens` less the prompts. */
  generatedTokens: z.int().nonnegative(),
  /** Instances whose last token is an EOS. */
  ended: z.int().nonnegative(),
});

/** sequences.json: what one teacher wrote, and how. */
export type SequencesSummary = z.infer<typeof summarySchema>;

/** One line of examples.jsonl. */
export interface SequenceExample {
  instance: number;
  source: string;
  prompt: string;
  completion: string;
}

/** Reads sequences.json of a finished generation. @throws HeartcutError HC3420 if it did not finish */
export async function readSequencesSummary(folder: string): Promise<SequencesSummary> {
  const manifest = await openManifest(folder);
  if (await manifest.isIntact(SEQUENCES_SUMMARY, { deep: true }))
    return summarySchema.parse(await readJsonFile(join(folder, SEQUENCES_SUMMARY)));
  throw new HeartcutError("HC3420", {
    what: "the generation of sequences is not complete",
    where: join(folder, SEQUENCES_SUMMARY),
    fix: "run the same `heartcut sequences` again: it resumes behind the last finished shard",
  });
}
