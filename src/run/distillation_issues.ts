import { closest } from "../did_you_mean.ts";
import { COEFFICIENTS } from "../distill/distillation_losses.ts";
import { LENGTHS } from "./recipe_check.ts";
import { noEffect, type RecipeIssue } from "./recipe_issues.ts";
import type { DistillationRecipe, Recipe } from "./recipe_schema.ts";
import { formatPath } from "./recipe_source.ts";

type Path = (string | number)[];

/** Mistakes of a recipe in what students learn beyond the text of a selection, and in what tokens they read it. */
export function distillationIssues(recipe: Recipe): RecipeIssue[] {
  return [...recipe.students.flatMap((_, i) => studentIssues(recipe, i)), ...sharedIssues(recipe)];
}

const wrong = (path: Path, what: string, fix: string): RecipeIssue => ({
  code: "HC4006",
  path,
  at: "value",
  what,
  fix,
});

function unknownName(path: Path, name: string, known: readonly string[], section: string): RecipeIssue[] {
  if (known.includes(name)) return [];
  const guess = closest(name, known);
  const fix = guess === undefined ? `known there: ${known.join(", ") || "none"}` : `did you mean ${guess}?`;
  return [wrong(path, `${formatPath(path)} names "${name}", which is not under ${section}`, fix)];
}

/** Whether a model is one whose weights are in this process. */
const inProcess = (model: Recipe["teacher"]) => "train" in model || "path" in model;

function studentIssues(recipe: Recipe, i: number): RecipeIssue[] {
  const student = recipe.students[i]!;
  const at = (...keys: string[]): Path => ["students", i, ...keys];
  const issues = unknownName(
    at("selection"),
    student.selection,
    [...Object.keys(recipe.select), ...Object.keys(recipe.generate)],
    "select or generate",
  );
  if (student.tokenizer !== undefined)
    issues.push(...unknownName(at("tokenizer"), student.tokenizer, Object.keys(recipe.tokenizers), "tokenizers"));
  if (student.mask !== undefined) {
    issues.push(...unknownName(at("mask"), student.mask, Object.keys(recipe.masks), "masks"));
    if (student.selection in recipe.generate)
      issues.push(wrong(at("mask"), "text that the teacher wrote has no scores to mask it by", "leave mask out"));
    if (student.tokenizer !== undefined)
      issues.push(wrong(at("mask"), "a mask is for the tokens that were scored", "leave mask or tokenizer out"));
  }
  if (student.baseline !== undefined) {
    const others = recipe.students.filter((other) => other !== student).map(({ name }) => name);
    issues.push(...unknownName(at("baseline"), student.baseline, others, "the other students"));
  }
  const { flopsOf } = student.train;
  if (flopsOf !== undefined) {
    const others = recipe.students.filter((other) => other !== student && other.train.flopsOf === undefined);
    issues.push(
      ...unknownName(
        at("train", "flopsOf"),
        flopsOf,
        others.map(({ name }) => name),
        "students with a length of their own",
      ),
    );
  }
  if (student.distill !== undefined) issues.push(...distillIssues(recipe, i));
  return issues;
}

function distillIssues(recipe: Recipe, i: number): RecipeIssue[] {
  const { distill, tokenizer, selection } = recipe.students[i]!;
  const at = (...keys: string[]): Path => ["students", i, "distill", ...keys];
  const { from, onPolicy } = distill!;
  const issues = lossIssues(distill!, at());
  if (tokenizer !== undefined || recipe.teacher.tokenizer !== undefined)
    issues.push(
      wrong(
        at(),
        "a student learns a teacher's distributions only over the teacher's own tokens",
        "leave distill or tokenizer out: through a selection, any tokenizer can learn from the teacher",
      ),
    );
  if (from === "teacher" && !inProcess(recipe.teacher))
    issues.push(
      wrong(at("from"), "this teacher cannot read along: its weights are not in this process", "set from: store"),
    );
  if (onPolicy !== undefined && onPolicy.promptTokens >= recipe.pack.length)
    issues.push(
      wrong(
        at("onPolicy", "promptTokens"),
        `an instance has ${recipe.pack.length} tokens to predict`,
        "give a smaller number",
      ),
    );
  if (onPolicy !== undefined && selection in recipe.generate)
    issues.push(noEffect(at("onPolicy"), `on ${selection}, which the teacher wrote`));
  return issues;
}

