import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { readExamples, readPredictions, readTaskSummary, writePredictions } from "../../src/tasks/files.ts";
import { type PrepareInput, prepareTask } from "../../src/tasks/prepare.ts";
import { SPLITS } from "../../src/tasks/record.ts";
import { taskNamed } from "../../src/tasks/registry.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "tasks-"));
});
afterAll(() => rm(root, { recursive: true }));

const problem = (i: number) => ({
  id: `p${i}`,
  input: `Ann has ${i} pens.\nHow many has she?`,
  equation: `( ${i}.0 + 0.0 )`,
});
const jsonl = (rows: readonly unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => problem(from + i));

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(root, name);
  await writeFile(path, content);
  return path;
}

/** The input of a good preparation over 200 + 20 problems, with changes laid over it. */
async function good(folder: string, changes: Partial<PrepareInput> = {}): Promise<PrepareInput> {
  const train = await file("good_train.jsonl", jsonl(range(0, 200)));
  const test = await file("good_test.json.gz", gzipSync(JSON.stringify(range(200, 220))));
  return {
    task: taskNamed("svamp"),
    folder: join(root, folder),
    train,
    validation: { share: 0.1 },
    test,
    seed: 1,
    ...changes,
  };
}

async function idsOf(folder: string) {
  const ids: Record<string, string[]> = {};
  for (const split of SPLITS) ids[split] = (await readExamples(join(root, folder), split)).map(({ id }) => id);
  return ids;
}

