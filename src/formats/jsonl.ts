import { constants } from "node:fs";
import { dirname } from "node:path";
import { HeartcutError, InternalError, printable } from "../errors.ts";
import {
  type FileSystem,
  type FileSystemOptions,
  guarded,
  nodeFileSystem,
  type OpenFile,
  readFully,
  syncFolder,
  writeFully,
} from "./file_system.ts";
import type { Limits } from "./limits.ts";
import { readLines } from "./lines.ts";
import { type Published, publishFile } from "./publish.ts";

/** One value of a JSONL file with its place. */
export interface JsonlRecord<T> {
  /** Line number, counted from 1. */
  line: number;
  value: T;
  end: number;
}

/**
 * The values of a JSONL file (plain, gzip or zstd), in order, with their line numbers; blank lines are skipped.
 * The type argument is the caller's word: check the shape where the file is not heartcut's own.
 * @throws HeartcutError HC1052 naming the line that is no JSON; see readLines
 */
export async function* readJsonl<T = unknown>(
  path: string,
  options: { limits?: Partial<Limits> } = {},
): AsyncGenerator<JsonlRecord<T>> {
  for await (const { number, text, end } of readLines(path, options)) {
    if (text.trim() === "") continue;
    yield { line: number, value: parseLine(text, `${path}:${number}`) as T, end };
  }
}

/** Publishes values as JSON, one a line. */
export async function publishJsonl(
  path: string,
  values: Iterable<unknown> | AsyncIterable<unknown>,
  options: FileSystemOptions = {},
): Promise<Published> {
  return publishFile(
    path,
    async (sink) => {
      for await (const value of values) await sink.write(encodeLine(value, path));
    },
    options,
  );
}

const KEPT = "the lines written before are kept";

/**
 * A JSONL file that grows while work goes on (metrics) and can be cut back to what a checkpoint knew.
 * A torn last line, left by a crash, is dropped when the log is opened.
 */
export class JsonlLog<T> {
  private queue: Promise<void> = Promise.resolve();

  private constructor(
    readonly path: string,
    private readonly file: OpenFile,
    /** Lines so far. */
    private kept: { value: T; end: number }[],
  ) {}

  /** Opens or starts the file. @throws HeartcutError HC1052 if a line that ends in a newline is damaged; HC1001-HC1005 */
  static async open<T>(
    path: string,
    options: FileSystemOptions & { limits?: Partial<Limits> } = {},
  ): Promise<JsonlLog<T>> {
    const fileSystem: FileSystem = options.fileSystem ?? nodeFileSystem;
    const file = await guarded(path, KEPT, async () => {
      await fileSystem.mkdir(dirname(path), { recursive: true });
      return fileSystem.open(path, constants.O_RDWR | constants.O_CREAT);
    });
    const log = new JsonlLog<T>(path, file, []);
    try {
      await guarded(path, KEPT, () => syncFolder(fileSystem, dirname(path)));
      await log.dropTornLine();
      for await (const { value, end } of readJsonl<T>(path, options)) log.kept.push({ value, end });
      return log;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The values so far. */
  values(): T[] {
    return this.kept.map(({ value }) => value);
  }

  /** Appends one line. It survives a kill of the process; call sync() where it must survive a power failure. */
  append(value: T): Promise<void> {
    const appended = this.queue.then(async () => {
      const line = encodeLine(value, this.path);
      const start = this.kept.at(-1)?.end ?? 0;
      await guarded(this.path, KEPT, () => writeFully(this.file, line, start));
      this.kept.push({ value, end: start + line.length });
    });
    this.queue = appended.catch(() => {});
    return appended;
  }

  /** Keeps the longest prefix of lines for which `keep` holds and cuts the rest off. @returns how many lines were cut */
  async truncateWhere(keep: (value: T) => boolean): Promise<number> {
    const first = this.kept.findIndex(({ value }) => !keep(value));
    if (first < 0) return 0;
    const removed = this.kept.length - first;
    await guarded(this.path, KEPT, () => this.file.truncate(first === 0 ? 0 : this.kept[first - 1]!.end));
    this.kept.length = first;
    return removed;
  }

  /** Brings all lines to the disk. */
  async sync(): Promise<void> {
    await guarded(this.path, KEPT, () => this.file.sync());
  }

  async close(): Promise<void> {
    await guarded(this.path, KEPT, () => this.file.close());
  }

  /** Cuts the file behind its last newline. */
  private async dropTornLine(): Promise<void> {
    await guarded(this.path, KEPT, async () => {
      const { size } = await this.file.stat();
      const window = new Uint8Array(Math.min(size, 64 * 1024));
      for (let end = size; end > 0; end -= window.length) {
        const start = Math.max(0, end - window.length);
        const count = await readFully(this.file, window.subarray(0, end - start), start);
        const newline = window.subarray(0, count).lastIndexOf(10);
        if (newline >= 0) return start + newline + 1 < size ? this.file.truncate(start + newline + 1) : undefined;
      }
      return size > 0 ? this.file.truncate(0) : undefined;
    });
  }
}

/** A value as one line of JSONL. */
function encodeLine(value: unknown, path: string): Buffer {
  const text = JSON.stringify(value);
  if (text === undefined) throw new InternalError(`a value for ${path} has no JSON form`);
  return Buffer.from(`${text}\n`, "utf8");
}

function parseLine(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    throw new HeartcutError(
      "HC1052",
      {
        what: "the line is not valid JSON",
        where,
        found: `${printable(text.slice(0, 80))}${text.length > 80 ? "…" : ""}`,
        expected: "one JSON value a line",
        why: printable(message),
        fix: "correct or remove the line",
      },
      { cause },
    );
  }
}
