import { loadTokenizer } from "../tokenizers/tokenizer.ts";
import type { Distillation } from "../train/distillation/settings.ts";
import type { DistillationRecipe } from "./recipe_schema.ts";

/** Where a student finds its teacher: a folder with weights, or a store of its outputs. */
export type TeacherPlace = { readonly folder: string } | { readonly store: string };

/** What a training learns of a teacher: a recipe's loss, and the teacher itself. @param tokenizer - folder of the instances' tokenizer */
export async function distillationOf(
  { from: _from, topK: _topK, ...loss }: DistillationRecipe,
  place: TeacherPlace,
  tokenizer: string,
): Promise<Distillation> {
  if ("folder" in place) return { ...loss, teacher: place };
  return { ...loss, teacher: { ...place, tokenizer: (await loadTokenizer(tokenizer)).fingerprint } };
}
