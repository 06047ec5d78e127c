import { stat } from "node:fs/promises";
import { guarded } from "../../formats/file_system.ts";
import { loadTokenizer, type Tokenizer } from "../../tokenizers/tokenizer.ts";
import { checkRationaleModels } from "../rationale/check_models.ts";
import type { RationaleRecipe } from "../rationale/recipe_schema.ts";
import { type Finding, fine, orFailure } from "./finding.ts";

/** Models, tokenizers and files of a recipe of token rationales. */
export async function rationaleFindings(recipe: RationaleRecipe): Promise<Finding[]> {
  return [
    ...(await orFailure("models", async () => {
      await checkRationaleModels(recipe);
      return [fine("models", `teacher and ${recipe.students.length} students can be built`)];
    })),
    ...(await orFailure("tokenizers", () => tokenizers(recipe))),
    ...(await files(recipe)),
  ];
}

/** Rationales pass as text: only distillation, which checkRationaleModels looks at, needs equal tokens. */
async function tokenizers({ teacher, students, tokenizer }: RationaleRecipe): Promise<Finding[]> {
  const own = tokenizer !== undefined && "path" in tokenizer ? tokenizer.path : undefined;
  const theirs = "path" in teacher ? teacher.path : (teacher.train.from ?? own);
  const folders = new Map(students.map(({ name, train }) => [name, train.from ?? own]));
  const opened = new Map<string, Tokenizer>();
  for (const folder of [theirs, ...folders.values()])
    if (folder !== undefined && !opened.has(folder)) opened.set(folder, await loadTokenizer(folder));
  const print = (folder: string | undefined) => (folder === undefined ? undefined : opened.get(folder)!.fingerprint);
  const others = [...folders].filter(([, folder]) => print(folder) !== print(theirs)).map(([name]) => name);
  return [
    others.length === 0
      ? fine("tokenizers", "teacher and students read the same tokens")
      : fine(
          "tokenizers",
          `tokens unlike the teacher's: ${others.join(", ")}; rationales pass as text, so that is fine`,
        ),
  ];
}

/** Everything outside the run that is read. */
async function files({ task, attribute }: RationaleRecipe): Promise<Finding[]> {
  const list = (paths: string | string[]) => [paths].flat();
  const named =
    "demo" in task
      ? []
      : [
          ...list(task.train),
          ...(typeof task.validation === "object" && "share" in task.validation ? [] : list(task.validation)),
          ...list(task.test),
        ];
  const scores = Object.values(attribute).flatMap(({ file }) => Object.values(file ?? {}));
  const paths = [...named, ...scores].filter((path) => path !== undefined);
  const missing: Finding[] = [];
  for (const path of paths)
    missing.push(
      ...(await orFailure("corpus", async () => {
        await guarded(path, "nothing was changed", () => stat(path));
        return [];
      })),
    );
  if (missing.length > 0) return missing;
  return [fine("corpus", paths.length === 0 ? "the task is made on the spot" : `all ${paths.length} files are there`)];
}
