import { createHash } from "node:crypto";
import { constants, type Dirent } from "node:fs";
import { access, lstat, open, readdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { HeartcutError } from "../errors.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";

/** Kinds of files that packages bring along. */
export type FileKind = "readme" | "changelog" | "licence" | "typings" | "code" | "minified" | "json";

/** A file that may give text: where it is and what it seems to be. */
export interface PackageFile {
  /** Relative to the packages root, with "/" on every system. */
  name: string;
  package: string;
  kind: FileKind;
}

/** Bounds on what is looked at; beyond them a file or folder is passed over. */
export const PACKAGE_LIMITS = {
  fileBytes: 512 * 1024,
  depth: 8,
  entriesPerPackage: 4000,
  packages: 5000,
} as const;

const KINDS: readonly (readonly [RegExp, FileKind])[] = [
  [/^readme(\.(md|markdown|txt))?$/i, "readme"],
  [/^(changelog|changes|history)(\.(md|markdown|txt))?$/i, "changelog"],
  [/^(licen[cs]e|copying|notice)([-.][\w.-]*)?$/i, "licence"],
  [/\.d\.[cm]?ts$/, "typings"],
  [/\.min\.[cm]?js$/, "minified"],
  [/\.[cm]?[jt]s$/, "code"],
  [/\.json$/, "json"],
];
/** Folders whose content depends on the system they were installed on. */
const PLATFORM =
  /(^|[-_.])(linux|linuxmusl|darwin|win32|windows|android|freebsd|openbsd|netbsd|aix|sunos|musl|arm64|x64|ia32)([-_.]|$)/;

/** The packages folder of the running program: the nearest `node_modules` above it that holds a dependency of its own. */
export async function findPackagesRoot(from: string = fileURLToPath(import.meta.url)): Promise<string> {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules");
    const found = await access(join(candidate, "zod", "package.json")).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
    if (dirname(folder) === folder) break;
  }
  throw new HeartcutError("HC6002", {
    what: "the installed packages cannot be found",
    where: from,
    expected: "a folder node_modules above the program, holding its dependencies",
    why: "a third of the demo corpus is text found in them",
    fix: "run npm install, or name the folder: packagesRoot",
  });
}

/**
 * All files under a packages folder that may give text, in the order of their names. Links are not followed, so nothing
 * outside the folder is reached; hidden files, nested node_modules and platform-dependent packages are left out, so that
 * two machines with the same lockfile see the same files.
 * @throws HeartcutError HC6002 if the folder cannot be read
 */
export async function listPackageFiles(root: string, context: StageContext): Promise<PackageFile[]> {
  const real = await realpath(root)
    .then(async (path) => ((await entries(path)) === undefined ? undefined : path))
    .catch(() => undefined);
  if (real === undefined) {
    throw new HeartcutError("HC6002", {
      what: "the packages folder cannot be read",
      where: root,
      expected: "a folder of installed packages, usually node_modules",
      fix: "run npm install, or name another folder: packagesRoot",
    });
  }
  const files: PackageFile[] = [];
  const packages = (await packageFolders(real)).slice(0, PACKAGE_LIMITS.packages);
  for (const name of packages) {
    if (await isPortable(join(real, name))) files.push(...(await filesOf(real, name)));
    await checkpointSignal(context);
  }
  return files;
}

/**
 * What the found part of the demo corpus depends on, in one hash: name and size of every file that may give text, and the content
 * of each package.json, so that another version of a package is noticed. @throws HeartcutError HC6002 as listPackageFiles
 */
export async function describePackageFiles(
  root: string,
  context: StageContext,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for (const file of await listPackageFiles(root, context)) {
    const { size } = await lstat(join(root, file.name));
    const manifest = file.name === `${file.package}/package.json` ? await readPackageText(root, file) : undefined;
    hash.update(JSON.stringify([file.name, size, manifest ?? null]));
    bytes += size;
  }
  return { bytes, sha256: hash.digest("hex") };
}

/**
 * The text of a file, with "\n" line ends. Undefined where it is too large, not a plain file, unreadable, or no text:
 * invalid UTF-8 or control characters.
 */
export async function readPackageText(root: string, file: PackageFile): Promise<string | undefined> {
  // Windows has no O_NOFOLLOW; there the walk alone keeps links out.
  const handle = await open(join(root, file.name), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)).catch(
    () => undefined,
  );
  if (!handle) return undefined;
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > PACKAGE_LIMITS.fileBytes) return undefined;
    const bytes = new Uint8Array(stat.size);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, filled);
      if (bytesRead === 0) return undefined;
      filled += bytesRead;
    }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).replaceAll("\r\n", "\n");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a file with control characters is not text
    return /[\u0000-\u0008\u000b-\u001f\u007f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}

async function packageFolders(root: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of (await entries(root)) ?? []) {
    if (!entry.isDirectory() || entry.name.startsWith(".")) continue;
    if (!entry.name.startsWith("@")) names.push(entry.name);
    else
      for (const inner of (await entries(join(root, entry.name))) ?? [])
        if (inner.isDirectory() && !inner.name.startsWith(".")) names.push(`${entry.name}/${inner.name}`);
  }
  return names.sort(byCodeUnits);
}

/** A package that names an operating system, processor or C library is there on some machines only. */
async function isPortable(folder: string): Promise<boolean> {
  const text = await readPackageText(folder, { name: "package.json", package: "", kind: "json" });
  if (text === undefined) return false;
  try {
    const manifest: unknown = JSON.parse(text);
    return (
      typeof manifest === "object" &&
      manifest !== null &&
      !("os" in manifest || "cpu" in manifest || "libc" in manifest)
    );
  } catch {
    return false;
  }
}

async function filesOf(root: string, name: string): Promise<PackageFile[]> {
  const files: PackageFile[] = [];
  const pending: { path: string; depth: number }[] = [{ path: name, depth: 0 }];
  let seen = 0;
  for (let folder = pending.pop(); folder; folder = pending.pop()) {
    for (const entry of (await entries(join(root, folder.path))) ?? []) {
      if (++seen > PACKAGE_LIMITS.entriesPerPackage) return files.sort((a, b) => byCodeUnits(a.name, b.name));
      const path = `${folder.path}/${entry.name}`;
      if (entry.name.startsWith(".") || entry.name === "node_modules" || PLATFORM.test(entry.name)) continue;
      if (entry.isDirectory() && folder.depth < PACKAGE_LIMITS.depth) pending.push({ path, depth: folder.depth + 1 });
      const kind = entry.isFile() ? KINDS.find(([pattern]) => pattern.test(entry.name))?.[1] : undefined;
      if (kind) files.push({ name: path, package: name, kind });
    }
  }
  return files.sort((a, b) => byCodeUnits(a.name, b.name));
}

async function entries(folder: string): Promise<Dirent[] | undefined> {
  const found = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  return found?.sort((a, b) => byCodeUnits(a.name, b.name));
}

/** The same order on every machine, whatever its language. */
function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
