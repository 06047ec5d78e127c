import { join } from "node:path";
import { expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { compileForChildren, contentsOf, runChild } from "../children.ts";
import { instanceFolder, randomInstances, temporaryFolder } from "./bigram.ts";

const KILLS = 10;

test("kill -9 at random moments, then resume: every file has the bytes of an uninterrupted run", async () => {
  const folder = await temporaryFolder();
  const script = join(await compileForChildren("score"), "test/score/slow_scorer_child.js");
  const instances = await instanceFolder(folder, randomInstances(160, 9));
  const start = performance.now();
  expect(await runChild(script, [instances, join(folder, "whole")])).toBe(0);
  const seconds = performance.now() - start;
  const expected = await contentsOf(join(folder, "whole"));
  expect(expected.filter(([name]) => name.endsWith(".parquet"))).toHaveLength(20);

  const random = new Random(1, "test/kills");
  let killed = 0;
  for (let round = 0; killed < KILLS; round++) {
    const resumed = join(folder, `killed-${round}`);
    // Several kills of one run, so that a resumed run is killed as well.
    for (let i = 0; i < 3 && killed < KILLS; i++) {
      if ((await runChild(script, [instances, resumed], 0.2 * seconds + 0.75 * seconds * random.uniform())) === null)
        killed++;
    }
    expect(await runChild(script, [instances, resumed])).toBe(0);
    expect(await contentsOf(resumed)).toEqual(expected);
  }
});
