import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { INSTANCE_TABLE } from "../corpus/instances.ts";
import { guarded } from "../formats/file_system.ts";
import { sha256File } from "../formats/publish.ts";

/** Names and hashes of the files of a folder of instances: what a fingerprint of its content needs. */
export async function contentOf(instances: string): Promise<[name: string, sha256: string][]> {
  const names = await guarded(instances, "nothing was changed", () => readdir(instances));
  const content: [string, string][] = [];
  for (const name of names.filter((name) => /^data_\d+\.(bin|idx)$/.test(name) || name === INSTANCE_TABLE).sort())
    content.push([name, (await sha256File(join(instances, name))).sha256]);
  return content;
}
