import { stringify } from "yaml";
import { closest } from "../did_you_mean.ts";
import { distillationIssues, lengthsOf, lossIssues } from "./distillation_issues.ts";
import { strayModelKeys } from "./model_keys.ts";
import { checked, isMap, withSharedStudent } from "./recipe_check.ts";
import { noEffect, type RecipeIssue, unknownKey } from "./recipe_issues.ts";
import {
  type Recipe,
  ROLES,
  recipeSchema,
  type StandaloneTraining,
  standaloneTrainingSchema,
  type TrainingSettings,
} from "./recipe_schema.ts";
import { formatPath, RecipeSource, readRecipeText } from "./recipe_source.ts";

/**
 * Reads a recipe file and applies overrides such as "select.difference.ratio=0.3", whose values are YAML.
 * @throws HeartcutError HC4000 … HC4009, each mistake with file, line and column
 */
export async function loadRecipe(file: string, overrides: readonly string[] = []): Promise<Recipe> {
  return parseRecipe(file, await readRecipeText(file), overrides);
}

/** As loadRecipe, from text. @param file - name used in messages */
export function parseRecipe(file: string, text: string, overrides: readonly string[] = []): Recipe {
  const source = new RecipeSource(file, text, overrides);
  const tree = withSharedStudent(source.tree);
  return checked(recipeSchema, source, tree, (recipe) => crossIssues(recipe, tree));
}

/**
 * Reads the settings of one training from a file: what stands under `train` in a recipe, and `distill` as a student has it.
 * @throws HeartcutError as loadRecipe
 */
export async function loadTraining(file: string, overrides: readonly string[] = []): Promise<StandaloneTraining> {
  const source = new RecipeSource(file, await readRecipeText(file), overrides);
  return checked(standaloneTrainingSchema, source, source.tree, (train) => [
    ...trainingIssues(train, []),
    ...(train.distill === undefined ? [] : lossIssues(train.distill, ["distill"])),
    ...(train.distill?.from === "store" && train.distill.topK !== undefined
      ? [noEffect(["distill", "topK"], "on a store that is there already")]
      : []),
  ]);
}

/** The resolved recipe as YAML, every default written out. */
export function formatRecipe(recipe: object): string {
  return stringify(recipe, { lineWidth: 120, aliasDuplicateObjects: false });
}

/** What no single key can get wrong: references between parts, and options without effect. */
function crossIssues(recipe: Recipe, written: unknown): RecipeIssue[] {
  const issues: RecipeIssue[] = [];
  const refer = (path: (string | number)[], name: string, known: readonly string[], section: string) => {
    if (known.includes(name)) return;
    const guess = closest(name, known);
    issues.push({
      code: "HC4006",
      path,
      at: "value",
      what: `${formatPath(path)} names "${name}", which is not under ${section}`,
      fix: guess ? `did you mean ${guess}?` : `known there: ${known.join(", ")}`,
    });
  };
  const tags = "demo" in recipe.corpus ? ["quality", "kind"] : recipe.corpus.tags;
  const checkWhere = (where: Record<string, string[]> | undefined, path: (string | number)[]) => {
    for (const key of Object.keys(where ?? {})) refer([...path, "where", key], key, ["source", ...tags], "corpus.tags");
  };
  if ("path" in recipe.corpus && recipe.corpus.format === "text") {
    for (const key of ["text", "id", "source"]) {
      if (isMap(written) && isMap(written.corpus) && Object.hasOwn(written.corpus, key))
        issues.push(noEffect(["corpus", key], "with format: text"));
    }
  }
  // A resolved recipe has the default written out.
  if (recipe.convert.overflow !== "drop" && recipe.students.every((s) => s.tokenizer === undefined))
    issues.push(noEffect(["convert"], "where no student has a tokenizer of its own"));
  for (const [name, selection] of Object.entries(recipe.select)) {
    const budgets = ["ratio", "tokens", "threshold"].filter(
      (key) => selection[key as keyof typeof selection] !== undefined,
    );
    for (const extra of budgets.slice(1)) issues.push(noEffect(["select", name, extra], `beside ${budgets[0]}`));
  }
  if ("train" in recipe.tokenizer) checkWhere(recipe.tokenizer.train.where, ["tokenizer", "train"]);
  for (const role of ROLES) {
    const source = recipe[role];
    if (!("train" in source)) continue;
    issues.push(...trainingIssues(source.train, [role, "train"]));
    checkWhere(source.train.where, [role, "train"]);
  }
  for (const [name, set] of Object.entries(recipe.evaluate.sets)) checkWhere(set.where, ["evaluate", "sets", name]);

  const names = recipe.students.map((student) => student.name);
  recipe.students.forEach((student, i) => {
    issues.push(...trainingIssues(student.train, ["students", i, "train"]));
    if (ROLES.some((role) => role === student.name))
      issues.push({
        code: "HC4006",
        path: ["students", i, "name"],
        at: "value",
        what: `no student can be called "${student.name}": the evaluation names the ${student.name} so`,
        fix: "choose another name",
      });
    if (names.indexOf(student.name) < i)
      issues.push({
        code: "HC4006",
        path: ["students", i, "name"],
        at: "value",
        what: `two students are called "${student.name}"`,
        fix: "give each its own name; seeds of one student go into its seeds",
      });
    if (new Set(student.seeds).size < student.seeds.length)
      issues.push(noEffect(["students", i, "seeds"], "where a seed is repeated"));
  });
  if (recipe.evaluate.baseline !== undefined)
    refer(["evaluate", "baseline"], recipe.evaluate.baseline, names, "students");
  return [...issues, ...distillationIssues(recipe), ...analysisIssues(recipe), ...taskIssues(recipe)];
}

