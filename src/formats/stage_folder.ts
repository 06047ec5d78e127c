import { rm } from "node:fs/promises";
import { join } from "node:path";
import { MANIFEST_NAME, type Manifest, openManifest } from "./manifest.ts";

/** Whether a folder's manifest holds a file under this fingerprint, intact. */
export async function isCurrent(manifest: Manifest, name: string, fingerprint: string): Promise<boolean> {
  return manifest.get(name)?.fingerprint === fingerprint && (await manifest.isIntact(name, { deep: true }));
}

/**
 * Opens a stage folder's manifest. Files that it lists but this call would not make, by name or fingerprint, are another
 * call's: they are removed, and the manifest is written anew without them.
 * @param expected - fingerprint of each file by name
 */
export async function openFolder(folder: string, expected: ReadonlyMap<string, string>): Promise<Manifest> {
  const manifest = await openManifest(folder);
  const entries = manifest.entries();
  const kept = entries.filter(({ name, fingerprint }) => expected.get(name) === fingerprint);
  if (kept.length === entries.length) return manifest;
  // The manifest goes first: a kill in between leaves files that nobody vouches for, which are then made again.
  await rm(join(folder, MANIFEST_NAME), { force: true });
  for (const entry of entries) if (!kept.includes(entry)) await rm(join(folder, entry.name), { force: true });
  const fresh = await openManifest(folder);
  for (const entry of kept) await fresh.commit(entry);
  return fresh;
}
