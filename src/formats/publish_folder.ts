import { basename, dirname, join } from "node:path";
import { type FileSystem, type FileSystemOptions, guarded, nodeFileSystem, syncFolder } from "./file_system.ts";
import { MANIFEST_NAME, type ManifestEntry } from "./manifest.ts";
import { type Published, publishText, sha256File } from "./publish.ts";

const UNTOUCHED = "nothing was published; an earlier folder of that name is kept";

/**
 * Writes a folder (a checkpoint, a model) so that its name never shows anything but the whole: `fill` writes into `.<name>.part`,
 * every file is hashed and synced, manifest.jsonl comes last, then the folder gets its name. An earlier folder of that name is
 * replaced; if the process dies between the two renames it stays as `.<name>.old` and the next call brings it back first.
 * @param fill - writes files (any depth) below the staging folder it is given
 * @returns total bytes of the files and the SHA-256 of the manifest, which stands for all of them
 * @throws HeartcutError HC1001-HC1005 naming the path; whatever `fill` throws
 */
export async function publishFolder(
  path: string,
  fill: (staging: string) => Promise<void>,
  options: FileSystemOptions & { fingerprint?: string } = {},
): Promise<Published> {
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  const staging = join(dirname(path), `.${basename(path)}.part`);
  const old = join(dirname(path), `.${basename(path)}.old`);
  const guard = <T>(operation: () => Promise<T>) => guarded(path, UNTOUCHED, operation);
  await guard(async () => {
    await fileSystem.mkdir(dirname(path), { recursive: true });
    if (!(await exists(fileSystem, path)) && (await exists(fileSystem, old))) await fileSystem.rename(old, path);
    await fileSystem.rm(staging, { recursive: true, force: true });
    await fileSystem.mkdir(staging, { recursive: true });
  });
  try {
    await fill(staging);
    const entries: ManifestEntry[] = [];
    for (const name of (await guard(() => listFiles(fileSystem, staging, ""))).sort()) {
      const file = join(staging, name);
      await guard(() => syncFile(fileSystem, file));
      entries.push({ name, ...(await sha256File(file, { fileSystem })), fingerprint: options.fingerprint ?? "" });
    }
    const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
    const { sha256 } = await publishText(join(staging, MANIFEST_NAME), text, { fileSystem });
    await guard(() => swap(fileSystem, staging, path, old));
    return { bytes: entries.reduce((sum, entry) => sum + entry.bytes, 0), sha256 };
  } catch (error) {
    // Best effort while another error is on its way; the next call removes what is left.
    await fileSystem.rm(staging, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
}

async function swap(fileSystem: FileSystem, staging: string, path: string, old: string): Promise<void> {
  await fileSystem.rm(old, { recursive: true, force: true });
  const replaces = await exists(fileSystem, path);
  if (replaces) await fileSystem.rename(path, old);
  try {
    await fileSystem.rename(staging, path);
  } catch (error) {
    // If this fails too, the next call brings the earlier folder back.
    if (replaces) await fileSystem.rename(old, path).catch(() => {});
    throw error;
  }
  await syncFolder(fileSystem, dirname(path));
  await fileSystem.rm(old, { recursive: true, force: true });
}

/** Names of all files below a folder, with "/"; syncs each folder on the way. */
async function listFiles(fileSystem: FileSystem, root: string, below: string): Promise<string[]> {
  const names: string[] = [];
  for (const child of await fileSystem.readdir(join(root, below))) {
    const name = below === "" ? child : `${below}/${child}`;
    if ((await fileSystem.stat(join(root, name))).isDirectory())
      names.push(...(await listFiles(fileSystem, root, name)));
    else if (name !== MANIFEST_NAME) names.push(name);
  }
  await syncFolder(fileSystem, join(root, below));
  return names;
}

async function syncFile(fileSystem: FileSystem, path: string): Promise<void> {
  const file = await fileSystem.open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function exists(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    await fileSystem.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
    throw error;
  }
}
