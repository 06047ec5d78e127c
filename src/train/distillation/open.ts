import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { hashInstances } from "../../corpus/content_files.ts";
import type { InstanceReader } from "../../corpus/record.ts";
import { openTeacherStore } from "../../distill/store.ts";
import { HeartcutError } from "../../errors.ts";
import { guarded } from "../../formats/file_system.ts";
import { readHfConfig } from "../../formats/hf_config.ts";
import { sha256File } from "../../formats/publish.ts";
import { type CausalDescription, describeCausalModel, hasAttention } from "../../models/architecture.ts";
import type { StageContext } from "../../progress.ts";
import type { DeviceChoice } from "../../runtime/device.ts";
import type { TeacherSide } from "./objective.ts";
import type { Distillation, TeacherSource } from "./settings.ts";
import { OnlineTeacher } from "./teacher.ts";

/** The model of a teacher that reads along, before any weight is read. */
export async function describeTeacher(folder: string): Promise<CausalDescription> {
  return describeCausalModel(await readHfConfig(folder), join(folder, "config.json"));
}

/** Holds a distillation against its models. @throws HeartcutError HC1310 where attention is to be matched and one has none */
export function checkModels({ attention }: Distillation, models: readonly (CausalDescription | undefined)[]): void {
  const without = models.find((model) => model !== undefined && !hasAttention(model));
  if (attention === undefined || without === undefined) return;
  throw new HeartcutError("HC1310", {
    what: "attention cannot be matched: one of the two models has none",
    found: without.config.modelType,
    fix: "match hidden states, or leave distill.attention out",
  });
}

/** Loads the teacher, or opens what is stored of it. */
export async function openTeacherSide(
  { teacher, hidden, attention }: Distillation,
  instances: InstanceReader,
  { device, documentBarrier }: { readonly device: DeviceChoice; readonly documentBarrier: boolean },
  context: StageContext,
): Promise<TeacherSide> {
  if ("store" in teacher) {
    const { tokenizer, store: folder } = teacher;
    const corpus = (await hashInstances(instances, { shardInstances: instances.length }, context)).fingerprint;
    const store = await openTeacherStore(folder, { corpus, tokenizer, documentBarrier });
    return { stored: { k: store.summary.topK, read: (i) => store.read(i), close: () => store.close() } };
  }
  const parts = { layerStates: hidden !== undefined, attention: attention !== undefined };
  return { online: await OnlineTeacher.load(teacher.folder, parts, device) };
}

/** Hash of what a teacher's values depend on: config and weights, or the store's own fingerprint. */
export async function teacherFingerprint(source: TeacherSource): Promise<string> {
  const folder = "store" in source ? source.store : source.folder;
  const wanted = (name: string) => name === "config.json" || name.endsWith(".safetensors") || name === "manifest.jsonl";
  const names = (await guarded(folder, "nothing was changed", () => readdir(folder))).filter(wanted).sort();
  const hash = createHash("sha256");
  for (const name of names) hash.update(`${name} ${(await sha256File(join(folder, name))).sha256}\n`);
  return hash.digest("hex");
}
