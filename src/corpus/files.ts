import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join, sep } from "node:path";
import { HeartcutError } from "../errors.ts";
import { globPattern, isGlob } from "../formats/glob.ts";

export type CorpusFormat = "jsonl" | "parquet" | "text";

/** A place that goes by another name than its own: what was downloaded lies in a cache, which is no part of any record. */
export interface NamedPath {
  path: string;
  /** In place of `path` in whatever is named by it, with the same last parts: owner/data/train/*.jsonl. */
  name: string;
}

/** One file of a corpus. */
export interface CorpusFile {
  path: string;
  /** Name in document ids and messages, without this machine's folders: relative to the folder or pattern it was found by. */
  name: string;
  /** Last part of the folder it lies in. */
  folder: string;
  format: CorpusFormat;
}

const FORMATS: Record<string, CorpusFormat> = {
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".json": "jsonl",
  ".parquet": "parquet",
  ".txt": "text",
  ".md": "text",
};

/**
 * The files of a corpus: files as they are, folders through all their levels, patterns with `*`, `?` and `**`; each in order of
 * name. In a folder `auto` takes JSONL and Parquet files where there are any, else .txt and .md; `text` takes every file.
 * @throws HeartcutError HC2010 if a path has no file, HC2013 if a format cannot be told
 */
export async function findFiles(
  paths: readonly (string | NamedPath)[],
  format: "auto" | CorpusFormat,
): Promise<CorpusFile[]> {
  const files: FoundFile[] = [];
  for (const given of paths) {
    const { path, name: shown } = typeof given === "string" ? { path: given, name: given } : given;
    const stats = await stat(path).catch(() => undefined);
    const found = (path: string, name: string, whole: string): FoundFile => ({
      path,
      name,
      whole,
      folder: basename(dirname(whole)),
      format: format === "auto" ? formatOf(whole) : format,
    });
    if (stats?.isFile()) {
      files.push(found(path, basename(path), shown));
      continue;
    }
    const pattern = stats === undefined && isGlob(path);
    if (!stats?.isDirectory() && !pattern) throw notFound(shown, "no such file or folder");
    const root = pattern ? fixedPart(path) : path;
    const shownRoot = pattern ? fixedPart(shown) : shown;
    const wanted = pattern ? globPattern(path.slice(root === "." ? 0 : root.length + 1)) : /^/;
    const names = choose(
      (await filesBelow(root)).filter((name) => wanted.test(name)),
      pattern,
      format,
    );
    if (names.length === 0)
      throw notFound(shown, pattern ? "no file matches" : "a folder without files of this format");
    files.push(...names.map((name) => found(join(root, name), name, join(shownRoot, name))));
  }
  return withDistinctNames(files);
}

interface FoundFile extends CorpusFile {
  /** Its path as the corpus names it. */
  whole: string;
}

function choose(names: string[], pattern: boolean, format: "auto" | CorpusFormat): string[] {
  if (pattern || format === "text") return names;
  if (format !== "auto") return names.filter((name) => known(name) === format);
  const tables = names.filter((name) => known(name) === "jsonl" || known(name) === "parquet");
  return tables.length > 0 ? tables : names.filter((name) => known(name) === "text");
}

/** Two roots can hold files of one name: those then carry their path as the recipe gives it. */
function withDistinctNames(files: readonly FoundFile[]): CorpusFile[] {
  const count = new Map<string, number>();
  for (const { name } of files) count.set(name, (count.get(name) ?? 0) + 1);
  return files.map(({ whole, ...file }) => (count.get(file.name)! > 1 ? { ...file, name: whole } : file));
}

function known(name: string): CorpusFormat | undefined {
  const bare = /\.(gz|zst)$/i.test(name) ? name.slice(0, -extname(name).length) : name;
  return FORMATS[extname(bare).toLowerCase()];
}

function formatOf(name: string): CorpusFormat {
  const format = known(name);
  if (format !== undefined) return format;
  throw new HeartcutError("HC2013", {
    what: "the format of a corpus file cannot be told from its name",
    where: name,
    expected: `${Object.keys(FORMATS).join(", ")}, also with .gz or .zst`,
    fix: "set format: jsonl, parquet or text",
  });
}

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch((error: Error) => {
    throw notFound(root, error.message);
  });
  const names: string[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(join(root, sep).length === 2 ? 0 : join(root, sep).length);
    if (name.split(sep).some((part) => part.startsWith("."))) continue;
    const isFile = entry.isFile() || (entry.isSymbolicLink() && (await stat(path).catch(() => undefined))?.isFile());
    if (isFile) names.push(name.split(sep).join("/"));
  }
  // By code unit, not by locale: the order of documents is the same on every machine.
  return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function fixedPart(pattern: string): string {
  const parts = pattern.split("/");
  const fixed = parts.slice(
    0,
    parts.findIndex((part) => isGlob(part)),
  );
  return fixed.length === 0 ? "." : fixed.join("/") || "/";
}

function notFound(path: string, found: string): HeartcutError {
  return new HeartcutError("HC2010", {
    what: "a corpus path gives no file",
    where: path,
    found,
    fix: "check the path; it is taken relative to the folder the command runs in",
  });
}
