import { join } from "node:path";
import { studentModel } from "../../evaluate/evaluate.ts";
import { evaluateTaskScores } from "../../evaluate/evaluate_task_scores.ts";
import { readModelTasks } from "../../evaluate/tasks/results_files.ts";
import { evaluateOnTasks } from "../evaluate_on_tasks.ts";
import { type Recipe, ROLES } from "../recipe_schema.ts";
import type { InputFile, Json, Stage } from "../stage.ts";
import { studentFolder, studentOf } from "./models.ts";
import {
  modelFolder,
  type Role,
  type RunInputs,
  readsTokenizer,
  taskDataPlace,
  tokenizerFiles,
  tokenizerFolder,
} from "./run_inputs.ts";
import { modelReads } from "./scoring.ts";

type Trained = { readonly name: string; readonly seed: number };

/** Students, teacher and reference answer the tasks, and students are compared; nothing where the recipe names no tasks. */
export function taskStages(run: RunInputs, students: readonly Trained[]): Stage[] {
  if (run.recipe.evaluate.tasks === undefined) return [];
  return [
    ...students.map((student) => studentTasksStage(run, student)),
    ...rolesAsked(run).map((role) => roleTasksStage(run, role)),
    taskComparisonStage(run, students),
  ];
}

/** Folder of a model's answers below the run folder, and name of its stage. */
export function tasksFolder(model: string): string {
  return `tasks/${model}`;
}

/** Teacher and reference, where their weights are in this process: tasks are asked of no server. */
export function rolesAsked(run: RunInputs): Role[] {
  return ROLES.filter((role) => modelFolder(run, role) !== undefined);
}

function studentTasksStage(run: RunInputs, { name, seed }: Trained): Stage {
  const trained = studentFolder(name, seed);
  return answersStage(run, {
    model: studentModel(name, seed),
    folder: join(run.folder, trained),
    tokenizer: studentOf(run, name).tokenizer,
    reads: [trained],
    files: [],
  });
}

function roleTasksStage(run: RunInputs, role: Role): Stage {
  return answersStage(run, {
    model: role,
    folder: modelFolder(run, role)!,
    tokenizer: run.recipe[role].tokenizer,
    reads: modelReads(run, role),
    files: run.files[role],
  });
}

interface Asked {
  /** What results call it. */
  model: string;
  folder: string;
  tokenizer: string | undefined;
  /** Stages and files that the model comes from. */
  reads: readonly string[];
  files: readonly InputFile[];
}

function answersStage(run: RunInputs, { model, folder, tokenizer, reads, files }: Asked): Stage {
  const { recipe } = run;
  const { limit, fewshot } = recipe.evaluate.tasks!;
  return {
    name: tasksFolder(model),
    version: 1,
    settings: { tasks: describeTasks(run), limit, fewshot, device: recipe.device },
    reads: [...reads, ...readsTokenizer(run, tokenizer)],
    files: [...files, ...tokenizerFiles(run, tokenizer), ...run.files.tasks],
    outputs: [tasksFolder(model)],
    run: async (context) => {
      await evaluateOnTasks(
        {
          model: folder,
          name: model,
          tokenizer: tokenizerFolder(run, tokenizer),
          tasks: run.tasks,
          data: taskDataPlace(run),
          limit,
          fewshot,
          device: recipe.device,
          folder: join(run.folder, tasksFolder(model)),
        },
        context,
      );
      return {};
    },
  };
}

function describeTasks({ tasks }: RunInputs): Json {
  return tasks.map(({ name, version, definition }) => ({ name, version, definition: definition as Json | undefined }));
}

/** The students' main figures over seeds, and each student against its baseline. */
function taskComparisonStage(run: RunInputs, students: readonly Trained[]): Stage {
  const { recipe, folder } = run;
  const { baseline } = recipe.evaluate;
  const baselines: Record<string, string | undefined> = Object.fromEntries(
    recipe.students.map((student: Recipe["students"][number]) => [student.name, student.baseline]),
  );
  const roles = rolesAsked(run);
  const at = (model: string) => join(folder, tasksFolder(model));
  return {
    name: "evaluate/tasks",
    version: 2,
    settings: { ...(baseline !== undefined && { baseline }), baselines, seed: recipe.seed },
    reads: [...students.map(({ name, seed }) => studentModel(name, seed)), ...roles].map(tasksFolder),
    outputs: ["evaluate/tasks.json"],
    run: async (context) => {
      await evaluateTaskScores(
        {
          students: students.map(({ name, seed }) => ({
            name,
            seed,
            folder: at(studentModel(name, seed)),
            ...(baselines[name] !== undefined && { baseline: baselines[name] }),
          })),
          others: roles.map((role) => ({ model: role, folder: at(role) })),
          ...(baseline !== undefined && { baseline }),
          seed: recipe.seed,
          output: join(folder, "evaluate/tasks.json"),
          read: readModelTasks,
        },
        context,
      );
      return {};
    },
  };
}
