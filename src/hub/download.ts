import { mkdir, statfs } from "node:fs/promises";
import { join } from "node:path";
import { HeartcutError } from "../errors.ts";
import { guarded } from "../formats/file_system.ts";
import { globPattern, isGlob } from "../formats/glob.ts";
import { SHARD_INDEX } from "../formats/safetensors_header.ts";
import type { StageContext } from "../progress.ts";
import { downloadBlob } from "./blob.ts";
import { RepositoryCache, sizeOf } from "./cache.ts";
import { HubClient } from "./client.ts";
import { askCommit, blobHash, cachedListing, type HubFile, listing } from "./listing.ts";
import { type ModelPart, neededFiles, shardsOf } from "./model_files.ts";
import { COMMIT, formatReference, type HubReference, repositoryPath } from "./reference.ts";
import { type HubSettings, hubSettings } from "./settings.ts";

/** Where files of the hub lie now. */
export interface Downloaded {
  /** The model's folder; for data, the file, folder or pattern that was named, below the snapshot. */
  path: string;
  /** The reference with the commit in place of the revision: what a record names, for ever the same content. */
  reference: string;
  commit: string;
  /** The files by name below the repository's root, sorted. */
  files: { name: string; bytes: number }[];
}

/** Options of a download. */
export interface DownloadOptions {
  /** What is to differ from the environment's settings. */
  settings?: Partial<HubSettings>;
}

const PARALLEL = 4;

/**
 * Brings a model into the standard cache: config.json, weights as safetensors (never pickles), tokenizer, README.md, and nothing
 * else. What is there already, by whichever tool, is used; interrupted files go on; every new byte is checked by hash.
 * @param reference - a repository, or a folder in it
 * @throws HeartcutError HC1602 (not there), HC1603 (no access), HC1604 (connection), HC1605 (wrong content), HC1606 (offline),
 *   HC1607 (no usable model), HC1608 (not the hub), HC1609 (settings), HC1613 (disk full); Interrupted
 */
export async function downloadModel(
  reference: HubReference,
  { part = "model", settings }: DownloadOptions & { part?: ModelPart },
  context: StageContext,
): Promise<Downloaded> {
  const where = formatReference(reference);
  const below = reference.path === "" ? "" : `${reference.path}/`;
  return download(reference, settings, context, async (names, bring) => {
    const own = names.filter((name) => name.startsWith(below) && !name.slice(below.length).includes("/"));
    const needed = neededFiles(
      own.map((name) => name.slice(below.length)),
      part,
      where,
    );
    const folder = await bring(needed.map((name) => below + name));
    if (needed.includes(SHARD_INDEX)) {
      const shards = await shardsOf(join(folder, below, SHARD_INDEX), where);
      await bring(shards.map((name) => below + name));
    }
  });
}

/**
 * Brings files into the standard cache: one file, all of a folder, or those that a pattern (`*`, `?`, `**`) matches.
 * @throws HeartcutError as downloadModel; HC1602 if nothing has that name
 */
export async function downloadFiles(
  reference: HubReference,
  { settings }: DownloadOptions,
  context: StageContext,
): Promise<Downloaded> {
  const { path } = reference;
  return download(reference, settings, context, async (names, bring) => {
    const pattern = isGlob(path) ? globPattern(path) : undefined;
    const wanted = names.filter((name) =>
      pattern === undefined ? path === "" || name === path || name.startsWith(`${path}/`) : pattern.test(name),
    );
    if (wanted.length === 0)
      throw new HeartcutError("HC1602", {
        what: pattern === undefined ? "the repository has no such file or folder" : "no file of the repository matches",
        where: formatReference(reference),
        found: `${names.length} files, among them ${names.slice(0, 5).join(", ")}`,
        fix: "correct the path; it is taken from the root of the repository",
      });
    await bring(wanted);
  });
}

/** Makes files of the commit present. @returns the folder of the snapshot */
type Bring = (names: readonly string[]) => Promise<string>;

/** @param choose - asks for what is wanted of the repository's files, in one or more steps */
async function download(
  reference: HubReference,
  own: Partial<HubSettings> | undefined,
  context: StageContext,
  choose: (names: string[], bring: Bring) => Promise<void>,
): Promise<Downloaded> {
  const settings = await hubSettings(own);
  const cache = new RepositoryCache(settings, reference);
  const files: Downloaded["files"] = [];
  const finish = (commit: string): Downloaded => ({
    path: join(cache.snapshot(commit), ...reference.path.split("/")),
    reference: formatReference({ ...reference, revision: commit }),
    commit,
    files: files.sort((a, b) => (a.name < b.name ? -1 : 1)),
  });
  if (settings.offline) {
    const { commit, names } = await offlineFiles(cache, reference);
    await choose(names, async (wanted) => {
      files.push(...(await presentFiles(cache, commit, wanted, reference)));
      return cache.snapshot(commit);
    });
    return finish(commit);
  }
  const client = new HubClient(settings, reference, context);
  try {
    const { revision } = reference;
    // A commit is what it is: once its listing is known, nothing is asked about it again.
    const pinned = COMMIT.test(revision) && (await cachedListing(cache, revision)) !== undefined;
    const commit = pinned ? revision : await askCommit(client, reference);
    const { files: listed } = await listing(client, reference, commit, cache);
    const byName = new Map(listed.map((file) => [file.path, file]));
    await choose([...byName.keys()], async (wanted) => {
      const needed = wanted.map((name) => required(byName, name, reference));
      await bringFiles(client, reference, cache, commit, needed);
      files.push(...needed.map(({ path, bytes }) => ({ name: path, bytes })));
      return cache.snapshot(commit);
    });
    await cache.setRef(revision, commit);
    return finish(commit);
  } finally {
    await client.close();
  }
}

