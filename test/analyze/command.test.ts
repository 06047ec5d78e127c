import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { writingBelow } from "../../src/cli/analyze/output.ts";
import { type AnalyzeOptions, execute } from "../../src/cli/commands/analyze.ts";
import { acquireLock } from "../../src/formats/lock.ts";

const context = { report: () => {}, signal: new AbortController().signal };

async function temporary(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "heartcut-analyze-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A run with one finished stage and one that was only started. */
async function runFolder(): Promise<string> {
  const run = join(await temporary(), "run");
  await mkdir(join(run, "stages/analyze"), { recursive: true });
  await writeFile(join(run, "run.json"), "{}");
  const record = (stage: string, outputs: string[]) =>
    writeFile(
      join(run, "stages", `${stage}.json`),
      JSON.stringify({ stage, outputs: outputs.map((name) => ({ name })) }),
    );
  await record("pack", ["pack/pool/instances.parquet"]);
  await record("analyze/difference", []);
  return run;
}

describe("where analyses are written", () => {
  const nothing = async () => "written";

  test("not over what a stage of the run writes", async () => {
    const run = await runFolder();
    const refused = [
      ["analyze", "difference"],
      ["analyze/difference", "duplicates"],
      ["pack", "pool"],
      [".", "pack"],
    ] as const;
    for (const [out, name] of refused)
      await expect(writingBelow(join(run, out), ["free", name], nothing), out).rejects.toMatchObject({
        code: "HC3638",
        fault: { where: expect.stringContaining(join(run, out)) },
      });
    for (const names of [["random", "duplicates"], ["differences"]])
      expect(await writingBelow(join(run, "analyze"), names, nothing)).toBe("written");
    expect((await readdir(run)).filter((name) => name.startsWith(".lock"))).toEqual([]);
  });

  test("not in a run that goes on, nor by two at once; elsewhere meanwhile", async () => {
    const run = await runFolder();
    const lock = await acquireLock(run, "heartcut run");
    try {
      await expect(writingBelow(join(run, "mine"), ["a"], nothing)).rejects.toThrow(/HC1030/);
      const elsewhere = join(run, "../elsewhere");
      await writingBelow(elsewhere, ["a"], async () => {
        await expect(writingBelow(elsewhere, ["a"], nothing)).rejects.toThrow(/HC1030/);
      });
    } finally {
      lock.release();
    }
  });
});

describe("what was meant", () => {
  const refusal = (options: AnalyzeOptions) =>
    execute(options, context).then(
      () => "",
      (error: Error) => error.message,
    );

  test("a folder that is not there is told from a kind of analysis", async () => {
    const missing = join(await temporary(), "mine");
    expect(await refusal({ kind: "selections", run: missing, seed: 1 })).toMatch(
      /HC3630: there is no such run[\s\S]*run, scorers, labels/,
    );
    expect(await refusal({ kind: "selections", run: "scorer", seed: 1 })).toContain(
      "did you mean `heartcut analyze scorers`?",
    );
  });

  test("a mistyped cheap scorer is named, and texts are asked for where they are read", async () => {
    const scorers = (cheap: string, more = {}) =>
      refusal({ kind: "scorers", exact: "nowhere", cheap: [cheap], ...more });
    expect(await scorers("lenght")).toMatch(/HC3639[\s\S]*--cheap lenght[\s\S]*did you mean --cheap length\?/);
    expect(await scorers("low_compression_ratio")).toMatch(/HC3636[\s\S]*--instances and --tokenizer are missing/);
    expect(await scorers("low_compression_ratio", { instances: "x" })).toContain("--tokenizer is missing");
    expect(await scorers("length", { instances: "x" })).toMatch(/--instances would have no effect/);
  });
});
