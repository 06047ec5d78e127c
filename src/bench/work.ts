import { type HfConfigJson, parseHfConfig } from "../formats/hf_config.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { Random } from "../random.ts";
import type { BenchOptions } from "./options.ts";

/** One kind of work, made ready. */
export interface Work {
  readonly parameters: number;
  readonly tokensPerStep: number;
  /** What a step asks, where that is no batch of sequences of one length. */
  readonly asked?: { readonly items: number; readonly requests: number };
  /** Steps that are run first and not counted: they compile and fill caches. Default 2. */
  readonly warmUp?: number;
  /** Makes the data of a step, which is not timed. */
  prepare(): Step;
  dispose(): Promise<void>;
}

/** The timed part. @returns seconds of it spent in the model's calls */
export type Step = () => Promise<number>;

/** Starts a kind of work. */
export type StartWork = (options: BenchOptions) => Promise<Work>;

/** A config file in canonical spelling. @throws HeartcutError HC1004, HC1006, HC1020, HC1021 */
export async function readConfig(path: string): Promise<HfConfigJson> {
  return parseHfConfig(await readJsonFile(path), path);
}

/** Seeded sequences of ids `first` … vocabSize-1. */
export function randomIds(vocabSize: number, first = 0): (rows: number, length: number) => Int32Array[] {
  const random = new Random(0, "bench");
  return (rows, length) =>
    Array.from({ length: rows }, () => Int32Array.from({ length }, () => first + random.below(vocabSize - first)));
}
