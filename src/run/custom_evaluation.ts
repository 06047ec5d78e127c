import { z } from "zod";
import { closest } from "../did_you_mean.ts";
import { ANSWERS, type CustomEvaluation, customEvaluation } from "../evaluate/tasks/custom.ts";
import type { EvaluationTask } from "../evaluate/tasks/task.ts";
import { checked } from "./recipe_check.ts";
import type { RecipeIssue } from "./recipe_issues.ts";
import { RecipeSource, readRecipeText } from "./recipe_source.ts";

const text = z.string().min(1);

const shared = {
  name: text.describe("Names the task in results and reports"),
  description: text.optional().describe("What it asks, in a sentence"),
  version: z.union([z.number(), text]).optional().describe("Version of the task in results; 0 without it"),
  data: text.optional().describe("File of the questions, relative to this one: JSONL, CSV or Parquet"),
  examples: text.optional().describe("File of the worked examples, relative to this one"),
  context: text.describe('What the model reads, with fields of the rows: "Question: {question}\\nAnswer:"'),
  delimiter: z.string().optional().describe("Stands between context and answer; a space without it"),
};
const target = text.describe('The right text: "{answer}"');

/** A task of one's own for `evaluate`, as a file of its own describes it. */
export const customEvaluationSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("multiple_choice").describe("Which choice is likeliest?"),
    ...shared,
    choices: z
      .union([text, z.array(z.string())])
      .describe("The field that holds each row's own choices, or one template for each choice"),
    answer: text.describe("Field that names the right choice"),
    answerAs: z
      .enum(ANSWERS)
      .optional()
      .describe("How it does: index (from 0, the default), number (from 1), letter (A, B, …) or text"),
    metrics: z
      .array(z.enum(["acc", "acc_norm"]))
      .optional()
      .describe("Both without it"),
  }),
  z.strictObject({
    type: z.literal("cloze").describe("How likely is the right text?"),
    ...shared,
    target,
    metrics: z
      .array(z.enum(["perplexity", "acc"]))
      .optional()
      .describe("Both without it"),
  }),
  z.strictObject({
    type: z.literal("generate").describe("Does the model write the right text?"),
    ...shared,
    target,
    until: z.array(z.string()).optional().describe("Strings that end an answer; a blank line without it"),
    maxNewTokens: z.int().min(1).optional().describe("Most tokens of an answer; 256 without it"),
  }),
  z.strictObject({
    type: z.literal("rolling").describe("How likely is a text, from its first token on?"),
    name: shared.name,
    description: shared.description,
    version: shared.version,
    data: shared.data,
    text: text.describe('The text: "{text}"'),
    bos: z.boolean().optional().describe("Whether the tokenizer's own BOS stands in front of it; true without it"),
  }),
]) satisfies z.ZodType<CustomEvaluation>;

/**
 * The evaluation task that a YAML file describes.
 * @throws HeartcutError HC4000 … HC4009, each mistake with line and column; HC3520, HC3522 as customEvaluation
 */
export async function loadCustomEvaluation(file: string): Promise<EvaluationTask> {
  const source = new RecipeSource(file, await readRecipeText(file), []);
  return customEvaluation(
    checked(customEvaluationSchema, source, source.tree, () => [], { called: "the task file", refine: inTaskFile }),
    file,
  );
}

/** A mistyped key is one mistake, not an unknown key and a missing one; what is missing is told as it is written: "key: a text". */
function inTaskFile(issues: RecipeIssue[]): RecipeIssue[] {
  const isMissing = ({ code, path }: RecipeIssue) => code === "HC4005" && path.length === 1;
  const missing = new Set(issues.filter(isMissing).map(({ path }) => String(path[0])));
  const typos = issues.flatMap((issue): RecipeIssue[] => {
    const meant = issue.code === "HC4002" ? closest(String(issue.path.at(-1)), missing) : undefined;
    if (meant === undefined) return [];
    missing.delete(meant);
    return [{ ...issue, fix: `did you mean ${meant}?` }];
  });
  return issues.flatMap((issue) => {
    if (!isMissing(issue)) return typos.find(({ path }) => path === issue.path) ?? issue;
    const key = String(issue.path[0]);
    return missing.has(key) ? { ...issue, fix: issue.fix.replace(`write ${key} `, `write ${key}: `) } : [];
  });
}
