import { createHash } from "node:crypto";
import { join } from "node:path";
import type { InstanceReader } from "../corpus/record.ts";
import type { HfConfigJson } from "../formats/hf_config.ts";
import { MANIFEST_NAME } from "../formats/manifest.ts";
import { sha256File } from "../formats/publish.ts";
import type { WeightStore } from "../models/weights.ts";
import { teacherFingerprint } from "./distillation/open.ts";
import type { TrainInput } from "./train.ts";

/** Hash of all that decides the result: model, data, settings. Data and given weights count by their content. */
export async function fingerprintOf(
  input: TrainInput,
  json: HfConfigJson,
  weights: WeightStore,
  reader: InstanceReader,
): Promise<string> {
  const hash = createHash("sha256");
  // How often it is measured and saved, and on which device, does not change what is trained.
  const {
    model,
    output: _o,
    data: _d,
    heldOut: _h,
    evalEvery: _e,
    evalInstances: _i,
    checkpointEvery: _c,
    device: _v,
    probe: _p,
    distillation,
    tokenMask,
    ...settings
  } = input;
  hash.update(JSON.stringify({ json, settings, instances: reader.length }));
  if (distillation !== undefined) {
    const { teacher, ...loss } = distillation;
    hash.update(JSON.stringify({ loss, teacher: await teacherFingerprint(teacher) }));
  }
  if (tokenMask !== undefined) hash.update((await sha256File(join(tokenMask, MANIFEST_NAME))).sha256);
  for (let i = 0; i < reader.length; i++) hash.update(reader.read(i));
  if ("folder" in model) for (const values of weights.values()) hash.update(values);
  return hash.digest("hex");
}

/** Hash of a training and of how it is measured: what training.json and metrics.jsonl hold is a function of it. */
export function measuredFingerprint(
  fingerprint: string,
  { heldOut, evalEvery, evalInstances, probe }: TrainInput,
): string {
  const sets = heldOut.map(({ name }) => name);
  const measured = [fingerprint, sets, evalEvery, evalInstances, ...(probe === undefined ? [] : [probe.fingerprint])];
  return createHash("sha256").update(JSON.stringify(measured)).digest("hex");
}
