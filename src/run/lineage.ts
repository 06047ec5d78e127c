import type { ModelLineage } from "./model_card.ts";
import type { Recipe } from "./recipe_schema.ts";
import type { Role } from "./stages/run_inputs.ts";

/** What the teacher or the reference is, in a sentence. */
export function sourceLineage(recipe: Recipe, role: Role): ModelLineage {
  const source = recipe[role];
  const title = `${recipe.name} ${role}`;
  if ("path" in source) return { title, sentence: `The ${role} was brought along: ${source.path}.` };
  const where = Object.entries(source.train.where ?? {}).map(([key, values]) => `${key} ${values.join(" or ")}`);
  const text = where.length === 0 ? "all of the training text" : `the training text with ${where.join(" and ")}`;
  return { title, sentence: `The ${role} was trained from scratch on ${text}; held-out documents were kept from it.` };
}

/** What a student was trained on, in a sentence. */
export function studentLineage(recipe: Recipe, name: string, seed: number): ModelLineage {
  const student = recipe.students.find((each) => each.name === name)!;
  const selection = recipe.select[student.selection]!;
  const kept =
    selection.method === "all"
      ? "all instances of the corpus"
      : selection.method === "difference"
        ? "the instances on which the teacher is furthest ahead of the reference (Difference Sampling, arXiv:2410.17215)"
        : `instances chosen by ${selection.method.replace("_", " ")}`;
  return {
    title: `${recipe.name} student ${name}, seed ${seed}`,
    sentence: `This student was trained from scratch with the plain language-modelling loss on ${kept}: selection "${student.selection}".`,
  };
}
