import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { execute } from "../../src/cli/commands/inspect.ts";
import { openManifest } from "../../src/formats/manifest.ts";
import { publishJson } from "../../src/formats/publish.ts";
import { quietContext } from "../../src/progress.ts";

let folder = "";
const at = (name: string) => join(folder, name);
const inspect = (name: string) => execute({ path: at(name), rows: 1 }, { ...quietContext(), offline: true } as never);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-inspect-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function committed(name: string, file: string, value: object): Promise<void> {
  await mkdir(at(name));
  const published = await publishJson(join(at(name), file), value);
  await (await openManifest(at(name))).commit({ name: file, ...published, fingerprint: "" });
}

const HASH = "0".repeat(64);

it("shows a teacher store, and one that is not finished", async () => {
  await committed("store", "store.json", {
    ...{
      format: "heartcut-teacher-store",
      version: 1,
      teacher: "t",
      teacherName: "big",
      tokenizer: HASH,
      corpus: HASH,
    },
    ...{ vocabSize: 2048, topK: 32, precision: "step64", documentBarrier: false, instances: 10, positions: 1000 },
    ...{ bytes: 50_000, meanRest: 0.123 },
    shards: [{ name: "part-00000.topk", first: 0, instances: 10, content: HASH }],
  });
  const { text, data } = await inspect("store");
  expect(text).toMatch(/big\n.*32 likeliest of 2,048 tokens, precision step64\n10 instances, 1,000 positions/);
  expect(text).toMatch(/50\.0 bytes a position\n12\.3 %/);
  expect(data).toMatchObject({ topK: 32, positions: 1000 });
  await mkdir(at("begun"));
  await writeFile(at("begun/part-00000.topk"), "");
  await expect(inspect("begun")).rejects.toThrow(/HC3414/);
});

it("shows what a teacher wrote", async () => {
  await committed("text", "sequences.json", {
    ...{ teacher: { name: "big", fingerprint: "f" }, tokenizer: HASH, corpus: HASH, promptTokens: 16, length: 129 },
    ...{ afterEos: "end", temperature: 1, topK: null, topP: null, seed: 1 },
    ...{ instances: 2, tokens: 200, generatedTokens: 168, ended: 1 },
  });
  await writeFile(at("text/examples.jsonl"), '{"instance":0,"source":"a","prompt":"Once","completion":" more"}\n');
  const { text } = await inspect("text");
  expect(text).toContain("written by big, from the first 16 tokens");
  expect(text).toContain('"completion":" more"');
});

it("shows a selection", async () => {
  const counts = { kept: 5, total: 10 };
  await committed("half", "selection.json", {
    ...{
      name: "half",
      method: "random",
      instances: counts,
      tokens: counts,
      meanDifference: { kept: 0, dropped: 0, all: 0 },
    },
    ...{ bySource: [{ source: "a", ...counts, keptTokens: 5, totalTokens: 10, meanDifference: 0 }], audit: [] },
  });
  expect((await inspect("half")).text).toMatch(/selection half by random: 5 of 10 instances[\s\S]*\na +5 of 10/);
});

it("shows how far a training is", async () => {
  for (const step of ["00000100", "00000200"]) await mkdir(at(`student/checkpoints/step-${step}`), { recursive: true });
  expect(await inspect("student")).toMatchObject({
    text: expect.stringContaining("last checkpoint at step 200"),
    data: { finished: false, lastCheckpoint: 200 },
  });
  const weights = [{ name: "model.safetensors", bytes: 4096, sha256: HASH }];
  const summary = {
    model: "llama",
    parameters: 1000,
    steps: 300,
    tokens: 9600,
    flops: 1e9,
    seed: 2,
    finalLoss: 3.5,
    weights,
  };
  await writeFile(at("student/training.json"), JSON.stringify(summary));
  expect((await inspect("student/training.json")).text).toMatch(
    /llama, 1,000 parameters, seed 2\n300 steps, 9,600 tokens/,
  );
});
