import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { compileForChildren } from "../children.ts";
import { instanceFolder, randomInstances, temporaryFolder } from "../score/bigram.ts";

const KILLS = 6;

let compiled: string;
beforeAll(async () => {
  compiled = await compileForChildren("capture");
}, 120_000);

/** Runs the child; kills it after a while if one is given. @returns its exit code, null if it was killed */
async function run(script: string, args: string[], killAfter?: number): Promise<number | null> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "ignore", "inherit"] });
  const exit = once(child, "exit");
  const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killAfter);
  const [code] = (await exit) as [number | null];
  clearTimeout(timer);
  return code;
}

async function contents(folder: string): Promise<[string, string][]> {
  const names = (await readdir(folder)).sort();
  return Promise.all(
    names.map(async (name) => [name, (await readFile(join(folder, name))).toString("hex")] as [string, string]),
  );
}

test.each(["capture", "sequences"])(
  "%s: kill -9 at random moments, then resume: every file has the bytes of an uninterrupted run",
  async (stage) => {
    const folder = await temporaryFolder();
    const script = join(compiled, `test/capture/${stage}_child.js`);
    const instances = await instanceFolder(folder, randomInstances(120, 9));
    const start = performance.now();
    expect(await run(script, [instances, join(folder, "whole")])).toBe(0);
    const whole = performance.now() - start;
    const expected = await contents(join(folder, "whole"));

    const random = new Random(1, "test/kills");
    let killed = 0;
    for (let round = 0; killed < KILLS; round++) {
      const resumed = join(folder, `killed-${round}`);
      // Several kills of one run, so that a resumed run is killed as well.
      for (let i = 0; i < 3 && killed < KILLS; i++)
        if ((await run(script, [instances, resumed], 0.25 * whole + 0.7 * whole * random.uniform())) === null) killed++;
      expect(await run(script, [instances, resumed])).toBe(0);
      expect(await contents(resumed)).toEqual(expected);
    }
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
  },
);
