import { findExamples, findQuestions } from "../../evaluate/tasks/data_files.ts";
import { askedTasks } from "../asked_tasks.ts";
import type { Recipe } from "../recipe_schema.ts";
import { type Finding, fine, orFailure } from "./finding.ts";

/** Whether the tasks that a recipe names are known and their data there. */
export async function taskFindings({ evaluate: { tasks } }: Recipe): Promise<Finding[]> {
  if (tasks === undefined) return [];
  return orFailure("tasks", async () => {
    const asked = await askedTasks(tasks);
    for (const task of asked) {
      const questions = await findQuestions(task, tasks.data);
      if (tasks.fewshot > 0)
        await findExamples(task, { data: tasks.data, examples: undefined, questions, count: tasks.fewshot });
    }
    return [
      fine("tasks", `the data of ${asked.length} tasks are there`, { found: asked.map(({ name }) => name).join(", ") }),
    ];
  });
}
