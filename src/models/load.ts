import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type HfConfigJson, parseHfConfig, readHfConfig, writeHfConfig } from "../formats/hf_config.ts";
import { type Published, publishJson } from "../formats/publish.ts";
import { openSafetensors, writeShardedSafetensors } from "../formats/safetensors.ts";
import { describeModel, type ModelDescription } from "./architecture.ts";
import { CausalLM, type ModelOptions } from "./causal_lm.ts";
import { initialWeights, readWeights, type WeightStore } from "./weights.ts";

/**
 * Opens a Hugging Face folder (config.json, model.safetensors or shards); weights become float32.
 * @throws HeartcutError HC11xx naming what of the folder cannot be used
 */
export async function loadModel(folder: string, options: ModelOptions = {}): Promise<CausalLM> {
  const description = describeModel(await readHfConfig(folder), join(folder, "config.json"));
  const reader = await openSafetensors(folder);
  try {
    return new CausalLM(description, await readWeights(description, reader, folder), options);
  } finally {
    await reader.close();
  }
}

/** A model with fresh weights, drawn as transformers draws them (its own random numbers: seeded, same on every machine). */
export function createModel(config: HfConfigJson, seed: number, options: ModelOptions = {}): CausalLM {
  const description = describeModel(parseHfConfig(config, "model"), "model");
  return new CausalLM(description, initialWeights(description, seed), options);
}

export interface SaveOptions {
  /** Stored precision; default F32. */
  readonly dtype?: "F32" | "BF16" | "F16";
  readonly maxShardBytes?: number;
}

/**
 * Writes a folder that `transformers` opens unchanged: config.json, safetensors, generation_config.json. The tokenizer's files are
 * copyTokenizer's matter. @returns the files of the weights, by name
 */
export async function saveModel(
  description: ModelDescription,
  weights: WeightStore,
  folder: string,
  { dtype = "F32", maxShardBytes = 5e9 }: SaveOptions = {},
): Promise<Map<string, Published>> {
  await mkdir(folder, { recursive: true });
  const tensors = description.parameters.map(({ name, shape }) => ({
    name,
    dtype,
    shape: [...shape],
    data: weights.get(name)!,
  }));
  const files = await writeShardedSafetensors(folder, tensors, { maxShardBytes, metadata: { format: "pt" } });
  const stored = { F32: "float32", BF16: "bfloat16", F16: "float16" }[dtype];
  await writeHfConfig(folder, { ...description.json, dtype: stored });
  const { bos_token_id = null, eos_token_id = null } = description.json;
  await publishJson(join(folder, "generation_config.json"), { bos_token_id, eos_token_id });
  return files;
}
