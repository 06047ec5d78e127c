import { basename, dirname } from "node:path";
import { HeartcutError } from "../../errors.ts";
import { type Define, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";

/** Options of `heartcut inspect`. */
export interface InspectOptions {
  path: string;
  rows: number;
}

export const define: Define = (program, start) => {
  program
    .command("inspect")
    .argument(
      "<path>",
      "folder of a run, model, training, tokenizer, instances, scores, selection, token mask, bytes, teacher outputs, sequences, task, attributions, rationales or evaluation; .bin/.idx, .safetensors, .parquet, .jsonl (predictions, examples) or training.json",
    )
    .description("Show what a folder or file holds")
    .option("-n, --rows <number>", "rows, tensors, tokens or instances shown", wholeNumber(0), 10)
    .action((path: string, options: Omit<InspectOptions, "path">) => start("inspect", { path, ...options }));
};

/** Tells what stands at a path. @throws HeartcutError HC4205 for something else */
export async function execute({ path: given, rows }: InspectOptions, context: JobContext): Promise<JobResult> {
  const { resolveSource } = await import("../../hub/reference.ts");
  const { localArguments } = await import("../hub_arguments.ts");
  const source = resolveSource(given);
  const file = source.kind === "hub" && (source.type === "dataset" || /\.\w+$/.test(source.path));
  const { path } = await localArguments(context, { path: [file ? "files" : "model", given] });
  const { holds } = await import("../holds.ts");
  const data = await import("../inspect/data.ts");
  const records = await import("../inspect/records.ts");
  const { inspectEvaluation } = await import("../inspect/evaluation.ts");
  const { inspectRun } = await import("../inspect/run.ts");
  const { inspectSelection } = await import("../inspect/selection.ts");
  const { inspectTeacherOutputs } = await import("../inspect/teacher_outputs.ts");
  const { inspectTraining, inspectUnfinished } = await import("../inspect/training.ts");
  const { inspectTokenizer } = await import("../inspect/tokenizer.ts");
  if (path.endsWith(".parquet")) return data.inspectParquet(path, rows);
  if (path.endsWith(".safetensors")) return data.inspectTensors(path, rows);
  if (/\.(bin|idx)$/.test(path)) return data.inspectInstances(path.replace(/\.(bin|idx)$/, ""), dirname(path), rows);
  if (/\.jsonl(\.gz|\.zst)?$/.test(path)) return records.inspectJsonl(path, rows);
  if (/^tokenizer\.json(\.gz)?$/.test(basename(path))) return inspectTokenizer(path, rows);
  if (basename(path) === "training.json") return inspectTraining(path);
  if (await holds(path, "run.json")) return inspectRun(path);
  const unfinished = await inspectUnfinished(path);
  if (unfinished !== undefined) return unfinished;
  if (await holds(path, "config.json")) return data.inspectTensors(path, rows);
  // Sequences are instances too.
  const outputs = (await inspectTeacherOutputs(path, rows)) ?? (await inspectSelection(path));
  if (outputs !== undefined) return outputs;
  if (await holds(path, "data_0.idx")) return data.inspectInstances(path, path, rows);
  if ((await holds(path, "tokenizer.json")) || (await holds(path, "tokenizer.json.gz")))
    return inspectTokenizer(path, rows);
  const splits = await records.splitRecords(path);
  if (splits !== undefined) return records.inspectSplits(path, splits, rows);
  const evaluation = await inspectEvaluation(path);
  if (evaluation !== undefined) return evaluation;
  throw new HeartcutError("HC4205", {
    what: "nothing here that heartcut makes",
    where: path,
    expected:
      "the folder of a run, a model, a training, a tokenizer, instances, scores, a selection, a token mask, bytes, teacher outputs, sequences, a task, attributions, rationales or an evaluation, or a .safetensors, .parquet, .jsonl or training.json file",
    fix: "check the path",
  });
}
