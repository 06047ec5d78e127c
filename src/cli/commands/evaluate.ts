import { HeartcutError } from "../../errors.ts";
import { type Define, repeated, wholeNumber } from "../command.ts";
import type { HeldOutOptions } from "../evaluate/held_out.ts";
import type { TaskOptions } from "../evaluate/tasks.ts";
import type { JobContext, JobResult } from "../job.ts";

/** Options of `heartcut evaluate`, of both its forms. */
export type EvaluateOptions = Partial<
  Omit<HeldOutOptions, "models" | "device"> & Omit<TaskOptions, "models" | "device">
> & {
  models: string[];
  device?: string;
};

/** Options that belong to one form, by their key. */
const HELD_OUT = { baseline: "--baseline", documentBarrier: "--document-barrier", seed: "--seed" } as const;
const ON_TASKS = { data: "--data", limit: "--limit", fewshot: "--fewshot", batchTokens: "--batch-tokens" } as const;

export const define: Define = (program, start) => {
  program
    .command("evaluate")
    .argument("[models...]", "Hugging Face folders, also hf://…; each is called by the name of its folder")
    .description(
      "What models are worth: held-out loss on packed text, compared in pairs, or zero-shot results on tasks",
    )
    .option("-o, --out <folder>", "where evaluation.json and scores go; with --tasks a folder for each model")
    .option("--instances <folder>", "held-out instances, for example pack/heldout-pool of a run")
    .option("--tasks <names>", 'tasks with commas between, "all" nine of the MiniPLM paper, or "list" to see them')
    .option("--task-file <file>", "a task of your own, in YAML; may be given several times", repeated)
    .option(
      "--tokenizer <folder>",
      "tokenizer, where it is not the models' own; of instances: default the first model's",
    )
    .option("--baseline <name>", "with --instances: model the others are compared with; all pairs without it")
    .option("--document-barrier", "with --instances: keep the documents of an instance from seeing each other")
    .option("--seed <number>", "with --instances: for the bootstrap (default: 1)", wholeNumber(0))
    .option(
      "--data <folder>",
      "with --tasks: folder of the tasks' data files, also hf://…, or the file of the only task",
    )
    .option(
      "--fewshot <number>",
      "with --tasks: worked examples in front of each question (default: 0)",
      wholeNumber(0),
    )
    .option("--limit <number>", "with --tasks: first questions of each task only; for trying out", wholeNumber())
    .option("--batch-tokens <number>", "with --tasks: tokens computed at once", wholeNumber())
    .option("--device <device>", "cpu, cuda, webgpu or auto", "auto")
    .action((models: string[], options: Omit<EvaluateOptions, "models">) => start("evaluate", { models, ...options }));
};

/**
 * Evaluates models on held-out text or on tasks.
 * @throws HeartcutError HC4216 for neither or both, HC4217 without models or a folder for the results, HC4211 for an option of the
 *   other form; as evaluateHeldOut and evaluateTasksOfModels
 */
export async function execute(options: EvaluateOptions, context: JobContext): Promise<JobResult> {
  const { models, instances, tasks, taskFile, out, tokenizer, device = "auto" } = options;
  if ((instances !== undefined) === (tasks !== undefined || taskFile !== undefined)) throw oneForm(instances);
  if (instances === undefined) {
    refuseOthers(options, HELD_OUT, "--tasks");
    const on = await import("../evaluate/tasks.ts");
    if (tasks === "list") {
      refuseOthers(
        options,
        { ...ON_TASKS, out: "--out", taskFile: "--task-file", tokenizer: "--tokenizer" },
        "--tasks list",
      );
      if (models.length > 0)
        throw new HeartcutError("HC4211", { what: "models have no effect with --tasks list", fix: "leave them out" });
      return on.listTasks();
    }
    const { data, limit, fewshot, batchTokens } = options;
    const given = { tasks, taskFile, tokenizer, data, limit, fewshot, batchTokens, device };
    return on.evaluateTasksOfModels({ ...given, ...required(models, out) }, context);
  }
  refuseOthers(options, ON_TASKS, "--instances");
  const { evaluateHeldOut } = await import("../evaluate/held_out.ts");
  const { baseline, documentBarrier, seed = 1 } = options;
  return evaluateHeldOut(
    { instances, tokenizer, baseline, documentBarrier, seed, device, ...required(models, out) },
    context,
  );
}

function required(models: string[], out: string | undefined): { models: string[]; out: string } {
  if (models.length > 0 && out !== undefined) return { models, out };
  throw new HeartcutError("HC4217", {
    what: models.length === 0 ? "no model is named" : "no folder is named for the results",
    where: "heartcut evaluate",
    fix: models.length === 0 ? "give the folders of the models, or hf://owner/name" : "give --out FOLDER",
  });
}

function oneForm(instances: string | undefined): HeartcutError {
  return new HeartcutError("HC4216", {
    what:
      instances === undefined
        ? "nothing is said to evaluate the models on"
        : "models are evaluated on one thing at a time",
    where: "heartcut evaluate",
    found: instances === undefined ? "neither --instances nor --tasks" : "--instances and tasks",
    expected: "--instances FOLDER for held-out loss, or --tasks NAMES for zero-shot results",
    fix: "give one of them; `heartcut evaluate --tasks list` shows the tasks",
  });
}

function refuseOthers(options: EvaluateOptions, others: Readonly<Record<string, string>>, beside: string): void {
  for (const [key, option] of Object.entries(others))
    if (options[key as keyof EvaluateOptions] !== undefined)
      throw new HeartcutError("HC4211", { what: `${option} has no effect with ${beside}`, fix: "leave it out" });
}
