import { lstatSync, realpathSync, type Stats } from "node:fs";
import { dirname, join, sep } from "node:path";
import { HeartcutError, printable } from "../errors.ts";
import { describeSystemError, isMissing } from "./file_system.ts";

const WINDOWS_DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;
const MAX_NAME_LENGTH = 1024;

/**
 * The path of a name that came out of a file (a weight map, a manifest, a template), if it stays below `root`.
 * Names are relative, with "/" between parts, in NFC; the nearest existing parent must really lie inside `root`.
 * @throws HeartcutError HC1007 naming the name and the rule it broke
 */
export function insideRoot(root: string, name: string): string {
  const fault = nameFault(name);
  if (fault !== undefined) throw refused(root, name, fault);
  const path = join(root, ...name.normalize("NFC").split("/"));
  const realRoot = realpath(root);
  let parent = dirname(path);
  while (statOf(parent) === undefined && parent.length > root.length) parent = dirname(parent);
  if (statOf(parent) !== undefined && !contains(realRoot, realpath(parent))) {
    throw refused(root, name, "its folder is a link that leads out of the root");
  }
  return path;
}

/**
 * As insideRoot, for a file that is to be read: it must be a regular file with one name. A symbolic link may lead to a file inside
 * the root, or, where the root is a snapshot of the Hugging Face cache or a folder in one, to the blobs it is made of.
 * @throws HeartcutError HC1004 if it is missing, HC1007 if it is refused
 */
export function inputInsideRoot(root: string, name: string): string {
  const path = insideRoot(root, name);
  const realRoot = realpath(root);
  const target = realpath(path);
  if (!contains(realRoot, target) && !hubBlobs(realRoot).some((blobs) => contains(blobs, target)))
    throw refused(root, name, "it is a link that leads out of the root");
  const stat = statOf(target);
  if (stat === undefined || !stat.isFile()) throw refused(root, name, "it is not a regular file");
  if (stat.nlink !== 1)
    throw refused(
      root,
      name,
      "it is a hard link: the file has another name elsewhere",
      "copy the file instead of linking it",
    );
  return path;
}

/**
 * Where files of a folder `CACHE/models--OWNER--NAME/snapshots/COMMIT[/…]` lie: the repository's blobs, and the store that all
 * repositories of a cache share. Source: huggingface_hub 2.4, file_download.py and utils/_shared_blobs.py.
 */
function hubBlobs(root: string): string[] {
  const parts = root.split(sep);
  const at = parts.findIndex((part, i) => part === "snapshots" && /^(models|datasets)--./.test(parts[i - 1] ?? ""));
  if (at < 0 || at === parts.length - 1) return [];
  const repository = parts.slice(0, at).join(sep);
  return [join(repository, "blobs"), join(dirname(repository), "blobs")];
}

function nameFault(name: string): string | undefined {
  if (name === "") return "it is empty";
  if (name.length > MAX_NAME_LENGTH) return `it is longer than ${MAX_NAME_LENGTH} characters`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(name)) return "it holds a control character";
  if (/\p{Surrogate}/u.test(name)) return "it is not valid Unicode";
  // Full-width and other compatibility forms of . / \ : turn into those on some file systems.
  if (/[\\:]/.test(name.normalize("NFKC"))) return "it holds a backslash or colon";
  if (name.normalize("NFKC").split("/").length !== name.split("/").length) return "it holds a look-alike of a slash";
  if (name.startsWith("/")) return "it is absolute";
  for (const part of name.split("/")) {
    if (part === "") return "it has an empty part";
    if (part === "~" || /^\.+$/.test(part.normalize("NFKC").trim())) return `its part "${part}" leads elsewhere`;
    if (/[. ]$/.test(part)) return "a part ends in a dot or space";
    if (WINDOWS_DEVICE.test(part)) return `"${part}" is a device name on Windows`;
  }
  return undefined;
}

function contains(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}

function realpath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw describeSystemError(error, path, "nothing was changed");
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw describeSystemError(error, path, "nothing was changed");
  }
}

function refused(root: string, name: string, fault: string, fix?: string): HeartcutError {
  return new HeartcutError("HC1007", {
    what: `file name refused: ${fault}`,
    where: root,
    found: JSON.stringify(printable(name.slice(0, 200))),
    expected: "a relative path of plain names that stays in that folder",
    fix: fix ?? "correct the name in the file it comes from, or get that file from a source you trust",
  });
}
