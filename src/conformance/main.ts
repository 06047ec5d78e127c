import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { readHfConfig } from "../formats/hf_config.ts";
import { MODEL_TYPES } from "../models/architecture.ts";
import { adamw } from "./adamw.ts";
import type { GoldenFolders, GoldenKind } from "./case.ts";
import { convert } from "./convert.ts";
import { faithfulness, faithfulnessModels } from "./faithfulness.ts";
import { indexedDataset } from "./indexed_dataset.ts";
import { lmEval } from "./lm_eval.ts";
import { losses } from "./losses.ts";
import { models, realWeights } from "./models.ts";
import { packing } from "./packing.ts";
import { plausibility } from "./plausibility.ts";
import { saliency, saliencyModels } from "./saliency.ts";
import { scores } from "./scores.ts";
import { selection } from "./selection.ts";
import { tokenization } from "./tokenization.ts";

/** What runs, in the order of the data flow. */
const KINDS: Readonly<Record<string, GoldenKind>> = {
  indexed_dataset: indexedDataset,
  tokenization,
  packing,
  losses,
  models,
  weights: realWeights,
  saliency,
  adamw,
  scores,
  selection,
  convert,
  faithfulness,
  plausibility,
  lm_eval: lmEval,
};

/** Entries of the fixtures folder that hold cases, and the kinds above that run them. */
const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  adamw: ["adamw"],
  difference_sampling: ["packing", "scores", "selection", "convert"],
  indexed_dataset: ["indexed_dataset"],
  lm_eval: ["lm_eval"],
  "losses.safetensors": ["losses"],
  models: ["models", "saliency"],
  saliency: ["saliency", "faithfulness", "plausibility"],
  tokenization: ["tokenization"],
  weights: ["weights"],
};

/** Goldens of what heartcut does not do yet: counted as skipped, by name. */
const PENDING: Readonly<Record<string, string>> = {};

/** Names of the pending goldens that lie under a fixtures folder, and complaints about entries of unknown kind. */
async function survey(folders: GoldenFolders): Promise<{ pending: string[]; unknown: string[] }> {
  const { fixtures } = folders;
  const pending: string[] = [];
  const unknown: string[] = [];
  for (const name of readdirSync(fixtures).sort()) {
    if (/\.(md|py)$/.test(name)) continue;
    if (name in PENDING) pending.push(name);
    else if (!(name in FOLDERS)) unknown.push(name);
  }
  const root = join(fixtures, "models");
  for (const name of existsSync(root) ? readdirSync(root).sort() : []) {
    const type = String((await readHfConfig(join(root, name))).model_type);
    if (MODEL_TYPES.includes(type)) continue;
    (`models/${type}` in PENDING ? pending : unknown).push(`models/${name}`);
  }
  for (const { name, built } of await saliencyModels(folders))
    if (!built) (`saliency/${name}` in PENDING ? pending : unknown).push(`saliency/${name}`);
  for (const { name, built } of await faithfulnessModels(folders))
    if (!built) (`faithfulness/${name}` in PENDING ? pending : unknown).push(`faithfulness/${name}`);
  return { pending, unknown };
}

/** Runs every golden case; prints a line per case and `N passed, N failed, N skipped`; exit status 1 on a failure. */
async function main(): Promise<void> {
  const root = join(import.meta.dirname, "..", "..", "..", "shared");
  const { values } = parseArgs({
    options: {
      fixtures: { type: "string", default: join(root, "fixtures") },
      data: { type: "string", default: join(root, "data") },
      only: { type: "string" },
    },
  });
  const folders: GoldenFolders = { fixtures: values.fixtures, data: values.data };
  if (!existsSync(folders.fixtures)) {
    console.log(`skipped: no shared fixtures at ${folders.fixtures}`);
    console.log("0 passed, 0 failed");
    return;
  }
  let [passed, failed] = [0, 0];
  const { pending, unknown } = await survey(folders);
  for (const [kind, run] of Object.entries(KINDS)) {
    if (values.only !== undefined && values.only !== kind) continue;
    try {
      for await (const result of run(folders)) {
        result.passed ? passed++ : failed++;
        console.log(
          `${result.passed ? "ok  " : "FAIL"} ${result.name}  largest error ${result.largestError.toExponential(1)}  ${result.note}`,
        );
      }
    } catch (error) {
      failed++;
      console.log(`FAIL ${kind}  ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  for (const name of unknown) {
    failed++;
    console.log(`FAIL ${name}  no kind of case runs this`);
  }
  for (const name of pending) console.log(`skip ${name}  pending: ${PENDING[name] ?? "family"}`);
  console.log(`${passed} passed, ${failed} failed, ${pending.length} skipped`);
  process.exitCode = failed > 0 ? 1 : 0;
}

await main();
