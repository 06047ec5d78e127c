import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { compileForChildren, contentsOf, runChild } from "../children.ts";
import { examples, taskFolder, temporaryFolder } from "./fixture.ts";

const KILLS = 4;

test("kill -9 at random moments, then resume: every file has the bytes of an uninterrupted run", async () => {
  const folder = await temporaryFolder();
  const script = join(await compileForChildren("attribute"), "test/attribute/stage_child.js");
  const task = await taskFolder(folder, { train: examples(32, "train"), test: examples(12, "test") });
  const start = performance.now();
  expect(await runChild(script, [task, join(folder, "whole")])).toBe(0);
  const milliseconds = performance.now() - start;
  const expected = await contentsOf(join(folder, "whole"));
  expect(expected.map(([name]) => name)).toEqual([
    "attribution.json",
    "manifest.jsonl",
    "outputs-test.jsonl",
    "outputs-train.jsonl",
    "test.jsonl",
    "train.jsonl",
  ]);
  const random = new Random(1, "test/kills");
  let shards = 0;
  for (let round = 0, killed = 0; killed < KILLS; round++) {
    const resumed = join(folder, `killed-${round}`);
    // Several kills of one run, so that a resumed run is killed as well.
    for (let i = 0; i < 2 && killed < KILLS; i++)
      if ((await runChild(script, [task, resumed], milliseconds * (0.3 + 0.6 * random.uniform()))) === null) killed++;
    if (await stat(join(resumed, ".shards", "manifest.jsonl")).catch(() => undefined)) shards++;
    expect(await runChild(script, [task, resumed])).toBe(0);
    expect(await contentsOf(resumed)).toEqual(expected);
  }
  // The kills fell where they matter: between the commits of shards.
  expect(shards).toBeGreaterThan(0);
}, 300_000);