/** Embeddings are those of a model whose weights are here and which reads the pool's own tokens. */
function analysisIssues({ analyze, ...recipe }: Recipe): RecipeIssue[] {
  const role = analyze?.embedder;
  if (role === undefined) return [];
  const source = recipe[role];
  const fault = (what: string): RecipeIssue[] => [
    { code: "HC4006", path: ["analyze", "embedder"], at: "value", what, fix: "name the other model, or none" },
  ];
  if (!("train" in source || "path" in source))
    return fault(`the ${role} has no hidden states here: it is asked from outside`);
  return source.tokenizer === undefined ? [] : fault(`the ${role} reads other tokens than the pool is in`);
}

function taskIssues({ evaluate: { tasks } }: Recipe): RecipeIssue[] {
  if (tasks?.names?.length !== 0 || tasks.own.length > 0) return [];
  return [
    {
      code: "HC4006",
      path: ["evaluate", "tasks", "names"],
      at: "value",
      what: "evaluate.tasks asks nothing: it names no task and brings none along",
      fix: "name tasks, or remove evaluate.tasks",
    },
  ];
}

/** What no single key of a training can get wrong. */
function trainingIssues(train: TrainingSettings, path: (string | number)[]): RecipeIssue[] {
  const issues: RecipeIssue[] = [];
  const at = path.length === 0 ? "the training" : formatPath(path);
  const lengths = lengthsOf(train);
  if (lengths.length === 0) {
    issues.push({
      code: "HC4005",
      path,
      at: "key",
      what: `${at} does not say how long`,
      fix: "write one of tokens, steps, epochs, flops",
    });
  }
  for (const extra of lengths.slice(1)) issues.push(noEffect([...path, extra], `beside ${lengths[0]}`));
  const { warmupSteps, warmupShare } = train.optimizer;
  if (warmupSteps !== undefined && warmupShare !== undefined) {
    issues.push(noEffect([...path, "optimizer", "warmupShare"], "beside warmupSteps"));
  }
  const { instances, microBatch } = train.batch;
  if (microBatch !== undefined && microBatch > instances) {
    issues.push(noEffect([...path, "batch", "microBatch"], `above batch.instances (${instances})`));
  }
  for (const { path: key, known } of strayModelKeys(train.model))
    issues.push(unknownKey([...path, "model", ...key], known));
  if (typeof train.model.model_type !== "string") {
    issues.push({
      code: "HC4005",
      path: [...path, "model"],
      at: "key",
      what: `${at}: model.model_type is missing`,
      fix: "write the architecture's name, for example model_type: llama",
    });
  }
  return issues;
}
