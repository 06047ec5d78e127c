import type { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { type RecipeIssue, schemaIssues } from "./recipe_issues.ts";
import type { RecipePath, RecipeSource } from "./recipe_source.ts";

/** How a file that is not a recipe is checked. */
export interface CheckedFile {
  /** What messages call it. */
  readonly called: string;
  /** Says its mistakes in the form that suits it. */
  readonly refine: (issues: RecipeIssue[]) => RecipeIssue[];
}

const RECIPE: CheckedFile = { called: "the recipe", refine: (issues) => issues };

/**
 * A recipe's tree as its schema has it.
 * @param further - mistakes that no single key shows   @param kind - where it is not a recipe   @throws HeartcutError HC4002 … HC4009, each mistake with its place
 */
export function checked<T>(
  schema: z.ZodType<T>,
  source: RecipeSource,
  tree: unknown,
  further: (value: T) => RecipeIssue[],
  kind = RECIPE,
): T {
  const parsed = schema.safeParse(tree);
  const found = parsed.success ? further(parsed.data) : schemaIssues(schema, tree);
  const issues = kind.refine(onceShared(found, source.tree));
  if (issues.length > 0) throw recipeError(source, issues, kind);
  return parsed.data!;
}

function recipeError(source: RecipeSource, issues: readonly RecipeIssue[], { called }: CheckedFile): HeartcutError {
  const [first] = issues;
  if (issues.length === 1 && first !== undefined) {
    return new HeartcutError(first.code, {
      what: first.what,
      where: source.where(first.path, first.at),
      fix: first.fix,
    });
  }
  return new HeartcutError("HC4009", {
    what: `${called} has ${issues.length} mistakes`,
    where: source.file,
    found: issues.map((issue) => `${source.where(issue.path, issue.at)}  ${issue.what}; ${issue.fix}`).join("\n"),
    fix: "mend each of them",
  });
}

/** Keys that say how long a training is. */
export const LENGTHS: readonly string[] = ["tokens", "steps", "epochs", "flops", "flopsOf"];

/** Puts what stands under `student` into every student; a student's own keys win, two levels deep (train.batch as a whole). */
export function withSharedStudent(tree: unknown): unknown {
  if (!isMap(tree) || !isMap(tree.student) || !Array.isArray(tree.students)) return tree;
  const { student: shared, ...rest } = tree;
  const students = tree.students.map((own: unknown) => {
    if (!isMap(own)) return own;
    const both = { ...shared, ...own };
    if (!isMap(shared.train) || !isMap(own.train)) return both;
    // A student that says how long it trains does not mean the others' length as well.
    const lengthOfItsOwn = LENGTHS.some((key) => Object.hasOwn(own.train as object, key));
    const train = Object.entries(shared.train).filter(([key]) => !(lengthOfItsOwn && LENGTHS.includes(key)));
    return { ...both, train: { ...Object.fromEntries(train), ...own.train } };
  });
  return { ...rest, students };
}

/** Mistakes with those of what students share told once, where it was written. @param written - the tree before it was shared out */
function onceShared(issues: readonly RecipeIssue[], written: unknown): RecipeIssue[] {
  const placed = issues.map((issue): RecipeIssue => {
    const [students, i, ...rest] = issue.path;
    if (students !== "students" || rest.length === 0 || !isMap(written)) return issue;
    const shared = ["student", ...rest];
    if (depthOf(written, shared) - 1 <= depthOf(written, issue.path) - 2) return issue;
    const said = (text: string) => text.replaceAll(new RegExp(`\\bstudents\\.${i}\\b`, "g"), "student");
    return { ...issue, path: shared, what: said(issue.what), fix: said(issue.fix) };
  });
  return [...new Map(placed.map((issue) => [JSON.stringify([issue.path, issue.what]), issue])).values()];
}

/** How many keys of a path are there. */
function depthOf(tree: unknown, path: RecipePath): number {
  let there = tree;
  for (const [depth, key] of path.entries()) {
    if (!(isMap(there) || Array.isArray(there)) || !Object.hasOwn(there, key)) return depth;
    there = (there as Record<string | number, unknown>)[key];
  }
  return path.length;
}

/** Whether a value is a map of keys. */
export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
