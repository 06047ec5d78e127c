import { loadCustomTask } from "../run/rationale/custom_task.ts";
import { taskNamed } from "../tasks/registry.ts";
import type { Task } from "../tasks/task.ts";
import { requireContent } from "./yaml_kind.ts";

/** The task of a name, or of a YAML file that describes one. @throws HeartcutError HC6010, HC6043; as loadCustomTask */
export async function readTask(argument: string): Promise<Task> {
  if (!/\.ya?ml$/.test(argument)) return taskNamed(argument);
  await requireContent(argument, "task");
  return loadCustomTask(argument);
}
