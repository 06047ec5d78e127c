import { printable } from "../../errors.ts";
import type { JobResult } from "../job.ts";
import { formatCount } from "../terminal.ts";

/** Tensors of a file, or of a model's folder. */
export async function inspectTensors(path: string, rows: number): Promise<JobResult> {
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

/** Columns and first rows of a Parquet file. */
export async function inspectParquet(path: string, rows: number): Promise<JobResult> {
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

/** Instances of training text. @param dataset - prefix of one pair of files, or a folder of shards   @param folder - for the message */
export async function inspectInstances(dataset: string, folder: string, rows: number): Promise<JobResult> {
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

/** Says that not all was shown. */
export function more(total: number, shown: number): string[] {
  return total > shown ? [`… ${formatCount(total - shown)} more (--rows)`] : [];
}
