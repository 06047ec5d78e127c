import { constants } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { HeartcutError, InternalError } from "../errors.ts";
import {
  type FileSystem,
  type FileSystemOptions,
  guarded,
  isMissing,
  nodeFileSystem,
  readFully,
  syncFolder,
  writeFully,
} from "./file_system.ts";
import { type Limits, withLimits } from "./limits.ts";
import { insideRoot } from "./paths.ts";
import { sha256File } from "./publish.ts";

/** Name of the manifest in its folder. */
export const MANIFEST_NAME = "manifest.jsonl";

const entrySchema = z
  .object({
    name: z.string().min(1),
    bytes: z.int().nonnegative(),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    fingerprint: z.string(),
    stage: z.string().optional(),
    rows: z.int().nonnegative().optional(),
    tokens: z.int().nonnegative().optional(),
  })
  .catchall(z.union([z.string(), z.number()]));

/** One committed artefact: a file, or a folder published by publishFolder. Further keys hold strings or numbers. */
export interface ManifestEntry {
  /** Path below the manifest's folder, with "/" between parts. */
  name: string;
  bytes: number;
  /** Of the content; of its own manifest for a folder. Lower-case hex. */
  sha256: string;
  /** Hash of everything the artefact depends on; "" where nothing is tracked. */
  fingerprint: string;
  stage?: string | undefined;
  rows?: number | undefined;
  tokens?: number | undefined;
  [extra: string]: string | number | undefined;
}

/** The committed artefacts of one folder: a line in manifest.jsonl is the commit, the last line for a name wins. */
export interface Manifest {
  readonly folder: string;
  get(name: string): ManifestEntry | undefined;
  /** One entry per name, in the order of first commit. */
  entries(): ManifestEntry[];
  /** Appends a line and brings it to the disk. @throws HeartcutError HC1001-HC1005; the line is then not committed */
  commit(entry: ManifestEntry): Promise<void>;
  /** Whether the artefact is committed, there, and of the committed size; with `deep` also of the committed content. */
  isIntact(name: string, options?: { deep?: boolean }): Promise<boolean>;
}

/**
 * Opens (or starts) the manifest of a folder. A torn last line, left by a crash during commit, is dropped.
 * @throws HeartcutError HC1008 if a line before the last is damaged, HC1006 if the file is over its budget
 */
export async function openManifest(
  folder: string,
  options: FileSystemOptions & { limits?: Partial<Limits> } = {},
): Promise<Manifest> {
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  const path = join(folder, MANIFEST_NAME);
  const bytes = await readManifest(fileSystem, path, withLimits(options.limits).manifestBytes);
  const entries = new Map<string, ManifestEntry>();
  let committed = 0;
  for (let line = 1; committed < bytes.length; line++) {
    const end = bytes.indexOf(10, committed);
    const entry = end < 0 ? undefined : parseEntry(bytes.subarray(committed, end));
    if (entry === undefined) {
      if (end >= 0 && end + 1 < bytes.length) throw damaged(path, line);
      break;
    }
    entries.set(entry.name, entry);
    committed = end + 1;
  }
  return new FileManifest(folder, fileSystem, entries, committed);
}

class FileManifest implements Manifest {
  private queue: Promise<void> = Promise.resolve();

  constructor(
    readonly folder: string,
    private readonly fileSystem: FileSystem,
    private readonly committedEntries: Map<string, ManifestEntry>,
    /** Length of the file up to the end of the last whole line. */
    private committedBytes: number,
  ) {}

  get(name: string): ManifestEntry | undefined {
    return this.committedEntries.get(name);
  }

  entries(): ManifestEntry[] {
    return [...this.committedEntries.values()];
  }

  commit(entry: ManifestEntry): Promise<void> {
    const commit = this.queue.then(() => this.append(entry));
    this.queue = commit.catch(() => {});
    return commit;
  }

  async isIntact(name: string, options: { deep?: boolean } = {}): Promise<boolean> {
    const entry = this.get(name);
    if (entry === undefined) return false;
    const path = insideRoot(this.folder, name);
    try {
      const stat = await guarded(path, "nothing was changed", () => this.fileSystem.stat(path));
      if (stat.isDirectory()) return await this.isFolderIntact(path, entry, options);
      if (stat.size !== entry.bytes) return false;
      return options.deep !== true || (await sha256File(path, { fileSystem: this.fileSystem })).sha256 === entry.sha256;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  private async isFolderIntact(path: string, entry: ManifestEntry, options: { deep?: boolean }): Promise<boolean> {
    const { sha256 } = await sha256File(join(path, MANIFEST_NAME), { fileSystem: this.fileSystem });
    if (sha256 !== entry.sha256) return false;
    const inner = await openManifest(path, { fileSystem: this.fileSystem });
    for (const { name } of inner.entries()) if (!(await inner.isIntact(name, options))) return false;
    return true;
  }

  /** Always writes behind the last whole line, so that a failed or torn append is overwritten by the next. */
  private async append(entry: ManifestEntry): Promise<void> {
    const checked = entrySchema.safeParse(entry);
    if (!checked.success)
      throw new InternalError(`manifest entry ${JSON.stringify(entry)}: ${z.prettifyError(checked.error)}`);
    const path = join(this.folder, MANIFEST_NAME);
    const line = Buffer.from(`${JSON.stringify(entry)}\n`, "utf8");
    await guarded(path, "what was committed before still holds; this artefact will be made again", async () => {
      await this.fileSystem.mkdir(dirname(path), { recursive: true });
      const file = await this.fileSystem.open(path, constants.O_RDWR | constants.O_CREAT);
      try {
        await file.truncate(this.committedBytes);
        await writeFully(file, line, this.committedBytes);
        await file.sync();
      } finally {
        await file.close();
      }
      if (this.committedBytes === 0) await syncFolder(this.fileSystem, this.folder);
    });
    this.committedBytes += line.length;
    this.committedEntries.set(entry.name, entry);
  }
}

async function readManifest(fileSystem: FileSystem, path: string, limit: number): Promise<Buffer> {
  try {
    return await guarded(path, "nothing was changed", async () => {
      const file = await fileSystem.open(path, "r");
      try {
        const { size } = await file.stat();
        if (size > limit) {
          throw new HeartcutError("HC1006", {
            what: "manifest is over its size limit",
            where: path,
            found: `${size} bytes`,
            expected: `at most ${limit} bytes`,
            fix: "raise limits.manifestBytes",
          });
        }
        const bytes = Buffer.alloc(size);
        return bytes.subarray(0, await readFully(file, bytes, 0));
      } finally {
        await file.close();
      }
    });
  } catch (error) {
    if (isMissing(error)) return Buffer.alloc(0);
    throw error;
  }
}

function parseEntry(line: Uint8Array): ManifestEntry | undefined {
  try {
    return entrySchema.safeParse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(line))).data;
  } catch {
    return undefined;
  }
}

function damaged(path: string, line: number): HeartcutError {
  return new HeartcutError("HC1008", {
    what: "the manifest is damaged",
    where: `${path}:${line}`,
    found: "a line that is not a manifest entry, with further lines behind it",
    expected: "one JSON object a line with name, bytes, sha256 and fingerprint",
    why: "without it heartcut cannot know which files are complete",
    fix: "restore the file, or delete it: everything it lists is then made again",
  });
}