describe("prepareTask", () => {
  test("keeps the splits apart and in order, the same for the same seed", async () => {
    const summary = await prepareTask(await good("a"), quietContext());
    expect(summary.splits.train.examples).toBe(180);
    expect(summary.answerInInput).toBe(0);
    expect(await readTaskSummary(join(root, "a"))).toEqual(summary);
    const ids = await idsOf("a");
    expect(ids.test).toEqual(range(200, 220).map(({ id }) => id));
    expect([...ids.train!, ...ids.validation!].sort()).toEqual(
      range(0, 200)
        .map(({ id }) => id)
        .sort(),
    );
    for (const split of SPLITS) expect(ids[split]).toEqual(ids[split]!.toSorted((a, b) => +a.slice(1) - +b.slice(1)));

    expect(await prepareTask(await good("same"), quietContext())).toEqual(summary);
    await prepareTask(await good("other", { seed: 2 }), quietContext());
    expect((await idsOf("other")).validation).not.toEqual(ids.validation);
    // A fixed draw: another one would silently change everybody's splits.
    expect(ids.validation!.slice(0, 6)).toMatchInlineSnapshot(`
      [
        "p9",
        "p13",
        "p49",
        "p56",
        "p60",
        "p67",
      ]
    `);
  });

  test("a limit draws a subset, a smaller one a subset of that, and leaves the other splits alone", async () => {
    await prepareTask(await good("whole"), quietContext());
    await prepareTask(await good("some", { limit: { train: 50 } }), quietContext());
    await prepareTask(await good("few", { limit: { train: 10, test: 999 } }), quietContext());
    const [whole, some, few] = [await idsOf("whole"), await idsOf("some"), await idsOf("few")];
    expect([some.train!.length, few.train!.length]).toEqual([50, 10]);
    expect(whole.train).toEqual(expect.arrayContaining(some.train!));
    expect(some.train).toEqual(expect.arrayContaining(few.train!));
    expect(few.train).not.toEqual(whole.train!.slice(0, 10));
    expect({ ...few, train: 0 }).toEqual({ ...whole, train: 0 });
  });

  test("what is finished is not read again; what is damaged is made again, byte for byte", async () => {
    const input = await good("again");
    const rows: string[] = [];
    const context = {
      ...quietContext(),
      report: (e: ProgressEvent) => void (e.type === "progress" && rows.push(e.unit)),
    };
    await prepareTask(input, context);
    expect(rows).toEqual(["train rows", "test rows"]);
    await prepareTask(input, context);
    expect(rows.length).toBe(2);
    const names = (await readdir(input.folder)).sort();
    expect(names).toEqual(["task.json", "test.jsonl", "train.jsonl", "validation.jsonl"]);
    for (const name of names) {
      const path = join(input.folder, name);
      const bytes = await readFile(path);
      await writeFile(path, bytes.subarray(0, bytes.length - 7));
      if (name !== "task.json")
        await expect(readExamples(input.folder, name.split(".")[0] as "train")).rejects.toThrow("HC6040");
      await prepareTask(input, context);
      expect(await readFile(path)).toEqual(bytes);
    }
    await prepareTask({ ...input, seed: 9 }, context);
    expect((await readTaskSummary(input.folder)).settings.seed).toBe(9);
  });

  test("inputs in two splits are counted and warned of", async () => {
    const shared = [...range(200, 210), { ...problem(3), id: "q", input: `  ${problem(3).input} ` }];
    const warnings: string[] = [];
    const context = {
      ...quietContext(),
      report: (e: ProgressEvent) => void (e.type === "warning" && warnings.push(e.message)),
    };
    const validation = await file("own_valid.jsonl", jsonl(range(300, 310)));
    const input = await good("shared", { validation, test: await file("shared.jsonl", jsonl(shared)) });
    const { sharedInputs } = await prepareTask(input, context);
    expect(sharedInputs).toEqual({ trainValidation: 0, trainTest: 1, validationTest: 0 });
    expect(warnings).toEqual(["1 examples of the test split have an input that is also in the train split"]);
  });

  test.each<[string, string, (g: PrepareInput) => Promise<Partial<PrepareInput>>, RegExp]>([
    [
      "one file for two splits",
      "HC6031",
      async (g) => ({ test: g.train }),
      /same file[\s\S]*name a test file with examples of its own/,
    ],
    [
      "an id in two splits",
      "HC6031",
      async () => ({ test: await file("t1.jsonl", jsonl(range(199, 201))) }),
      /id "p199"/,
    ],
    [
      "an id twice",
      "HC6030",
      async () => ({ train: await file("t2.jsonl", jsonl([...range(0, 3), problem(1)])) }),
      /t2\.jsonl:4[\s\S]*t2\.jsonl:2/,
    ],
    ["an empty file", "HC6032", async () => ({ test: await file("t3.jsonl", "\n") }), /test split/],
    ["a share of everything", "HC6033", async () => ({ validation: { share: 1 } }), /between 0 and 1/],
    ["a share of nothing", "HC6033", async () => ({ validation: { share: 0.001 } }), /0\.001 of 200/],
    ["a limit of 0", "HC6033", async () => ({ limit: { test: 0 } }), /limit of the test/],
    ["a missing file", "HC1004", async () => ({ train: join(root, "none.jsonl") }), /none\.jsonl/],
  ])("refuses %s: %s", async (_, code, changes, message) => {
    const input = await good("refused");
    const failed = prepareTask({ ...input, ...(await changes(input)) }, quietContext());
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toMatchObject({ code });
    await expect(readTaskSummary(input.folder)).rejects.toThrow("HC6040");
  });

  test("stops when asked to, and leaves nothing that looks finished", async () => {
    const input = await good("stopped");
    const context = { ...quietContext(), signal: AbortSignal.abort() };
    await expect(prepareTask(input, context)).rejects.toThrow("HC0130");
    await expect(readExamples(input.folder, "train")).rejects.toThrow("HC6040");
  });
});

test("predictions come back as they were; a line that is none is named", async () => {
  const path = join(root, "predictions.jsonl");
  const predictions = [
    { id: "a", prediction: "yes", target: "no", correct: false, valid: true },
    { id: "b", prediction: "", target: "no", correct: false, valid: false },
  ];
  await writePredictions(path, predictions);
  expect(await readPredictions(path)).toEqual(predictions);
  await writeFile(path, jsonl([predictions[0], { ...predictions[1], correct: "no" }]));
  await expect(readPredictions(path)).rejects.toThrow(/HC6041[\s\S]*predictions\.jsonl:2/);
});
