import { checkpointSignal, type StageContext } from "../progress.ts";
import { writeTaskEvaluation } from "./task_comparison_files.ts";
import type { TaskEvaluation } from "./task_comparison_record.ts";
import { comparePair, planTaskComparisons, type TaskComparisonInput } from "./task_comparisons.ts";
import type { StudentTasks } from "./task_study.ts";
import type { ModelTasks } from "./tasks/record.ts";

/** Input of the comparison of students on tasks, as folders of results. */
export interface EvaluateTaskScoresInput extends Pick<TaskComparisonInput, "baseline" | "seed" | "resamples"> {
  students: readonly (Omit<StudentTasks, "tasks"> & { folder: string })[];
  /** Further models, such as the teacher: shown, and compared with nothing. */
  others?: readonly { model: string; folder: string }[];
  /** Path of tasks.json. */
  output: string;
  /** Reads a model's folder of results. */
  read: (folder: string) => Promise<ModelTasks>;
}

/**
 * Reads what the models did on the tasks, compares the students, and writes tasks.json.
 * @throws HeartcutError HC3206, HC3580-HC3585 as compareTasks; HC1001-HC1005; whatever `read` throws
 */
export async function evaluateTaskScores(
  input: EvaluateTaskScoresInput,
  context: StageContext,
): Promise<TaskEvaluation> {
  const { students, others = [], output, read, ...options } = input;
  const asked: StudentTasks[] = [];
  for (const { folder, ...student } of students) {
    await checkpointSignal(context);
    asked.push({ ...student, tasks: await read(folder) });
  }
  const shown: { model: string; tasks: ModelTasks }[] = [];
  for (const { folder, model } of others) shown.push({ model, tasks: await read(folder) });
  const { study, scores, pairs } = planTaskComparisons({ students: asked, others: shown, ...options });
  const comparisons: TaskEvaluation["comparisons"] = [];
  for (const [done, pair] of pairs.entries()) {
    await checkpointSignal(context);
    comparisons.push(...comparePair(study, pair, options));
    const { stage } = context;
    context.report({ type: "progress", stage, done: done + 1, total: pairs.length, unit: "pairs of students" });
  }
  const evaluation: TaskEvaluation = { ...scores, comparisons };
  await writeTaskEvaluation(output, evaluation);
  return evaluation;
}
