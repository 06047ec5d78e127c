import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { guarded } from "../formats/file_system.ts";
import { type Published, sha256File } from "../formats/publish.ts";

/** Hash of a list of plain facts. */
export function fingerprintOf(facts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(facts)).digest("hex");
}

/** Config and weights of a Hugging Face folder by name, hashed: what a model's values depend on. @throws HeartcutError HC1004 */
export async function describeModelFolder(folder: string): Promise<({ name: string } & Published)[]> {
  const names = await guarded(folder, "nothing was changed", () => readdir(folder));
  const files: ({ name: string } & Published)[] = [];
  for (const name of names.filter(isModelFile).sort()) files.push({ name, ...(await sha256File(join(folder, name))) });
  return files;
}

function isModelFile(name: string): boolean {
  return name === "config.json" || name.endsWith(".safetensors") || name === "model.safetensors.index.json";
}
