import { join } from "node:path";
import type { EvaluatedTasks } from "../../evaluate/tasks/evaluate_tasks.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";
import { modelNames } from "./model_names.ts";

/** Options of `heartcut evaluate --tasks`. */
export interface TaskOptions {
  models: string[];
  /** Names with commas between, or "all"; may be left out beside files. */
  tasks?: string | undefined;
  taskFile?: string[] | undefined;
  data?: string | undefined;
  tokenizer?: string | undefined;
  limit?: number | undefined;
  fewshot?: number | undefined;
  batchTokens?: number | undefined;
  out: string;
  device: string;
}

/** Evaluates models on tasks, one folder each. @throws HeartcutError HC4204 as modelNames, HC3501 for an unknown task; as evaluateOnTasks of run/ */
export async function evaluateTasksOfModels(options: TaskOptions, context: JobContext): Promise<JobResult> {
  const { localArguments } = await import("../hub_arguments.ts");
  const { deviceChoice } = await import("../device_option.ts");
  const { evaluateOnTasks } = await import("../../run/evaluate_on_tasks.ts");
  const { folderName } = await import("../../evaluate/tasks/results_layout.ts");
  const { averageOf, modelsTable, resultsText } = await import("../../evaluate/tasks/results_table.ts");
  const names = await modelNames(options.models);
  const { tasksOf } = await import("../../run/asked_tasks.ts");
  const named = options.tasks === "all" ? "all" : (options.tasks?.split(",").map((name) => name.trim()) ?? []);
  const tasks = await tasksOf(named, options.taskFile ?? []);
  const local = await localArguments(context, {
    models: ["model", options.models],
    data: ["files", options.data],
    tokenizer: ["tokenizer", options.tokenizer],
  });
  const { limit, fewshot, batchTokens, out } = options;
  const { data, tokenizer } = local;
  const device = deviceChoice(options.device);
  const results: (EvaluatedTasks & { folder: string })[] = [];
  for (const [i, name] of names.entries()) {
    const model = local.models[i]!;
    const folder = join(out, folderName(name));
    const stage = { stage: `evaluate ${name}`, ...context };
    const input = {
      model,
      tokenizer: tokenizer ?? model,
      name,
      tasks,
      data,
      limit,
      fewshot,
      batchTokens,
      folder,
      device,
    };
    results.push({ ...(await evaluateOnTasks(input, stage)), folder });
  }
  return {
    text: [...results.map(resultsText), ...(results.length > 1 ? [`main metrics:\n${modelsTable(results)}`] : [])].join(
      "\n\n",
    ),
    data: { models: results.map((result) => ({ ...result, average: averageOf(result.tasks) ?? null })) },
  };
}

/** The tasks that are known by name, and where their data are to be had. */
export async function listTasks(): Promise<JobResult> {
  const { TASKS } = await import("../../evaluate/tasks/registry.ts");
  const { ENDINGS, usualNames } = await import("../../evaluate/tasks/data_files.ts");
  const tasks = TASKS.map((task) => {
    const { name, version, description, dataset, metrics } = task;
    const { beside, inside } = usualNames(task, "questions");
    return {
      name,
      version,
      description,
      metrics,
      chance: dataset?.chance,
      dataset: dataset && [dataset.path, dataset.name].filter((part) => part !== undefined).join(", "),
      split: dataset?.split,
      questions: dataset?.questions,
      exampleSplit: dataset?.exampleSplit ?? dataset?.split,
      files: [...beside, ...inside.map((stem) => `${name}/${stem}`)],
      note: dataset?.note,
    };
  });
  const blocks = tasks.map((task) =>
    [
      `${task.name}  ${task.description}`,
      `  metrics  ${task.metrics.join(", ")}${task.chance === undefined ? "" : `; by chance ${task.chance}`}`,
      `  data     ${task.split} split of huggingface.co/datasets/${task.dataset}, ${formatCount(task.questions ?? 0)} questions; worked examples: ${task.exampleSplit}${task.note === undefined ? "" : `; ${task.note}`}`,
      `  files    ${task.files.join(", ")}`,
    ].join("\n"),
  );
  const endings = `each file as .${ENDINGS.join(", .")}; in a folder TASK/ also under the names that stand alone`;
  return { text: [...blocks, endings].join("\n"), data: { tasks, endings: ENDINGS } };
}
