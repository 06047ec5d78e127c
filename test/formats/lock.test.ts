import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { beforeAll, expect, test } from "vitest";
import { acquireLock } from "../../src/formats/lock.ts";
import { temporaryFolder } from "./faults.ts";

let script: string;

beforeAll(async () => {
  const result = await build({
    logLevel: "silent",
    configFile: false,
    build: {
      ssr: join(import.meta.dirname, "../../src/formats/lock.ts"),
      write: false,
      minify: false,
      target: "node20",
    },
  });
  const outputs = Array.isArray(result) ? result : [result];
  const chunk = outputs.flatMap((output) => ("output" in output ? output.output : []))[0];
  if (chunk?.type !== "chunk") throw new Error("no bundle");
  script = chunk.code;
});

/** A process that takes the lock, says so, counts in a file while it holds it, and ends when told. */
function contender(folder: string, body: string): ChildProcess {
  const source = `${script.replace(/export \{[^}]*\};?/, "")}\nconst folder = ${JSON.stringify(folder)};\n${body}`;
  return spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: ["pipe", "pipe", "inherit"] });
}
const line = async (child: ChildProcess) => String((await once(child.stdout!, "data"))[0]).trim();
const HOLD = `await acquireLock(folder, "the other run"); console.log("held"); process.stdin.resume();`;

test("a living process keeps others out by name, a killed one does not", async () => {
  const folder = temporaryFolder();
  const child = contender(folder, HOLD);
  expect(await line(child)).toBe("held");
  await expect(acquireLock(folder, "mine")).rejects.toMatchObject({
    code: "HC1030",
    fault: { what: expect.stringContaining(`process ${child.pid}`), found: "the other run", where: folder },
  });
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(readdirSync(folder)).toHaveLength(1);
  const lock = await acquireLock(folder, "mine");
  expect(readdirSync(folder)).toHaveLength(1);
  lock.release();
  expect(readdirSync(folder)).toEqual([]);
});

test("a process that ends gives the folder free", async () => {
  const folder = temporaryFolder();
  const child = contender(folder, `await acquireLock(folder, "x"); process.exit(3);`);
  await once(child, "exit");
  expect(readdirSync(folder)).toEqual([]);
});

test("one process cannot take a folder twice; released, it can", async () => {
  const folder = join(temporaryFolder(), "new");
  const lock = await acquireLock(folder, "mine");
  await expect(acquireLock(folder, "mine")).rejects.toMatchObject({
    code: "HC1030",
    message: expect.stringContaining(String(process.pid)),
  });
  lock.release();
  (await acquireLock(folder, "mine")).release();
});

test("a reused pid is not mistaken, another machine's lock is respected", async () => {
  const folder = temporaryFolder();
  const machine = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
  // This very pid, alive, but started at another time.
  writeFileSync(join(folder, `.lock-${machine}-${process.pid}-0123456789ab`), "old\n");
  writeFileSync(join(folder, `.lock-${machine}-999999999-0123456789ab`), "gone\n");
  (await acquireLock(folder, "mine")).release();
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(join(folder, ".lock-00000000-1-0123456789ab"), "run on a cluster node\n");
  await expect(acquireLock(folder, "mine")).rejects.toMatchObject({
    fault: { what: expect.stringContaining("another machine"), fix: expect.stringContaining(".lock-00000000") },
  });
});

test("of processes that start together at most one holds the folder at any time", async () => {
  const folder = temporaryFolder();
  const guard = join(temporaryFolder(), "guard");
  const body = `
import { mkdirSync as make, rmdirSync as drop } from "node:fs";
let times = 0, clashes = 0;
const until = Date.now() + 1500;
while (Date.now() < until) {
  let lock;
  try { lock = await acquireLock(folder, "x"); } catch (error) { if (error.code !== "HC1030") throw error; continue; }
  try { make(${JSON.stringify(guard)}); } catch { clashes++; }
  await new Promise((resolve) => setTimeout(resolve, 2));
  times++;
  try { drop(${JSON.stringify(guard)}); } catch { clashes++; }
  lock.release();
}
console.log(JSON.stringify({ times, clashes }));`;
  const children = [1, 2, 3].map(() => contender(folder, body));
  const results = await Promise.all(children.map(async (child) => JSON.parse(await line(child))));
  expect(results.map(({ clashes }) => clashes)).toEqual([0, 0, 0]);
  expect(results.reduce((sum, { times }) => sum + times, 0)).toBeGreaterThan(10);
});
