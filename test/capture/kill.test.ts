import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { compileForChildren, contentsOf, runChild } from "../children.ts";
import { instanceFolder, randomInstances, temporaryFolder } from "../score/bigram.ts";

const KILLS = 6;

let compiled: string;
beforeAll(async () => {
  compiled = await compileForChildren("capture");
}, 120_000);

test.each(["capture", "sequences"])(
  "%s: kill -9 at random moments, then resume: every file has the bytes of an uninterrupted run",
  async (stage) => {
    const folder = await temporaryFolder();
    const script = join(compiled, `test/capture/${stage}_child.js`);
    const instances = await instanceFolder(folder, randomInstances(120, 9));
    const start = performance.now();
    expect(await runChild(script, [instances, join(folder, "whole")])).toBe(0);
    const whole = performance.now() - start;
    const expected = await contentsOf(join(folder, "whole"));

    const random = new Random(1, "test/kills");
    let killed = 0;
    for (let round = 0; killed < KILLS; round++) {
      const resumed = join(folder, `killed-${round}`);
      // Several kills of one run, so that a resumed run is killed as well.
      for (let i = 0; i < 3 && killed < KILLS; i++)
        if ((await runChild(script, [instances, resumed], 0.25 * whole + 0.7 * whole * random.uniform())) === null)
          killed++;
      expect(await runChild(script, [instances, resumed])).toBe(0);
      expect(await contentsOf(resumed)).toEqual(expected);
    }
    expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
  },
);
