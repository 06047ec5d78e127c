import { HeartcutError } from "../errors.ts";
import { findExamples, findQuestions } from "../evaluate/tasks/data_files.ts";
import { TASKS, taskNamed } from "../evaluate/tasks/registry.ts";
import { type EvaluationTask, isLikelihoodTask, type LikelihoodTask } from "../evaluate/tasks/task.ts";
import { sha256File } from "../formats/publish.ts";
import { loadCustomEvaluation } from "./custom_evaluation.ts";
import type { Recipe } from "./recipe_schema.ts";
import type { InputFile } from "./stage.ts";

type TaskSettings = NonNullable<Recipe["evaluate"]["tasks"]>;

/** Known tasks by name, then those that YAML files describe. @throws HeartcutError HC3501 for an unknown name; as loadCustomEvaluation */
export async function tasksOf(names: readonly string[] | "all", files: readonly string[]): Promise<EvaluationTask[]> {
  const tasks: EvaluationTask[] = names === "all" ? [...TASKS] : names.map(taskNamed);
  for (const file of files) tasks.push(await loadCustomEvaluation(file));
  return tasks;
}

/** The tasks that a recipe names, its own included; none without settings. @throws HeartcutError as loadCustomEvaluation; HC4012 as tasksDuring */
export async function askedTasks(settings: TaskSettings | undefined): Promise<EvaluationTask[]> {
  if (settings === undefined) return [];
  const { names = "all", own } = settings;
  const asked = await tasksOf(names, own);
  tasksDuring(settings, asked);
  return asked;
}

/** Those that are also asked while students train. @throws HeartcutError HC4012 for a name that is no asked task, or a task of another kind than LikelihoodTask */
export function tasksDuring({ during }: TaskSettings, asked: readonly EvaluationTask[]): LikelihoodTask[] {
  if (during === undefined) return [];
  const names = during.names ?? asked.map(({ name }) => name);
  return names.map((name) => {
    const task = asked.find((each) => each.name === name);
    if (task !== undefined && isLikelihoodTask(task)) return task;
    throw new HeartcutError("HC4012", {
      what:
        task === undefined
          ? "a task to be asked during training is not asked at all"
          : "a task of whole texts, or that has a model write, cannot be asked during training",
      where: "evaluate.tasks.during.names",
      found: name,
      expected: asked.flatMap((each) => (isLikelihoodTask(each) ? [each.name] : [])).join(", "),
      fix: "name some of these",
    });
  });
}

/** What the tasks are read from, hashed. @throws HeartcutError HC3502, HC3503 for data that are not there */
export async function taskFiles(
  tasks: readonly EvaluationTask[],
  { data, fewshot }: TaskSettings,
): Promise<InputFile[]> {
  const files: InputFile[] = [];
  for (const task of tasks) {
    const questions = await findQuestions(task, data);
    files.push({ name: `tasks/${task.name}`, ...(await sha256File(questions)) });
    if (fewshot === 0) continue;
    const examples = await findExamples(task, { data, examples: undefined, questions, count: fewshot });
    files.push({ name: `tasks/${task.name}/examples`, ...(await sha256File(examples)) });
  }
  return files;
}
