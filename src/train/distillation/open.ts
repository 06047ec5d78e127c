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
import { checkIds } from "../training_data.ts";
import type { TeacherSide } from "./objective.ts";
import type { Distillation, OnPolicySettings, TeacherSource } from "./settings.ts";
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

/**
 * Makes sure that a teacher that reads along knows every id it is to read: those of the text, and those a student may write.
 * @throws HeartcutError HC1305 naming the teacher
 */
export function checkTeacherIds(
  reader: InstanceReader,
  { teacher, onPolicy }: Distillation,
  vocabSize: number,
  studentVocabSize: number,
): void {
  const name = "folder" in teacher ? teacher.folder : teacher.store;
  checkIds(reader, vocabSize, `teacher ${name}`);
  if (onPolicy === undefined || studentVocabSize <= vocabSize) return;
  throw new HeartcutError("HC1305", {
    what: "the student may write token ids that the teacher has no embedding for",
    where: name,
    found: `${vocabSize} ids, the student ${studentVocabSize}`,
    expected: `at least ${studentVocabSize}`,
    fix: "give the student no more ids than the teacher, or leave distill.onPolicy out",
  });
}

/** @throws HeartcutError HC1310 where prompts of a student's own text leave it nothing to write */
export function checkPrompts({ promptTokens }: OnPolicySettings, { maxTokens, folder }: InstanceReader): void {
  if (promptTokens < maxTokens - 1) return;
  throw new HeartcutError("HC1310", {
    what: "prompts this long leave a student nothing of its own to write",
    where: "distill.onPolicy.promptTokens",
    found: String(promptTokens),
    expected: `below ${maxTokens - 1}, the label positions of the longest instance in ${folder}`,
    fix: "lower promptTokens, or leave onPolicy out",
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
