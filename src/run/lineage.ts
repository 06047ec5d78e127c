import type { ModelLineage } from "./model_card.ts";
import type { Recipe, SelectionSettings } from "./recipe_schema.ts";
import type { Role } from "./stages/run_inputs.ts";
import { lossInWords } from "./student_plan.ts";

/** What the teacher or the reference is, in a sentence. */
export function sourceLineage(recipe: Recipe, role: Role): ModelLineage {
  const source = recipe[role];
  const title = `${recipe.name} ${role}`;
  if ("path" in source) return { title, sentence: `The ${role} was brought along: ${source.path}.` };
  if (!("train" in source)) return { title, sentence: `The ${role} was asked from outside: ${nameOf(source)}.` };
  const where = Object.entries(source.train.where ?? {}).map(([key, values]) => `${key} ${values.join(" or ")}`);
  const text = where.length === 0 ? "all of the training text" : `the training text with ${where.join(" and ")}`;
  return { title, sentence: `The ${role} was trained from scratch on ${text}; held-out documents were kept from it.` };
}

/** What a student was trained on, in a sentence. */
export function studentLineage(recipe: Recipe, name: string, seed: number): ModelLineage {
  const student = recipe.students.find((each) => each.name === name)!;
  const selection = recipe.select[student.selection];
  const kept = selection === undefined ? "text that the teacher wrote" : keptBy(selection.method);
  return {
    title: `${recipe.name} student ${name}, seed ${seed}`,
    sentence: `This student was trained from scratch with ${lossInWords(student)}, on ${kept}: "${student.selection}".`,
  };
}

function nameOf(source: Exclude<Recipe[Role], { train: unknown } | { path: string }>): string {
  if ("endpoint" in source) return `${source.endpoint.model ?? "a model"} at ${source.endpoint.url}`;
  return "gguf" in source ? source.gguf : source.onnx;
}

function keptBy(method: SelectionSettings["method"]): string {
  if (method === "all") return "all instances of the corpus";
  if (method === "difference")
    return "the instances on which the teacher is furthest ahead of the reference (Difference Sampling, arXiv:2410.17215)";
  return method === "random" ? "instances chosen at random" : `instances chosen by ${method.replace("_", " ")}`;
}
