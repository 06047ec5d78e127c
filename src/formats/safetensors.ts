import { stat } from "node:fs/promises";
import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { guarded, isMissing } from "./file_system.ts";
import { requireLittleEndian } from "./float_conversion.ts";
import { readJsonFile } from "./json_file.ts";
import { type Limits, withLimits } from "./limits.ts";
import { inputInsideRoot } from "./paths.ts";
import { SHARD_INDEX, SINGLE_FILE } from "./safetensors_header.ts";
import { disagreement, Reader, type SafetensorsReader } from "./safetensors_read.ts";
import { quoted } from "./strict_json.ts";

export type { Dtype } from "./safetensors_header.ts";
export type { SafetensorsReader, TensorInfo } from "./safetensors_read.ts";
export { type TensorSource, writeSafetensors, writeShardedSafetensors } from "./safetensors_write.ts";
export type { TypedArray } from "./typed_array.ts";

/**
 * Opens a .safetensors file, or a folder with model.safetensors or model.safetensors.index.json and its shards.
 * Checks everything the format promises before any value is read: see parseSafetensorsHeader.
 * @throws HeartcutError HC1004 (missing), HC1006 (over a limit), HC1007 (shard name), HC1010 (another kind of file), HC1011 (header),
 * HC1012 (length), HC1013 (index and shards disagree)
 */
export async function openSafetensors(
  path: string,
  options: { limits?: Partial<Limits> } = {},
): Promise<SafetensorsReader> {
  requireLittleEndian();
  const limits = withLimits(options.limits);
  const kind = await guarded(path, "nothing was changed", () => stat(path));
  if (!kind.isDirectory()) return Reader.open([path], limits);
  const single = join(path, SINGLE_FILE);
  const index = join(path, SHARD_INDEX);
  if (await isThere(single)) return Reader.open([single], limits);
  if (!(await isThere(index))) {
    throw new HeartcutError("HC1004", {
      what: "no model weights in the folder",
      where: path,
      expected: `${SINGLE_FILE} or ${SHARD_INDEX}`,
      fix: "give the folder of a model in safetensors form; convert pickled weights (pytorch_model.bin) with save_pretrained of transformers first",
    });
  }
  const weightMap = await readWeightMap(index, limits);
  const reader = await Reader.open(
    [...new Set(weightMap.values())].map((name) => inputInsideRoot(path, name)),
    limits,
  );
  try {
    return reader.arranged(index, new Map([...weightMap].map(([name, file]) => [name, join(path, file)])));
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function readWeightMap(index: string, limits: Limits): Promise<Map<string, string>> {
  const json = await readJsonFile(index, { limits, maxDepth: 4, maxMembers: limits.safetensorsTensors });
  const weightMap = json !== null && typeof json === "object" && !Array.isArray(json) ? json.weight_map : undefined;
  if (weightMap === null || typeof weightMap !== "object" || Array.isArray(weightMap))
    throw disagreement(index, "there is no weight_map");
  const result = new Map<string, string>();
  for (const [name, file] of Object.entries(weightMap)) {
    if (typeof file !== "string") throw disagreement(index, `the file of tensor ${quoted(name)} is not a string`);
    result.set(name, file);
  }
  const shards = new Set(result.values()).size;
  if (shards > limits.safetensorsShards) {
    throw new HeartcutError("HC1006", {
      what: "too many shards",
      where: index,
      found: `${shards}`,
      expected: `at most ${limits.safetensorsShards}`,
      fix: "raise limits.safetensorsShards",
    });
  }
  return result;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await guarded(path, "nothing was changed", () => stat(path));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
