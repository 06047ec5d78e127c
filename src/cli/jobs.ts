import type { Job, JobContext, JobResult } from "./job.ts";

/** A command's module: its work takes the options that its definition collected. */
interface CommandModule<Options> {
  execute(options: Options, context: JobContext): Promise<JobResult>;
}

function job<Options>(load: () => Promise<CommandModule<Options>>) {
  return async (options: unknown, context: JobContext) => (await load()).execute(options as Options, context);
}

/** Every job by name; nothing is loaded before it is asked for. */
const JOBS: Record<string, (options: unknown, context: JobContext) => Promise<JobResult>> = {
  run: job(() => import("./commands/run.ts")),
  check: job(() => import("./commands/check.ts")),
  demo: job(() => import("./commands/demo.ts")),
  tokenizer: job(() => import("./commands/tokenizer.ts")),
  pack: job(() => import("./commands/pack.ts")),
  score: job(() => import("./commands/score.ts")),
  select: job(() => import("./commands/select.ts")),
  convert: job(() => import("./commands/convert.ts")),
  capture: job(() => import("./commands/capture.ts")),
  sequences: job(() => import("./commands/sequences.ts")),
  train: job(() => import("./commands/train.ts")),
  evaluate: job(() => import("./commands/evaluate.ts")),
  task: job(() => import("./commands/task.ts")),
  finetune: job(() => import("./commands/finetune.ts")),
  attribute: job(() => import("./commands/attribute.ts")),
  rationales: job(() => import("./commands/rationales.ts")),
  answer: job(() => import("./commands/answer.ts")),
  report: job(() => import("./commands/report.ts")),
  estimate: job(() => import("./commands/estimate.ts")),
  export: job(() => import("./commands/export.ts")),
  scaling: job(() => import("./commands/scaling.ts")),
  analyze: job(() => import("./commands/analyze.ts")),
  generate: job(() => import("./commands/generate.ts")),
  inspect: job(() => import("./commands/inspect.ts")),
  download: job(() => import("./commands/download.ts")),
  push: job(() => import("./commands/push.ts")),
  doctor: job(() => import("./commands/doctor.ts")),
  schema: job(() => import("./commands/schema.ts")),
};

/** Does a command's work in this thread. @throws whatever the command throws */
export async function executeJob({ command, options }: Job, context: JobContext): Promise<JobResult> {
  const execute = JOBS[command];
  if (execute === undefined) throw new TypeError(`no job named ${command}`);
  return execute(options, context);
}
