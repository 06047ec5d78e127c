import { datasetInfo, type ListFileEntry, listFiles, modelInfo } from "@huggingface/hub";
import { z } from "zod";
import { HeartcutError } from "../errors.ts";
import { isMissing } from "../formats/file_system.ts";
import { readJsonFile } from "../formats/json_file.ts";
import { defaultLimits } from "../formats/limits.ts";
import type { RepositoryCache } from "./cache.ts";
import type { HubClient } from "./client.ts";
import { COMMIT, type HubReference, type Repository } from "./reference.ts";

/** A file of a repository at one commit. */
export interface HubFile {
  path: string;
  bytes: number;
  /** Hash of the git blob (sha1 over a header and the content), of the LFS pointer for a large file. */
  gitSha1: string;
  /** Hash of the content of a large file. */
  sha256: string | undefined;
  xetHash: string | undefined;
}

/** What a repository holds at one commit. */
export interface Listing {
  commit: string;
  files: HubFile[];
}

/** Files of the largest repositories number some hundred thousand. */
const MAX_FILES = 2_000_000;

/** The name of a file's blob in the cache, which is the hash that its content is checked against. */
export function blobHash({ sha256, gitSha1 }: HubFile): string {
  return sha256 ?? gitSha1;
}

/** The commit that a revision stands for now. @throws HeartcutError HC1602-HC1604, HC1608 */
export async function askCommit(client: HubClient, { type, name, revision }: HubReference): Promise<string> {
  return (await askRepository(client, { type, name }, revision)).commit;
}

/** What the hub says of a repository at a revision. @throws HeartcutError HC1602-HC1604, HC1608 */
export async function askRepository(
  client: HubClient,
  { type, name }: Repository,
  revision: string,
): Promise<{ commit: string; private: boolean }> {
  const ask = { name, revision, hubUrl: client.settings.endpoint, fetch: client.fetch };
  const info = await answered(client, async () =>
    type === "model"
      ? await modelInfo({ ...ask, additionalFields: ["sha"] })
      : await datasetInfo({ ...ask, additionalFields: ["sha"] }),
  );
  if (typeof info.sha !== "string" || !COMMIT.test(info.sha)) throw client.unexpected("a repository without a commit");
  return { commit: info.sha, private: info.private };
}

/** Every file of a repository at a commit, from the cache where it is known: a commit never changes. */
export async function listing(
  client: HubClient,
  repository: Repository,
  commit: string,
  cache: RepositoryCache,
): Promise<Listing> {
  const known = await cachedListing(cache, commit);
  if (known !== undefined) return known;
  const files = await askFiles(client, repository, commit);
  await cache.replace(cache.tree(commit), formatTree(files));
  return { commit, files };
}

/** Every file of a repository at a commit or branch, from the hub. @throws HeartcutError HC1602-HC1604, HC1608 */
export async function askFiles(client: HubClient, { type, name }: Repository, revision: string): Promise<HubFile[]> {
  return answered(client, async () => {
    const files: HubFile[] = [];
    const entries = listFiles({
      repo: { type, name },
      revision: encodeURIComponent(revision),
      recursive: true,
      hubUrl: client.settings.endpoint,
      fetch: client.fetch,
    });
    for await (const entry of entries) {
      const file = checkedEntry(entry, client);
      if (file !== undefined) files.push(file);
      if (files.length > MAX_FILES) throw client.unexpected(`more than ${MAX_FILES} files`);
    }
    return files.sort((a, b) => (a.path < b.path ? -1 : 1));
  });
}

/** Runs a call of the library, whose own errors say that an answer could not be read. */
export async function answered<T>(client: HubClient, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError)
      throw client.unexpected(`no JSON of that form: ${error.message}`);
    throw error;
  }
}

const sha1 = z.string().regex(COMMIT);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const entrySchema = z.object({
  path: z.string().min(1),
  size: z.int().nonnegative(),
  oid: sha1,
  lfs: z.object({ oid: sha256, size: z.int().nonnegative() }).optional(),
  xetHash: sha256.optional(),
});

function checkedEntry(entry: ListFileEntry, client: HubClient): HubFile | undefined {
  if (entry.type !== "file") return undefined;
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success)
    throw client.unexpected(`a listing whose entries are not files: ${z.prettifyError(parsed.error)}`);
  const { path, size, oid, lfs, xetHash } = parsed.data;
  return { path, bytes: lfs?.size ?? size, gitSha1: oid, sha256: lfs?.oid, xetHash };
}

const treeSchema = z.object({
  format_version: z.literal(1),
  files: z.record(
    z.string(),
    z.object({
      size: z.int().nonnegative(),
      blob_id: sha1,
      lfs_sha256: sha256.nullish(),
      lfs_size: z.int().nonnegative().nullish(),
      xet_hash: sha256.nullish(),
    }),
  ),
});

/** The listing of a commit as the cache holds it; undefined where there is none, or one of another version. */
export async function cachedListing(cache: RepositoryCache, commit: string): Promise<Listing | undefined> {
  try {
    const limits = { jsonBytes: 2 ** 30 };
    const maxMembers = Math.max(MAX_FILES, defaultLimits.safetensorsTensors);
    const tree = treeSchema.safeParse(await readJsonFile(cache.tree(commit), { limits, maxMembers }));
    if (!tree.success) return undefined;
    const files = Object.entries(tree.data.files).map(([path, file]) => ({
      path,
      bytes: file.lfs_size ?? file.size,
      gitSha1: file.blob_id,
      sha256: file.lfs_sha256 ?? undefined,
      xetHash: file.xet_hash ?? undefined,
    }));
    return { commit, files };
  } catch (error) {
    // Another tool may have torn it: the hub is asked again.
    if (isMissing(error) || (error instanceof HeartcutError && error.code === "HC1020")) return undefined;
    throw error;
  }
}

function formatTree(files: readonly HubFile[]): string {
  const entries = files.map(({ path, bytes, gitSha1, sha256, xetHash }) => [
    path,
    {
      size: bytes,
      blob_id: gitSha1,
      ...(sha256 !== undefined && { lfs_sha256: sha256, lfs_size: bytes }),
      ...(xetHash !== undefined && { xet_hash: xetHash }),
    },
  ]);
  return JSON.stringify({ format_version: 1, files: Object.fromEntries(entries) });
}