/** What cannot be or has no effect in a distillation loss by itself. */
export function lossIssues(distill: DistillationRecipe, at: Path): RecipeIssue[] {
  const { from, topK, loss, coefficient, hidden, attention, onPolicy } = distill;
  const issues: RecipeIssue[] = [];
  if (from === "teacher" && topK !== undefined) issues.push(noEffect([...at, "topK"], "with from: teacher"));
  if (from === "store")
    for (const [key, value] of Object.entries({ hidden, attention, onPolicy }))
      if (value !== undefined)
        issues.push(
          wrong([...at, key], `${key} needs the teacher beside the student`, `set from: teacher, or leave ${key} out`),
        );
  if (coefficient !== undefined && COEFFICIENTS[loss] === undefined)
    issues.push(noEffect([...at, "coefficient"], `with loss: ${loss}`));
  if (onPolicy?.policyGradient && loss !== "reverse_kl")
    issues.push(
      wrong(
        [...at, "onPolicy", "policyGradient"],
        "policyGradient is the gradient of the reverse KL",
        "set loss: reverse_kl",
      ),
    );
  return issues;
}

/** Sections that several students share. */
function sharedIssues(recipe: Recipe): RecipeIssue[] {
  const issues: RecipeIssue[] = [];
  for (const name of Object.keys(recipe.generate)) {
    if (name in recipe.select)
      issues.push(wrong(["generate", name], `"${name}" stands under select too`, "choose another name"));
    if (!inProcess(recipe.teacher))
      issues.push(
        wrong(["generate", name], "only a teacher in this process writes text", "give the teacher as path or train"),
      );
    if (recipe.teacher.tokenizer !== undefined)
      issues.push(
        wrong(
          ["generate", name],
          "a teacher of another tokenizer cannot continue these instances",
          "leave generate out",
        ),
      );
  }
  for (const [name, { promptTokens, temperature, topK, topP }] of Object.entries(recipe.generate)) {
    if (promptTokens > recipe.pack.length)
      issues.push(
        wrong(
          ["generate", name, "promptTokens"],
          `an instance has ${recipe.pack.length + 1} tokens, the prompt included`,
          `give at most ${recipe.pack.length}, or raise pack.length`,
        ),
      );
    for (const [key, value] of Object.entries({ topK, topP }))
      if (temperature === 0 && value !== undefined) issues.push(noEffect(["generate", name, key], "at temperature 0"));
  }
  const used = (key: "selection" | "mask" | "tokenizer") => recipe.students.map((student) => student[key]);
  const tokenizers = [...used("tokenizer"), recipe.teacher.tokenizer, recipe.reference.tokenizer];
  for (const [section, names] of [
    ["generate", used("selection")],
    ["masks", used("mask")],
    ["tokenizers", tokenizers],
  ] as const)
    for (const name of Object.keys(recipe[section]))
      if (!names.includes(name)) issues.push(noEffect([section, name], "where nothing names it"));
  for (const role of ["teacher", "reference"] as const) {
    const { tokenizer } = recipe[role];
    if (tokenizer !== undefined)
      issues.push(...unknownName([role, "tokenizer"], tokenizer, Object.keys(recipe.tokenizers), "tokenizers"));
  }
  const masks = Object.keys(recipe.masks);
  if (masks.length > 0 && !recipe.score.perToken)
    issues.push({
      code: "HC4005",
      path: ["masks"],
      at: "key",
      what: "token masks need the score of every token",
      fix: "set score.perToken: true",
    });
  if (masks.length > 0 && tokenizers.slice(-2).some((name) => name !== undefined))
    issues.push(wrong(["masks"], "scores of single tokens do not compare across tokenizers", "leave masks out"));
  return issues;
}

/** Lengths that a training gives: more than one is a mistake. */
export function lengthsOf(train: object): string[] {
  return LENGTHS.filter((key) => (train as Record<string, unknown>)[key] !== undefined);
}
