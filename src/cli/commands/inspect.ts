import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { HeartcutError, printable } from "../../errors.ts";
import type { RunSummary } from "../../run/record.ts";
import { type Define, wholeNumber } from "../command.ts";
import type { JobContext, JobResult } from "../job.ts";
import { formatBytes, formatCount, formatSeconds } from "../terminal.ts";

/** Options of `heartcut inspect`. */
export interface InspectOptions {
  path: string;
  rows: number;
}

export const define: Define = (program, start) => {
  program
    .command("inspect")
    .argument("<path>", "run folder, model folder, folder of instances, .bin/.idx, .safetensors or .parquet")
    .description("Show what a folder or file holds")
    .option("-n, --rows <number>", "rows, tensors or instances shown", wholeNumber(0), 10)
    .action((path: string, options: Omit<InspectOptions, "path">) => start("inspect", { path, ...options }));
};

/** Tells what stands at a path. @throws HeartcutError HC4205 for something else */
export async function execute({ path, rows }: InspectOptions, _context: JobContext): Promise<JobResult> {
  const { isMissing } = await import("../../formats/file_system.ts");
  const holds = (name: string) =>
    stat(join(path, name)).then(
      () => true,
      (error: unknown) => {
        if (isMissing(error)) return false;
        throw error;
      },
    );
  if (path.endsWith(".parquet")) return inspectParquet(path, rows);
  if (path.endsWith(".safetensors")) return inspectTensors(path, rows);
  if (/\.(bin|idx)$/.test(path)) return inspectInstances(path.replace(/\.(bin|idx)$/, ""), dirname(path), rows);
  if (await holds("run.json")) return inspectRun(path);
  if (await holds("config.json")) return inspectTensors(path, rows);
  if (await holds("data_0.idx")) return inspectInstances(path, path, rows);
  throw new HeartcutError("HC4205", {
    what: "nothing here that heartcut makes",
    where: path,
    expected: "a run folder, a model folder, instances, or a .safetensors or .parquet file",
    fix: "check the path",
  });
}

async function inspectRun(folder: string): Promise<JobResult> {
  const { readJsonFile } = await import("../../formats/json_file.ts");
  const run = (await readJsonFile(join(folder, "run.json"), { wholeNumbers: "rounded" })) as unknown as RunSummary;
  const lines = run.stages.map(({ stage, seconds, files }) => {
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    return `${stage.padEnd(28)} ${formatSeconds(seconds).padStart(10)} ${formatBytes(bytes).padStart(9)}  ${files.length} files`;
  });
  const { documents, tokens, instances } = run.corpus;
  const head = `run ${run.name}, seed ${run.seed}, heartcut ${run.heartcutVersion}`;
  const corpus = `${formatCount(documents)} documents, ${formatCount(tokens)} tokens, ${formatCount(instances)} instances`;
  return { text: printable([head, corpus, ...lines].join("\n")), data: run };
}

async function inspectTensors(path: string, rows: number): Promise<JobResult> {
  const { openSafetensors } = await import("../../formats/safetensors.ts");
  const reader = await openSafetensors(path);
  try {
    const tensors = [...reader.tensors].map(([name, { dtype, shape, bytes }]) => ({ name, dtype, shape, bytes }));
    const parameters = tensors.reduce((sum, { shape }) => sum + shape.reduce((size, n) => size * n, 1), 0);
    const lines = tensors
      .slice(0, rows)
      .map(({ name, dtype, shape }) => `${name.padEnd(52)} ${dtype.padEnd(5)} [${shape.join(", ")}]`);
    const head = `${path}: ${formatCount(tensors.length)} tensors, ${formatCount(parameters)} parameters`;
    return {
      text: printable([head, ...lines, ...more(tensors.length, rows)].join("\n")),
      data: { tensors, parameters, metadata: Object.fromEntries(reader.metadata) },
    };
  } finally {
    await reader.close();
  }
}

async function inspectParquet(path: string, rows: number): Promise<JobResult> {
  const { parquetColumns, scanParquet } = await import("../../formats/parquet.ts");
  const columns = Object.fromEntries(await parquetColumns(path));
  const first: object[] = [];
  let total = 0;
  for await (const row of scanParquet<object>(path)) if (total++ < rows) first.push(row);
  const head = `${path}: ${formatCount(total)} rows of ${Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(", ")}`;
  return {
    text: printable([head, ...first.map((row) => JSON.stringify(row)), ...more(total, rows)].join("\n")),
    data: { rows: total, columns, first },
  };
}

/** @param dataset - prefix of one pair of files, or a folder of shards   @param folder - for the message */
async function inspectInstances(dataset: string, folder: string, rows: number): Promise<JobResult> {
  const { openIndexedDataset } = await import("../../formats/indexed_dataset.ts");
  const reader = openIndexedDataset(dataset);
  try {
    const shown = Array.from({ length: Math.min(rows, reader.count) }, (_, i) => [...reader.read(i)]);
    const lines = shown.map(
      (ids, i) =>
        `${i}  ${formatCount(ids.length)} tokens: ${ids.slice(0, 16).join(" ")}${ids.length > 16 ? " …" : ""}`,
    );
    const head = `${folder}: ${formatCount(reader.count)} instances, ${formatCount(reader.totalTokens)} tokens in ${reader.shards.length} shards`;
    return {
      text: printable([head, ...lines, ...more(reader.count, rows)].join("\n")),
      data: { instances: reader.count, tokens: reader.totalTokens, shards: reader.shards.length, first: shown },
    };
  } finally {
    reader.close();
  }
}

function more(total: number, shown: number): string[] {
  return total > shown ? [`… ${formatCount(total - shown)} more (--rows)`] : [];
}
