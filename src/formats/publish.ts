import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { InternalError } from "../errors.ts";
import {
  type FileSystem,
  type FileSystemOptions,
  guarded,
  nodeFileSystem,
  type OpenFile,
  PIECE_BYTES,
  readFully,
  syncFolder,
  writeFully,
} from "./file_system.ts";

/** Size and content hash of a published file. */
export interface Published {
  bytes: number;
  /** Lower-case hex. */
  sha256: string;
}

/** Where the content of a file goes while it is being written. */
export interface Sink {
  /** Bytes taken so far. */
  readonly bytes: number;
  /** Takes the next bytes; they may be reused once the promise resolves. Await it before the next call. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Small writes are gathered up to this size, so that one line or one table row is not one system call. */
const GATHER_BYTES = 256 * 1024;
const UNTOUCHED = "nothing was published; an earlier file of that name is untouched";

/**
 * A file on its way to being published: write(), then seal() (flush, fsync, close), then publish() (rename, fsync of the folder).
 * Until publish() only `.<name>.part` exists. For writers that hold several files open; otherwise use publishFile.
 */
export class Publication implements Sink {
  bytes = 0;
  private readonly hash = createHash("sha256");
  private readonly gathered = new Uint8Array(GATHER_BYTES);
  private gatheredBytes = 0;
  private result: Published | undefined;

  private constructor(
    /** The final name. */
    readonly path: string,
    private readonly part: string,
    private readonly fileSystem: FileSystem,
    private file: OpenFile | undefined,
  ) {}

  /** Opens `.<name>.part`, making the folder and replacing what an earlier attempt left. */
  static async open(path: string, options: FileSystemOptions = {}): Promise<Publication> {
    const fileSystem = options.fileSystem ?? nodeFileSystem;
    const part = join(dirname(path), `.${basename(path)}.part`);
    const file = await guarded(path, UNTOUCHED, async () => {
      await fileSystem.mkdir(dirname(path), { recursive: true });
      await fileSystem.rm(part, { recursive: true, force: true });
      return fileSystem.open(part, "wx");
    });
    return new Publication(path, part, fileSystem, file);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.file === undefined) throw new InternalError(`write after seal: ${this.path}`);
    this.bytes += bytes.length;
    if (this.gatheredBytes + bytes.length > GATHER_BYTES) await this.drain();
    if (bytes.length > GATHER_BYTES) {
      for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
        await this.pass(bytes.subarray(start, start + PIECE_BYTES));
      }
    } else {
      this.gathered.set(bytes, this.gatheredBytes);
      this.gatheredBytes += bytes.length;
    }
  }

  /** Brings every byte to the disk and closes the file. */
  async seal(): Promise<Published> {
    if (this.result !== undefined) return this.result;
    const file = this.file;
    if (file === undefined) throw new InternalError(`seal of a discarded publication: ${this.path}`);
    await this.drain();
    await guarded(this.path, UNTOUCHED, () => file.sync());
    this.file = undefined;
    await guarded(this.path, UNTOUCHED, () => file.close());
    this.result = { bytes: this.bytes, sha256: this.hash.digest("hex") };
    return this.result;
  }

  /** Seals where that is still to do and gives the file its name. */
  async publish(): Promise<Published> {
    const result = await this.seal();
    await guarded(this.path, UNTOUCHED, () => this.fileSystem.rename(this.part, this.path));
    await guarded(this.path, "the file is complete; only a power failure now could still undo its name", () =>
      syncFolder(this.fileSystem, dirname(this.path)),
    );
    return result;
  }

  /** Removes the part file. Never throws: it runs while another error is on its way, and the next attempt removes leftovers. */
  async discard(): Promise<void> {
    const file = this.file;
    this.file = undefined;
    await file?.close().catch(() => {});
    await this.fileSystem.rm(this.part, { recursive: true, force: true }).catch(() => {});
  }

  private async drain(): Promise<void> {
    if (this.gatheredBytes === 0) return;
    const bytes = this.gathered.subarray(0, this.gatheredBytes);
    this.gatheredBytes = 0;
    await this.pass(bytes);
  }

  /** Hashes while the thread pool writes. */
  private async pass(bytes: Uint8Array): Promise<void> {
    const file = this.file!;
    const written = guarded(this.path, UNTOUCHED, () => writeFully(file, bytes, null));
    this.hash.update(bytes);
    await written;
  }
}

/**
 * Writes a file so that its name never shows anything but the whole content: part file, fsync, rename, fsync of the folder.
 * An error from `write` or the disk removes the part file and leaves an earlier file of that name as it was.
 * @returns size and SHA-256 of what was written
 * @throws HeartcutError HC1001-HC1005 naming the path; whatever `write` throws
 */
export async function publishFile(
  path: string,
  write: (sink: Sink) => Promise<void>,
  options: FileSystemOptions = {},
): Promise<Published> {
  const publication = await Publication.open(path, options);
  try {
    await write(publication);
    return await publication.publish();
  } catch (error) {
    await publication.discard();
    throw error;
  }
}

/** Publishes text as UTF-8. */
export async function publishText(path: string, text: string, options: FileSystemOptions = {}): Promise<Published> {
  return publishFile(path, (sink) => sink.write(Buffer.from(text, "utf8")), options);
}

/** Publishes a value as JSON: two spaces of indent, keys in the order given, newline at the end. */
export async function publishJson(path: string, value: unknown, options: FileSystemOptions = {}): Promise<Published> {
  const text = JSON.stringify(value, null, 2);
  if (text === undefined) throw new InternalError(`value for ${path} has no JSON form`);
  return publishText(path, `${text}\n`, options);
}

/** Size and SHA-256 of a file, read in pieces. @throws HeartcutError HC1002-HC1005 */
export async function sha256File(path: string, options: FileSystemOptions = {}): Promise<Published> {
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  return guarded(path, "nothing was changed", async () => {
    const file = await fileSystem.open(path, "r");
    try {
      const hash = createHash("sha256");
      const piece = new Uint8Array(1024 * 1024);
      let bytes = 0;
      for (;;) {
        const count = await readFully(file, piece, bytes);
        hash.update(piece.subarray(0, count));
        bytes += count;
        if (count < piece.length) return { bytes, sha256: hash.digest("hex") };
      }
    } finally {
      await file.close();
    }
  });
}
