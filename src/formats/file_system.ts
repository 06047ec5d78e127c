import * as nodePromises from "node:fs/promises";
import { HeartcutError } from "../errors.ts";

/** The operations on an open file that heartcut uses. */
export interface OpenFile {
  read(buffer: Uint8Array, offset: number, length: number, position: number | null): Promise<{ bytesRead: number }>;
  write(buffer: Uint8Array, offset: number, length: number, position: number | null): Promise<{ bytesWritten: number }>;
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  stat(): Promise<{ size: number }>;
  close(): Promise<void>;
}

/** Every operation that published files go through, so that a test can fail the n-th of them. */
export interface FileSystem {
  open(path: string, flags: string | number): Promise<OpenFile>;
  mkdir(path: string, options: { recursive: true }): Promise<unknown>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { recursive: true; force: true }): Promise<void>;
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<{ size: number; isFile(): boolean; isDirectory(): boolean }>;
}

/** The machine's own file system. */
export const nodeFileSystem: FileSystem = nodePromises;

/** Taken by every function here that writes. */
export interface FileSystemOptions {
  fileSystem?: FileSystem | undefined;
}

/** Longest single read, write or hash update: the calls of Node take no more than 2^31 - 1 bytes at once. */
export const PIECE_BYTES = 16 * 2 ** 20;

/**
 * Runs one file operation and turns the system's error into a HeartcutError that names the path and what to do.
 * @param kept - what the user still has after the failure
 * @throws HeartcutError HC1001 (no space), HC1002 (no permission), HC1003 (damaged medium), HC1004 (missing), HC1005 (other)
 */
export async function guarded<T>(path: string, kept: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw describeSystemError(error, path, kept);
  }
}

/** The HeartcutError for an error of the system; anything else comes back as it is. */
export function describeSystemError(error: unknown, path: string, kept: string): unknown {
  if (!(error instanceof Error) || !("code" in error) || error instanceof HeartcutError) return error;
  const common = { where: path, found: error.message, why: kept };
  const cause = { cause: error };
  switch (error.code) {
    case "ENOSPC":
    case "EDQUOT":
      return new HeartcutError(
        "HC1001",
        {
          ...common,
          what: "no space left to write",
          fix: "free space on that disk (or raise the quota) and run the same command again",
        },
        cause,
      );
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new HeartcutError(
        "HC1002",
        { ...common, what: "access denied", fix: "allow this user to read and write there, or choose another folder" },
        cause,
      );
    case "EIO":
      return new HeartcutError(
        "HC1003",
        {
          ...common,
          what: "the disk reported an input/output error",
          fix: "check the disk or mount, then run the same command again",
        },
        cause,
      );
    case "ENOENT":
    case "ENOTDIR":
      return new HeartcutError(
        "HC1004",
        { ...common, what: "no such file or folder", fix: "check the spelling of the path" },
        cause,
      );
    default:
      return new HeartcutError(
        "HC1005",
        {
          ...common,
          what: "file operation failed",
          fix: "settle what the system reported and run the same command again",
        },
        cause,
      );
  }
}

/** Whether an error, raw or described, says that the path does not exist. */
export function isMissing(error: unknown): boolean {
  if (error instanceof HeartcutError) return error.code === "HC1004";
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

/** Writes all of `bytes` at `position` (null: where the file stands), whatever the length and however short the single writes. */
export async function writeFully(file: OpenFile, bytes: Uint8Array, position: number | null): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(PIECE_BYTES, bytes.length - done);
    const { bytesWritten } = await file.write(bytes, done, length, position === null ? null : position + done);
    done += bytesWritten;
  }
}

/** Fills `bytes` from `position`, whatever the length. @returns how many bytes there were, less than asked only at the end of the file */
export async function readFully(file: OpenFile, bytes: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(PIECE_BYTES, bytes.length - done);
    const { bytesRead } = await file.read(bytes, done, length, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Makes the names in a folder durable. */
export async function syncFolder(fileSystem: FileSystem, folder: string): Promise<void> {
  // Windows cannot open a folder; NTFS journals renames itself.
  if (process.platform === "win32") return;
  const handle = await fileSystem.open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
