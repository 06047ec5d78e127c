import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { guarded, isMissing } from "../formats/file_system.ts";
import { shown } from "../schema_words.ts";
import { readJsonArray } from "./rows.ts";

/** What a large language model wrote about an example, and the answer it came to. */
export interface LlmRationale {
  text: string;
  answer?: string;
}

const DATA_FILE = /_(train|valid|test)\.jsonl?(?:\.gz|\.zst)?$/i;
const OUTPUT_FILE = /^(train|valid|test)_CoT_(\d+)\.json(?:\.gz|\.zst)?$/;

/**
 * The files of raw model outputs that belong to a data file in the layout of Distilling step-by-step: beside
 * `NAME_<split>.json` stand `llm/<split>_CoT_0.json`, `…_1.json`, … Source: google-research/distilling-step-by-step.
 * @returns their paths in order; [] where there are none. @throws HeartcutError HC6016 if one in between is missing
 */
export async function findOutputFiles(dataFile: string): Promise<string[]> {
  const split = DATA_FILE.exec(basename(dataFile))?.[1]?.toLowerCase();
  if (split === undefined) return [];
  const folder = join(dirname(dataFile), "llm");
  const byNumber = new Map<number, string>();
  for (const name of await namesIn(folder)) {
    const match = OUTPUT_FILE.exec(name);
    if (match?.[1] === split) byNumber.set(Number(match[2]), join(folder, name));
  }
  return Array.from({ length: byNumber.size }, (_, i) => {
    const file = byNumber.get(i);
    if (file !== undefined) return file;
    throw new HeartcutError("HC6016", {
      what: "a file of model outputs is missing",
      where: folder,
      found: `${byNumber.size} files ${split}_CoT_<i>.json, none with i = ${i}`,
      why: "outputs belong to rows by their order alone",
      fix: "fetch the missing file, or move the llm folder away to go without these rationales",
    });
  });
}

/**
 * Raw model outputs in row order, the files joined.
 * @throws HeartcutError HC6016 if a file is no list of texts, or one before the last is shorter or longer than the first
 */
export async function readOutputs(files: readonly string[]): Promise<string[]> {
  const outputs: string[] = [];
  let perFile: number | undefined;
  for (const [at, file] of files.entries()) {
    const batch = await readJsonArray(file);
    const wrong = batch.findIndex((output) => typeof output !== "string");
    if (wrong >= 0) throw mismatch(file, `element ${wrong + 1}: ${shown(batch[wrong])}`, "a list of texts");
    perFile ??= batch.length;
    if (at < files.length - 1 ? batch.length !== perFile : batch.length > perFile)
      throw mismatch(file, `${batch.length} outputs`, `${perFile}, as in the first file (the last may have fewer)`);
    for (const output of batch) outputs.push(output as string);
  }
  return outputs;
}

/**
 * Parts an output at its answer phrase. Only what stands before the first blank line counts: behind it the model goes
 * on with questions of its own. The answer loses its full stop. Undefined where there is nothing before the phrase.
 */
export function splitOutput(output: string, phrase: string): LlmRationale | undefined {
  const own = output.trim().split(/\n[^\S\n]*\n/, 1)[0]!;
  const at = own.indexOf(phrase);
  const text = (at < 0 ? own : own.slice(0, at)).trim();
  if (text === "") return undefined;
  const answer =
    at < 0
      ? ""
      : own
          .slice(at + phrase.length)
          .trim()
          .replace(/\.$/, "");
  return answer === "" ? { text } : { text, answer };
}

/** The error for outputs that cannot be told apart by row. */
export function mismatch(where: string, found: string, expected: string): HeartcutError {
  return new HeartcutError("HC6016", {
    what: "the model outputs do not fit the rows",
    where,
    found,
    expected,
    why: "outputs belong to rows by their order alone: one too many or too few shifts all that follow",
    fix: "fetch data and outputs again together, or move the llm folder away to go without these rationales",
  });
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await guarded(folder, "nothing was changed", () => readdir(folder));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
