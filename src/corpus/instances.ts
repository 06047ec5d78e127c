import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { createIndexedDatasetWriter, openIndexedDataset } from "../formats/indexed_dataset.ts";
import { type ParquetColumn, readParquet, writeParquet } from "../formats/parquet.ts";
import type { Published } from "../formats/publish.ts";
import { publishFolder } from "../formats/publish_folder.ts";
import type { Instance, InstanceReader, InstanceRow } from "./record.ts";

/** Name of the table beside data_N.bin/.idx. */
export const INSTANCE_TABLE = "instances.parquet";

export interface WriteInstancesOptions {
  /** Ids are below it; decides whether they take two bytes or four. */
  vocabSize: number;
  /** Instances per shard. Default 50,000. */
  shardInstances?: number;
}

/** What was written. */
export interface InstancesWritten {
  instances: number;
  tokens: number;
  /** Length of the longest instance, in tokens. */
  maxTokens: number;
}

/** Instances per shard where nothing else is asked for: at 1,025 tokens each, 100 to 200 MB. */
export const SHARD_INSTANCES = 50_000;

/**
 * Opens a folder of packed instances.
 * @throws HeartcutError HC2030 if its files do not belong together; the errors of openIndexedDataset if there are none or damaged ones
 */
export async function openInstances(folder: string): Promise<InstanceReader> {
  const dataset = openIndexedDataset(folder);
  if (dataset.leftOver.length > 0) {
    dataset.close();
    throw new HeartcutError("HC2030", {
      what: "token files lie behind a gap in the shards, so they would not be read",
      where: folder,
      found: dataset.leftOver.slice(0, 5).join(", "),
      fix: "pack the corpus again, or remove those files",
    });
  }
  let maxTokens = 0;
  for (let i = 0; i < dataset.count; i++) maxTokens = Math.max(maxTokens, dataset.length(i));
  return {
    folder,
    length: dataset.count,
    maxTokens,
    totalTokens: dataset.totalTokens,
    size: (i) => dataset.length(i),
    read: (i) => dataset.read(i),
    async rows() {
      const rows = await readParquet<InstanceRow>(join(folder, INSTANCE_TABLE));
      const wrong = rows.findIndex((row, i) => row.instance !== i || row.tokens !== dataset.length(i));
      if (wrong >= 0 || rows.length !== dataset.count)
        throw new HeartcutError("HC2030", {
          what: "the table of instances does not belong to these token files",
          where: join(folder, INSTANCE_TABLE),
          found: wrong < 0 ? `${rows.length} rows` : `row ${wrong} says ${rows[wrong]!.tokens} tokens`,
          expected: wrong < 0 ? `${dataset.count} rows` : `${dataset.length(wrong)} tokens`,
          fix: "pack the corpus again into an empty folder",
        });
      return rows;
    },
    close: () => dataset.close(),
  };
}

/**
 * Publishes instances as a folder: data_N.bin/.idx as MiniPLM reads them and instances.parquet, all or nothing.
 * @throws InternalError if a token id is outside the vocabulary; the errors of publishFolder
 */
export async function writeInstances(
  folder: string,
  instances: AsyncIterable<Instance> | Iterable<Instance>,
  options: WriteInstancesOptions,
): Promise<InstancesWritten & Published> {
  let written: InstancesWritten | undefined;
  const published = await publishFolder(folder, async (staging) => {
    written = await fillWithInstances(staging, instances, options);
  });
  return { ...written!, ...published };
}

/** Writes the files of writeInstances into a folder that the caller publishes. */
export async function fillWithInstances(
  staging: string,
  instances: AsyncIterable<Instance> | Iterable<Instance>,
  { vocabSize, shardInstances = SHARD_INSTANCES }: WriteInstancesOptions,
): Promise<InstancesWritten> {
  const writer = createIndexedDatasetWriter(staging, { dialect: "miniplm", vocabSize, shardInstances });
  const sizes: number[] = [];
  const sources: string[] = [];
  const firsts: string[] = [];
  const lasts: string[] = [];
  let tokens = 0;
  let maxTokens = 0;
  try {
    for await (const instance of instances) {
      await writer.append(instance.tokens);
      sizes.push(instance.tokens.length);
      sources.push(instance.source);
      firsts.push(instance.firstDocument);
      lasts.push(instance.lastDocument);
      tokens += instance.tokens.length;
      maxTokens = Math.max(maxTokens, instance.tokens.length);
    }
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  const columns: ParquetColumn[] = [
    { name: "instance", type: "int64", data: sizes.map((_, i) => i) },
    { name: "tokens", type: "int32", data: sizes },
    { name: "source", type: "string", data: sources },
    { name: "first_document", type: "string", data: firsts },
    { name: "last_document", type: "string", data: lasts },
  ];
  await writeParquet(join(staging, INSTANCE_TABLE), columns);
  return { instances: sizes.length, tokens, maxTokens };
}
