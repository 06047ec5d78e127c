import { stat } from "node:fs/promises";
import { findFiles } from "../../corpus/files.ts";
import type { CorpusSpec } from "../../corpus/read.ts";
import type { Document } from "../../corpus/record.ts";
import { checkpointSignal, type StageContext } from "../../progress.ts";
import { type Recipe, ROLES } from "../recipe_schema.ts";
import type { Role } from "../stages/run_inputs.ts";
import { sampleFile } from "./corpus_sample.ts";
import { PackingTrial, tokensPerByte } from "./packing_trial.ts";

/** Packed instances, as far as they can be foretold. */
export interface Amount {
  readonly instances: number;
  readonly tokens: number;
  /** Label positions: what is trained on and captured. */
  readonly positions: number;
}

/** A corpus as it lies there, and what is likely to be packed of it. */
export interface Corpus {
  readonly files: number;
  readonly fileBytes: number;
  /** UTF-8 bytes of its text. */
  readonly textBytes: number;
  /** Whether all of it was read; otherwise sizes are those of a sample, scaled up. */
  readonly whole: boolean;
  readonly sampleBytes: number;
  /** Tokens for each byte of text, document ends included, by tokenizer (undefined: the recipe's own); given ones only. */
  readonly tokensPerByte: ReadonlyMap<string | undefined, number>;
  /** What is scored and selected from; undefined where the tokenizer is trained here. */
  readonly pool: Amount | undefined;
  /** The pool as it would be without pack.maxTokens, where that cuts it: held-out documents are not cut. */
  readonly uncut?: Amount | undefined;
  /** What teacher and reference are trained on, where that is not the pool and they are trained here. */
  readonly training: Readonly<Partial<Record<Role, Amount>>>;
}

/** Text that is looked at, spread over the files. */
const SAMPLE_BYTES = 4e6;
/** Files that are looked into, evenly spaced. */
const SAMPLED_FILES = 64;

/**
 * Sizes a corpus from its files and a sample of their text. A corpus made on the spot has no files yet.
 * @throws HeartcutError HC2010 … HC2014 as readDocuments
 */
export async function measureCorpus(recipe: Recipe, context: StageContext): Promise<Corpus | undefined> {
  if ("demo" in recipe.corpus) return undefined;
  const { heldOutShare: _share, ...spec } = recipe.corpus;
  const files = await findFiles([spec.path].flat(), spec.format);
  const sizes = await Promise.all(files.map(async ({ path }) => (await stat(path)).size));
  const documents: Document[] = [];
  const looked = { files: 0, fileBytes: 0, textBytes: 0, whole: true };
  const step = Math.max(1, files.length / SAMPLED_FILES);
  const quota = SAMPLE_BYTES / Math.min(files.length, SAMPLED_FILES);
  for (let at = 0; at < files.length; at += step) {
    await checkpointSignal(context);
    const i = Math.floor(at);
    const sample = await sampleFile(spec as CorpusSpec, files[i]!, sizes[i]!, quota);
    for (const document of sample.documents) documents.push(document);
    looked.files++;
    looked.fileBytes += sizes[i]!;
    looked.textBytes += sample.textBytes;
    looked.whole &&= sample.whole;
  }
  const fileBytes = sizes.reduce((sum, size) => sum + size, 0);
  const whole = looked.whole && looked.files === files.length;
  const textBytes = Math.round((looked.textBytes * fileBytes) / Math.max(1, looked.fileBytes));
  const sampleBytes = documents.reduce((total, { text }) => total + Buffer.byteLength(text, "utf8"), 0);
  const scale = whole ? undefined : textBytes / Math.max(1, sampleBytes);
  const trial = await PackingTrial.encode(recipe, documents, context);
  const training: Partial<Record<Role, Amount>> = {};
  for (const role of ROLES) {
    const source = recipe[role];
    if (!("train" in source)) continue;
    const { where, maxTokens } = source.train;
    if (where === undefined && maxTokens === undefined) continue;
    const amount = trial?.pack(where, maxTokens, scale);
    if (amount !== undefined) training[role] = amount;
  }
  return {
    files: files.length,
    fileBytes,
    textBytes,
    whole,
    sampleBytes,
    tokensPerByte: await tokensPerByte(recipe, documents, sampleBytes, trial),
    pool: trial?.pack(undefined, recipe.pack.maxTokens, scale),
    ...(recipe.pack.maxTokens !== undefined && { uncut: trial?.pack(undefined, undefined, scale) }),
    training,
  };
}
