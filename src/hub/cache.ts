import { randomBytes } from "node:crypto";
import {
  copyFile,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { HeartcutError, Interrupted } from "../errors.ts";
import { guarded, isMissing } from "../formats/file_system.ts";
import { acquireLock, type Lock } from "../formats/lock.ts";
import { insideRoot } from "../formats/paths.ts";
import type { StageContext } from "../progress.ts";
import { COMMIT, type Repository } from "./reference.ts";
import type { HubSettings } from "./settings.ts";

const KEPT = "what the cache held before is untouched";
const LOCK_LOOK_MS = 300;

/**
 * One repository in the standard cache: blobs/<hash>, snapshots/<commit>/<file> (links to blobs), refs/<revision> (a commit hash),
 * trees/<commit>.json (the listing). Source: huggingface_hub 2.4, file_download.py and _tree_cache.py.
 */
export class RepositoryCache {
  readonly folder: string;
  private readonly locks: string;

  constructor(
    private readonly settings: HubSettings,
    { type, name }: Repository,
  ) {
    const own = [`${type}s`, ...name.split("/")].join("--");
    this.folder = join(settings.cache, own);
    this.locks = join(settings.cache, ".locks", own);
  }

  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }

  blob(hash: string): string {
    return join(this.folder, "blobs", hash);
  }

  tree(commit: string): string {
    return join(this.folder, "trees", `${commit}.json`);
  }

  /** The commit that a revision stood for when it was last asked for; undefined if it never was. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (COMMIT.test(revision)) return (await sizeOf(this.snapshot(revision))) === undefined ? undefined : revision;
    const path = join(this.folder, "refs", ...revision.split("/"));
    try {
      const commit = (await guarded(path, KEPT, () => readFile(path, "utf8"))).trim();
      return COMMIT.test(commit) ? commit : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Notes what a branch or tag stands for now. The snapshot's folder must be there: other tools take a ref without one for damage. */
  async setRef(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commitOf(revision)) === commit) return;
    const path = join(this.folder, "refs", ...revision.split("/"));
    await this.replace(path, commit);
  }

  /** Puts a small file in place at once, without a newline of its own: other tools read a ref as it stands. */
  async replace(path: string, text: string): Promise<void> {
    const part = `${path}.${randomBytes(4).toString("hex")}.tmp`;
    await guarded(path, KEPT, async () => {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(part, text);
      await rename(part, path);
    });
  }

  /** Names of the files of a snapshot, sorted. */
  async filesOf(commit: string): Promise<string[]> {
    const root = this.snapshot(commit);
    const names = await guarded(root, KEPT, () => readdir(root, { recursive: true }));
    const files: string[] = [];
    for (const name of names) if (await isFile(join(root, name))) files.push(name.replaceAll("\\", "/"));
    return files.sort();
  }

  /** Whether a file of a snapshot is there with the size it must have. */
  async holds(commit: string, name: string, bytes: number): Promise<boolean> {
    return (await sizeOf(join(this.snapshot(commit), ...name.split("/")))) === bytes;
  }

  /**
   * Gives a blob its name in a snapshot: a relative link, or the file itself where links are switched off or impossible.
   * @param fresh - this process has just written the blob, so that nothing else refers to it
   * @throws HeartcutError HC1007 for a name that leads out of the snapshot, HC1001-HC1005
   */
  async place(commit: string, name: string, hash: string, fresh: boolean): Promise<void> {
    const root = this.snapshot(commit);
    await guarded(root, KEPT, () => mkdir(root, { recursive: true }));
    const path = insideRoot(root, name);
    const blob = this.blob(hash);
    await guarded(path, KEPT, async () => {
      await mkdir(dirname(path), { recursive: true });
      const target = relative(dirname(path), blob);
      if (this.settings.symlinks) {
        if ((await readlink(path).catch(() => undefined)) === target) return;
        await rm(path, { force: true });
        try {
          return await symlink(target, path);
        } catch (error) {
          // Windows without the right to make links, and file systems without them.
          if (!["EPERM", "ENOTSUP", "ENOSYS", "EOPNOTSUPP"].includes(String((error as NodeJS.ErrnoException).code)))
            throw error;
        }
      }
      const part = `${path}.${randomBytes(4).toString("hex")}.tmp`;
      if (fresh) return await rename(blob, path);
      await copyFile(blob, part);
      await rename(part, path);
    });
  }

  /** Takes the right to write files of this repository, waiting while another process of heartcut has it. @throws Interrupted on the signal */
  async lock(context: StageContext): Promise<Lock> {
    for (let told = false; ; ) {
      if (context.signal.aborted) throw new Interrupted(context.stage);
      try {
        return await acquireLock(this.locks, "a download from the Hugging Face hub");
      } catch (error) {
        if (!(error instanceof HeartcutError) || error.code !== "HC1030") throw error;
        const message = `waiting for another download of the same repository: ${error.fault.what}; ${error.fault.fix}`;
        if (!told) context.report({ type: "warning", stage: context.stage, message });
        told = true;
        await new Promise((resolve) => setTimeout(resolve, LOCK_LOOK_MS));
      }
    }
  }
}

/** Bytes of what stands at a path, links followed; undefined if nothing does. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await guarded(path, KEPT, () => stat(path))).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function isFile(path: string): Promise<boolean> {
  const own = await lstat(path);
  if (!own.isSymbolicLink()) return own.isFile();
  return stat(path).then(
    (target) => target.isFile(),
    () => false,
  );
}
