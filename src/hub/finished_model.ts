import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { guarded } from "../formats/file_system.ts";
import { readHfConfig } from "../formats/hf_config.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { sha256File } from "../formats/publish.ts";
import { openSafetensors } from "../formats/safetensors.ts";
import { isTokenizerFile, isWeightsFile } from "./model_files.ts";

/** One file of a model that is sent. */
export interface ModelFile {
  name: string;
  bytes: number;
  sha256: string;
  gitSha1: string;
}

const TRAINING = "training.json";
const SENT = ["README.md", "config.json", "generation_config.json", TRAINING];
const NOTHING_CHANGED = "nothing was sent";

const trainingSchema = z.object({
  weights: z.array(z.object({ name: z.string(), bytes: z.int(), sha256: z.string() })).min(1),
});

/**
 * The files of a finished model that others need: README.md, config.json, generation_config.json, training.json, weights, tokenizer;
 * no checkpoints, no measurements, no predictions.
 * @throws HeartcutError HC1610 if the folder is not a model whose training has ended, with the weights it ended with
 */
export async function finishedModelFiles(folder: string): Promise<ModelFile[]> {
  const entries = await guarded(folder, NOTHING_CHANGED, () => readdir(folder, { withFileTypes: true }));
  const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  for (const [name, why, fix] of [
    ["config.json", "it is no model's folder"],
    [TRAINING, "the training that writes it last has not ended"],
    [
      "README.md",
      "nobody should get a model that does not say what it is",
      "write README.md into the folder: what the model is, what it learned from, its licence (a run writes one for its students, `heartcut train` does not)",
    ],
  ] as const)
    if (!names.includes(name)) throw unfinished(folder, `${name} is missing: ${why}`, fix);
  if (!names.some((name) => /^tokenizer\.json(\.gz)?$/.test(name)))
    throw unfinished(folder, "tokenizer.json is missing: the model cannot be used without it");
  await readHfConfig(folder);
  const weights = await trainedWeights(folder);
  const sent = names.filter((name) => SENT.includes(name) || isTokenizerFile(name) || isWeightsFile(name)).sort();
  const files: ModelFile[] = [];
  for (const name of sent) files.push(await describeFile(join(folder, name), name));
  for (const { name, sha256 } of weights) {
    const file = files.find((each) => each.name === name);
    if (file?.sha256 !== sha256)
      throw unfinished(folder, `${name} is ${file === undefined ? "missing" : "not the file that the training wrote"}`);
  }
  const stray = files.find(({ name }) => name.endsWith(".safetensors") && !weights.some((each) => each.name === name));
  if (stray !== undefined) throw unfinished(folder, `${stray.name} is no part of what the training wrote`);
  return files;
}

/** The weights that training.json names, which must be whole as safetensors too. */
async function trainedWeights(folder: string): Promise<{ name: string; sha256: string }[]> {
  const path = join(folder, TRAINING);
  const parsed = trainingSchema.safeParse(await readJsonFile(path, { wholeNumbers: "rounded" }));
  if (!parsed.success) throw unfinished(folder, `${TRAINING} does not name the weights`);
  const reader = await openSafetensors(folder);
  await reader.close();
  return parsed.data.weights.filter(({ name }) => name.endsWith(".safetensors"));
}

async function describeFile(path: string, name: string): Promise<ModelFile> {
  const { bytes, sha256 } = await sha256File(path);
  return { name, bytes, sha256, gitSha1: await gitSha1(path) };
}

/** Git's hash of a file as a blob: what the hub lists for small files. */
async function gitSha1(path: string): Promise<string> {
  return guarded(path, NOTHING_CHANGED, async () => {
    const { size } = await stat(path);
    const hash = createHash("sha1").update(`blob ${size}\0`);
    for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
    return hash.digest("hex");
  });
}

function unfinished(
  folder: string,
  found: string,
  fix = "finish the training (the same command resumes), or name another folder",
): HeartcutError {
  return new HeartcutError("HC1610", {
    what: "the folder does not hold a finished model",
    where: folder,
    found,
    expected:
      "config.json, weights, tokenizer.json and training.json as a run or `heartcut train` leaves them, and README.md, the model card",
    fix,
  });
}
