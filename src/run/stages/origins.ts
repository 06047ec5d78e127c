import { join } from "node:path";
import type { SequencesSummary } from "../../capture/sequences_files.ts";
import { sha256File } from "../../formats/publish.ts";
import type { SelectionSummary } from "../../select/record.ts";
import { contentHash, givenOrigin } from "../card_origins.ts";
import { sourceLineage } from "../lineage.ts";
import type { CardOrigin } from "../model_card.ts";
import { referenceOf } from "../recipe_places.ts";
import type { Recipe } from "../recipe_schema.ts";
import { modelFolder, type Role, type RunInputs, tokenizerFiles, tokenizerFolder } from "./run_inputs.ts";

/** What the teacher or the reference is. */
export async function modelOrigin(run: RunInputs, role: Role): Promise<CardOrigin> {
  const source = run.recipe[role];
  const given =
    "path" in source ? source.path : "gguf" in source ? source.gguf : "onnx" in source ? source.onnx : undefined;
  if (given !== undefined)
    return givenOrigin(role, referenceOf(run.places, given), run.files[role], modelFolder(run, role));
  return { role, text: sourceLineage(run.recipe, role).sentence };
}

/** What the corpus is: where it comes from, and the hash of its content. */
export async function corpusOrigin(run: RunInputs): Promise<CardOrigin> {
  const { corpus, seed } = run.recipe;
  if ("path" in corpus) {
    const paths = [corpus.path].flat().map((path) => referenceOf(run.places, path));
    return givenOrigin("corpus", paths, run.files.corpus);
  }
  const { sha256 } = await sha256File(run.corpus.path as string);
  const text = `made on the spot, ${corpus.demo.megabytes} MB with seed ${seed}, sha256 ${sha256}`;
  return { role: "corpus", text };
}

/** What the tokenizer is. @param name - of a further one; undefined for the recipe's own */
export async function tokenizerOrigin(run: RunInputs, name?: string): Promise<CardOrigin> {
  const { tokenizer, tokenizers } = run.recipe;
  const source = name === undefined ? tokenizer : tokenizers[name]!;
  const reEncoded = name === undefined ? "" : "; its training text was re-encoded for it";
  if ("path" in source) {
    const place = referenceOf(run.places, source.path);
    const { text, ...origin } = await givenOrigin("tokenizer", place, tokenizerFiles(run, name));
    return { ...origin, text: text + reEncoded };
  }
  const file = await sha256File(join(tokenizerFolder(run, name), "tokenizer.json"));
  const text = `byte-level BPE with ${source.train.vocabSize} entries, trained on the corpus, ${contentHash([{ name: "tokenizer.json", ...file }])}`;
  return { role: "tokenizer", text: text + reEncoded };
}

/** What was kept of the corpus. */
export function selectionOrigin(name: string, { method, instances, tokens }: SelectionSummary): CardOrigin {
  const kept = `${instances.kept} of ${instances.total} instances, ${tokens.kept} of ${tokens.total} tokens`;
  return { role: "selection", text: `${name}, by ${method.replaceAll("_", " ")}: ${kept}` };
}

/** What the teacher wrote. */
export function teacherTextOrigin(name: string, summary: SequencesSummary): CardOrigin {
  const { instances, tokens, generatedTokens, promptTokens, temperature, topK, topP } = summary;
  const sampling = [
    temperature === 0 ? "the likeliest token at each place" : `sampled at temperature ${temperature}`,
    ...(topK === null ? [] : [`among the ${topK} likeliest tokens`]),
    ...(topP === null ? [] : [`among the likeliest with probability ${topP}`]),
  ].join(", ");
  const written = `${generatedTokens} of ${tokens} tokens in ${instances} instances`;
  return {
    role: "text",
    text: `${name}, written by the teacher: ${written}, each behind the first ${promptTokens} tokens of an instance of the corpus; ${sampling}`,
  };
}

/** Which tokens were learned. */
export function maskOrigin(name: string, { share, scope }: Recipe["masks"][string]): CardOrigin {
  const where = scope === "corpus" ? "over the corpus as a whole" : "of each instance";
  const text = `${name}: the ${Number((share * 100).toPrecision(3))} % of the scored tokens ${where} on which the teacher is furthest ahead of the reference`;
  return { role: "token mask", text };
}
