import { join } from "node:path";
import { convertInstances } from "../../corpus/convert.ts";
import { countTextBytes } from "../../score/bits_per_byte_count.ts";
import { loadTokenizer } from "../../tokenizers/tokenizer.ts";
import { ROLES } from "../recipe_schema.ts";
import type { Stage } from "../stage.ts";
import { trainingData } from "./corpus.ts";
import { type RunInputs, readsTokenizer, tokenizerFiles, tokenizerFolder } from "./run_inputs.ts";

/** Instances of a run: the stage that leaves them, and their folder below the run folder. */
export interface Data {
  readonly stage: string;
  readonly folder: string;
}

const packed = (name: string): Data => ({ stage: `pack/${name}`, folder: `pack/${name}` });

/** The instances that are scored and selected from, in the recipe's tokens. */
export const POOL: Data = packed("pool");

/** A held-out set in the recipe's tokens. */
export const heldOutData = (set: string): Data => packed(`heldout-${set}`);

/** What a student is trained on: the refined instances of a selection, or text that the teacher wrote. */
export function studentData({ recipe }: RunInputs, selection: string): Data {
  if (selection in recipe.generate) return { stage: `generate/${selection}`, folder: `generate/${selection}` };
  return { stage: `select/${selection}`, folder: `select/${selection}/refined` };
}

/** The same text in the tokens of a tokenizer. @param tokenizer - name under `tokenizers`; undefined for the recipe's own */
export function inTokens(data: Data, tokenizer: string | undefined): Data {
  if (tokenizer === undefined) return data;
  const stage = `convert/${tokenizer}/${data.stage}`;
  return { stage, folder: stage };
}

/** Bytes of the text of a held-out set, or of the pool, as a tokenizer's models read it. */
export function bytesOf(data: Data): Data {
  return { stage: `bytes/${data.stage}`, folder: `bytes/${data.stage}` };
}

/** Re-encodes what models of other tokenizers read: what was packed, or what was chosen of it for students. */
export function conversionStages(run: RunInputs, which: "packed" | "chosen"): Stage[] {
  const { recipe } = run;
  const wanted = new Map<string, { data: Data; tokenizer: string; whole: boolean }>();
  const want = (data: Data, tokenizer: string | undefined, whole: boolean) => {
    if (tokenizer !== undefined) wanted.set(inTokens(data, tokenizer).stage, { data, tokenizer, whole });
  };
  const sets = Object.keys(recipe.evaluate.sets).map(heldOutData);
  for (const role of ROLES) {
    const { tokenizer } = recipe[role];
    // What is compared must be read whole; what is trained on may lose its ends, as the reference does.
    want(POOL, tokenizer, true);
    if ("train" in recipe[role]) want(packed(trainingData(run, role).slice("pack/".length)), tokenizer, true);
    for (const set of sets) want(set, tokenizer, true);
  }
  for (const { selection, tokenizer } of recipe.students) {
    want(studentData(run, selection), tokenizer, false);
    for (const set of sets) want(set, tokenizer, true);
  }
  const isPacked = ({ data }: { data: Data }) => data.stage.startsWith("pack/");
  return [...wanted.values()]
    .filter((each) => isPacked(each) === (which === "packed"))
    .map((each) => conversionStage(run, each));
}

function conversionStage(
  run: RunInputs,
  { data, tokenizer, whole }: { data: Data; tokenizer: string; whole: boolean },
): Stage {
  const { stage: name, folder } = inTokens(data, tokenizer);
  const overflow = whole ? "carry" : run.recipe.convert.overflow;
  return {
    name,
    version: 1,
    settings: { overflow, length: run.recipe.pack.length },
    reads: [data.stage, ...readsTokenizer(run), ...readsTokenizer(run, tokenizer)],
    files: [...run.files.tokenizer, ...tokenizerFiles(run, tokenizer)],
    outputs: [folder],
    run: async (context) => {
      await convertInstances(
        {
          instances: join(run.folder, data.folder),
          from: await loadTokenizer(tokenizerFolder(run)),
          to: await loadTokenizer(tokenizerFolder(run, tokenizer)),
          folder: join(run.folder, folder),
          contextLength: run.recipe.pack.length,
          overflow,
        },
        context,
      );
      return {};
    },
  };
}

/** Counts the bytes of the held-out sets in each tokenizer's tokens, and of the pool where its scores are compared by them. */
export function bytesStages(run: RunInputs): Stage[] {
  const { recipe } = run;
  const tokenizers = new Set([undefined, ...recipe.students.map(({ tokenizer }) => tokenizer)]);
  for (const role of ROLES) tokenizers.add(recipe[role].tokenizer);
  const sets = Object.keys(recipe.evaluate.sets).map(heldOutData);
  const stages = [...tokenizers].flatMap((tokenizer) => sets.map((set) => bytesStage(run, set, tokenizer)));
  if (!acrossTokenizers(run)) return stages;
  const pools = new Set(ROLES.map((role) => recipe[role].tokenizer));
  return [...stages, ...[...pools].map((tokenizer) => bytesStage(run, POOL, tokenizer))];
}

/** Whether teacher and reference are compared in bits per byte. */
export function acrossTokenizers({ recipe }: RunInputs): boolean {
  return ROLES.some((role) => recipe[role].tokenizer !== undefined);
}

function bytesStage(run: RunInputs, data: Data, tokenizer: string | undefined): Stage {
  const read = inTokens(data, tokenizer);
  const { stage: name, folder } = bytesOf(read);
  const { mask } = run.recipe.score;
  return {
    name,
    version: 1,
    settings: { mask },
    reads: [read.stage, ...readsTokenizer(run, tokenizer)],
    files: tokenizerFiles(run, tokenizer),
    outputs: [folder],
    run: async (context) => {
      await countTextBytes(
        {
          instances: join(run.folder, read.folder),
          tokenizer: await loadTokenizer(tokenizerFolder(run, tokenizer)),
          mask,
          folder: join(run.folder, folder),
        },
        context,
      );
      return {};
    },
  };
}
