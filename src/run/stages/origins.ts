import { join } from "node:path";
import { sha256File } from "../../formats/publish.ts";
import type { SelectionSummary } from "../../select/record.ts";
import { contentHash, givenOrigin } from "../card_origins.ts";
import { sourceLineage } from "../lineage.ts";
import type { CardOrigin } from "../model_card.ts";
import { modelFolder, type Role, type RunInputs, tokenizerFolder } from "./run_inputs.ts";

/** What the teacher or the reference is. */
export async function modelOrigin(run: RunInputs, role: Role): Promise<CardOrigin> {
  const source = run.recipe[role];
  if ("path" in source) return givenOrigin(role, source.path, run.files[role], modelFolder(run, role));
  return { role, text: sourceLineage(run.recipe, role).sentence };
}

/** What the corpus is: where it comes from, and the hash of its content. */
export async function corpusOrigin(run: RunInputs): Promise<CardOrigin> {
  const { corpus, seed } = run.recipe;
  if ("path" in corpus) return givenOrigin("corpus", corpus.path, run.files.corpus);
  const { sha256 } = await sha256File(run.corpus.path as string);
  const text = `made on the spot, ${corpus.demo.megabytes} MB with seed ${seed}, sha256 ${sha256}`;
  return { role: "corpus", text };
}

/** What the tokenizer is. */
export async function tokenizerOrigin(run: RunInputs): Promise<CardOrigin> {
  const { tokenizer } = run.recipe;
  if ("path" in tokenizer) return givenOrigin("tokenizer", tokenizer.path, run.files.tokenizer);
  const file = await sha256File(join(tokenizerFolder(run), "tokenizer.json"));
  const text = `byte-level BPE with ${tokenizer.train.vocabSize} entries, trained on the corpus, ${contentHash([{ name: "tokenizer.json", ...file }])}`;
  return { role: "tokenizer", text };
}

/** What was kept of the corpus. */
export function selectionOrigin(name: string, { method, instances, tokens }: SelectionSummary): CardOrigin {
  const kept = `${instances.kept} of ${instances.total} instances, ${tokens.kept} of ${tokens.total} tokens`;
  return { role: "selection", text: `${name}, by ${method.replaceAll("_", " ")}: ${kept}` };
}