/** Downloads what the snapshot lacks, several files at a time. */
async function bringFiles(
  client: HubClient,
  reference: HubReference,
  cache: RepositoryCache,
  commit: string,
  files: readonly HubFile[],
): Promise<void> {
  const { context, settings } = client;
  const missing = await lacking(cache, commit, files);
  if (missing.length === 0) return;
  const lock = await cache.lock(context);
  try {
    // Another process may have brought them while this one waited.
    const left = await lacking(cache, commit, missing);
    await checkSpace(settings, cache, left, reference);
    const total = left.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    const listener = (bytes: number) => {
      done += bytes;
      context.report({ type: "progress", stage: context.stage, done, total, unit: "bytes" });
    };
    // Files of one content are one blob: each blob is one piece of work.
    const blobs = new Map<string, HubFile[]>();
    for (const file of left) blobs.set(blobHash(file), [...(blobs.get(blobHash(file)) ?? []), file]);
    const queue = [...blobs.values()];
    const work = async () => {
      for (let files = queue.shift(); files !== undefined; files = queue.shift())
        for (const file of files) await bringFile(client, reference, cache, commit, file, listener);
    };
    await client.together(Array.from({ length: Math.min(PARALLEL, queue.length) }, () => work));
  } finally {
    lock.release();
  }
}

async function bringFile(
  client: HubClient,
  reference: HubReference,
  cache: RepositoryCache,
  commit: string,
  file: HubFile,
  listener: (bytes: number) => void,
): Promise<void> {
  const hash = blobHash(file);
  const blob = cache.blob(hash);
  const there = (await sizeOf(blob)) === file.bytes;
  if (there) listener(file.bytes);
  else {
    const path = file.path.split("/").map(encodeURIComponent).join("/");
    const url = `${client.settings.endpoint}/${repositoryPath(reference)}/resolve/${commit}/${path}`;
    await downloadBlob(client, new URL(url), file, blob, listener);
  }
  await cache.place(commit, file.path, hash, !there);
}

async function lacking(cache: RepositoryCache, commit: string, files: readonly HubFile[]): Promise<HubFile[]> {
  const missing: HubFile[] = [];
  for (const file of files) if (!(await cache.holds(commit, file.path, file.bytes))) missing.push(file);
  return missing;
}

/** What is there already, whole or in part, needs no room. */
async function checkSpace(
  settings: HubSettings,
  cache: RepositoryCache,
  files: readonly HubFile[],
  reference: HubReference,
): Promise<void> {
  let bytes = 0;
  for (const file of files) {
    const blob = cache.blob(blobHash(file));
    bytes += file.bytes - ((await sizeOf(blob)) ?? (await sizeOf(`${blob}.incomplete`)) ?? 0);
  }
  const free = await guarded(settings.cache, "nothing was changed", async () => {
    await mkdir(settings.cache, { recursive: true });
    const { bavail, bsize } = await statfs(settings.cache);
    return bavail * bsize;
  });
  if (free >= bytes) return;
  throw new HeartcutError("HC1613", {
    what: "the disk of the cache has too little room",
    where: settings.cache,
    found: `${(free / 1e9).toFixed(1)} GB free`,
    expected: `${(bytes / 1e9).toFixed(1)} GB for ${formatReference(reference)}`,
    fix: "free some space, or name another folder with HF_HUB_CACHE",
  });
}

/** The commit that a reference stands for without asking, and the names of its files: those of the listing, else those present. */
async function offlineFiles(
  cache: RepositoryCache,
  reference: HubReference,
): Promise<{ commit: string; names: string[] }> {
  const commit = await cache.commitOf(reference.revision);
  if (commit === undefined) throw notCached(reference, cache, ["anything of this revision"]);
  const known = await cachedListing(cache, commit);
  return { commit, names: known?.files.map(({ path }) => path) ?? (await cache.filesOf(commit)) };
}

async function presentFiles(
  cache: RepositoryCache,
  commit: string,
  names: readonly string[],
  reference: HubReference,
): Promise<Downloaded["files"]> {
  const known = new Map((await cachedListing(cache, commit))?.files.map(({ path, bytes }) => [path, bytes]));
  const present: Downloaded["files"] = [];
  const missing: string[] = [];
  for (const name of names) {
    const bytes = await sizeOf(join(cache.snapshot(commit), ...name.split("/")));
    if (bytes === undefined || bytes !== (known.get(name) ?? bytes)) missing.push(name);
    else present.push({ name, bytes });
  }
  if (missing.length > 0) throw notCached(reference, cache, missing);
  return present;
}

function notCached(reference: HubReference, cache: RepositoryCache, missing: readonly string[]): HeartcutError {
  const more = missing.length > 8 ? ` and ${missing.length - 8} more` : "";
  return new HeartcutError("HC1606", {
    what: "offline, and the cache does not hold it",
    where: formatReference(reference),
    found: `missing: ${missing.slice(0, 8).join(", ")}${more}`,
    expected: `them in ${cache.folder}`,
    fix: "go online (HF_HUB_OFFLINE=0, no --offline) and run `heartcut download` once",
  });
}

function required(files: ReadonlyMap<string, HubFile>, name: string, reference: HubReference): HubFile {
  const file = files.get(name);
  if (file !== undefined) return file;
  throw new HeartcutError("HC1602", {
    what: "the repository lacks a file that its index names",
    where: formatReference(reference),
    found: name,
    fix: "name another revision, or tell the repository's owner",
  });
}
