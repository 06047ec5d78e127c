import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { type FileSystem, nodeFileSystem, type OpenFile } from "../../src/formats/file_system.ts";

/** What the n-th operation does instead of working. "SHORT" writes or reads one byte only. */
export type FaultKind = "ENOSPC" | "EIO" | "EACCES" | "EMFILE" | "SHORT";

/** A file system whose n-th operation fails, counted from 1; `fired` tells whether it came to that. */
export function failingAt(n: number, kind: FaultKind): FileSystem & { fired: boolean } {
  let count = 0;
  const state = { fired: false };
  const step = async <T>(name: string, operation: () => Promise<T>): Promise<T> => {
    if (++count === n) {
      state.fired = true;
      if (kind !== "SHORT") throw Object.assign(new Error(`${kind}: made up, ${name}`), { code: kind });
    }
    return operation();
  };
  const isShort = () => kind === "SHORT" && count === n;
  const wrap = (file: OpenFile): OpenFile => ({
    read: (buffer, offset, length, position) =>
      step("read", () => file.read(buffer, offset, isShort() ? 1 : length, position)),
    write: (buffer, offset, length, position) =>
      step("write", () => file.write(buffer, offset, isShort() ? 1 : length, position)),
    sync: () => step("sync", () => file.sync()),
    truncate: (length) => step("truncate", () => file.truncate(length)),
    stat: () => step("fstat", () => file.stat()),
    close: async () => {
      // The descriptor is gone whatever close reports.
      await file.close();
      await step("close", async () => {});
    },
  });
  return {
    get fired() {
      return state.fired;
    },
    open: (path, flags) => step("open", async () => wrap(await nodeFileSystem.open(path, flags))),
    mkdir: (path, options) => step("mkdir", () => nodeFileSystem.mkdir(path, options)),
    rename: (from, to) => step("rename", () => nodeFileSystem.rename(from, to)),
    rm: (path, options) => step("rm", () => nodeFileSystem.rm(path, options)),
    readdir: (path) => step("readdir", () => nodeFileSystem.readdir(path)),
    stat: (path) => step("stat", () => nodeFileSystem.stat(path)),
  };
}

/** Runs `attempt` with a fault at operation 1, 2, 3 … until a run meets none. @returns how many faults fired */
export async function faultSweep(
  kind: FaultKind,
  attempt: (fileSystem: FileSystem, n: number) => Promise<void>,
): Promise<number> {
  for (let n = 1; n < 10_000; n++) {
    const fileSystem = failingAt(n, kind);
    await attempt(fileSystem, n);
    if (!fileSystem.fired) return n - 1;
  }
  throw new Error("the sweep does not end");
}

const folders: string[] = [];

/** A fresh folder, removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "heartcut-test-"));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
