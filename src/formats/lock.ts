import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { HeartcutError, printable } from "../errors.ts";
import { describeSystemError, guarded, isMissing } from "./file_system.ts";

/** A folder held by this process. */
export interface Lock {
  /** Gives the folder free. Also happens when the process ends; after a kill the next process sees that this one is gone. */
  release(): void;
}

/** Who may hold a folder: the name of the lock file says it all, so that a file torn by a crash loses nothing. */
interface Holder {
  file: string;
  machine: string;
  pid: number;
  started: string;
}

const PATTERN = /^\.lock-([0-9a-f]{8})-([0-9]+)-([0-9a-f]+)$/;
const TRIES = 8;

/**
 * Takes the exclusive right to write in a folder.
 *
 * Each contender puts down a file of its own name (machine, pid, start time of the process) and then looks for others. Nobody ever
 * removes the file of a living process, so two can never both hold the folder, and a stale file needs no takeover; contenders that
 * meet step back and try again after a random pause.
 * @param owner - what holds it, for the message that others get, e.g. "heartcut run recipes/quickstart.yaml"
 * @throws HeartcutError HC1030 naming the process that holds the folder; HC1001-HC1005
 */
export async function acquireLock(folder: string, owner: string): Promise<Lock> {
  await guarded(folder, "nothing was changed", () => mkdir(folder, { recursive: true }));
  const own = describeSelf();
  const path = join(folder, own.file);
  for (let attempt = 1; ; attempt++) {
    put(path, owner, folder);
    const other = livingHolders(folder).find(({ file }) => file !== own.file);
    if (other === undefined) break;
    const description = describeHolder(folder, other);
    remove(path);
    if (attempt === TRIES)
      throw held(folder, other.machine === own.machine ? other.pid : undefined, description, join(folder, other.file));
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 20 * attempt));
  }
  const release = () => {
    process.removeListener("exit", release);
    remove(path);
  };
  process.once("exit", release);
  return { release };
}

function put(path: string, owner: string, folder: string): void {
  try {
    writeFileSync(path, `${owner}\n`, { flag: "wx" });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST")
      throw held(folder, process.pid, "this very process", path);
    throw describeSystemError(error, path, "nothing was changed");
  }
}

/** The holders that live (or may live, on another machine); files of dead processes are removed on the way. */
function livingHolders(folder: string): Holder[] {
  const machine = machineId();
  const holders: Holder[] = [];
  for (const file of readdirSync(folder)) {
    const match = PATTERN.exec(file);
    if (match === null) continue;
    const holder = { file, machine: match[1]!, pid: Number(match[2]), started: match[3]! };
    if (holder.machine !== machine || startOf(holder.pid) === holder.started) holders.push(holder);
    else remove(join(folder, file));
  }
  return holders;
}

function describeSelf(): Holder {
  const machine = machineId();
  const started = startOf(process.pid) ?? "0";
  return { file: `.lock-${machine}-${process.pid}-${started}`, machine, pid: process.pid, started };
}

function machineId(): string {
  return createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
}

/**
 * When a living process started, in a form only good for comparing: a pid that was given to another process has another start.
 * @returns undefined if there is no such process
 */
function startOf(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives and belongs to someone else.
    if (!(error instanceof Error && "code" in error && error.code === "EPERM")) return undefined;
  }
  // Windows has no cheap way to ask: there an existing process counts as the holder.
  if (process.platform === "win32") return "0";
  const start = process.platform === "linux" ? linuxStart(pid) : psStart(pid);
  return start === undefined ? undefined : createHash("sha256").update(start).digest("hex").slice(0, 12);
}

/** Clock ticks from boot to start (field 22 of /proc/PID/stat), with the id of the boot. A zombie no longer works: it counts as gone. */
function linuxStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command name in field 2 may hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return undefined;
    return `${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${fields[19]}`;
  } catch (error) {
    if (isMissing(error) || (error instanceof Error && "code" in error && error.code === "ESRCH")) return undefined;
    throw describeSystemError(error, `/proc/${pid}/stat`, "nothing was changed");
  }
}

function psStart(pid: number): string | undefined {
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
    }).trim();
  } catch {
    return undefined;
  }
}

function describeHolder(folder: string, holder: Holder): string {
  try {
    return printable(readFileSync(join(folder, holder.file), "utf8").trim().slice(0, 200));
  } catch (error) {
    if (isMissing(error)) return "a process that has just ended";
    throw describeSystemError(error, join(folder, holder.file), "nothing was changed");
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw describeSystemError(error, path, "nothing was changed");
  }
}

function held(folder: string, pid: number | undefined, description: string, file: string): HeartcutError {
  return new HeartcutError("HC1030", {
    what: pid === undefined ? "the folder is in use on another machine" : `the folder is in use by process ${pid}`,
    where: folder,
    found: description === "" ? undefined : description,
    why: "two writers in one folder would mix their files",
    fix:
      pid === undefined
        ? `wait for it to end; if that machine is gone, delete ${file}`
        : "wait for it to end, or stop it, or choose another folder",
  });
}
