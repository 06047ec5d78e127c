import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { captureTeacher } from "../../src/capture/capture.ts";
import { type CaptureInput, defaultShard } from "../../src/capture/capture_settings.ts";
import type { TopLogProbs } from "../../src/distill/record.ts";
import { openTeacherStore } from "../../src/distill/store.ts";
import { estimateStore } from "../../src/distill/store_estimate.ts";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { EOS, instanceFolder, randomInstances, temporaryFolder, VOCAB } from "../score/bigram.ts";
import { bigramTeacher } from "./teacher.ts";

const COUNT = 50;
const K = 6;
const data = randomInstances(COUNT, 1);
const TOKENIZER = "c".repeat(64);

async function setUp(change: Partial<CaptureInput> = {}) {
  const parent = await temporaryFolder();
  const bigram = bigramTeacher(1);
  const input: CaptureInput = {
    teacher: bigram.teacher,
    tokenizer: TOKENIZER,
    instances: await instanceFolder(parent, data),
    folder: join(parent, "store"),
    topK: K,
    precision: "float32",
    batchTokens: 128,
    shardInstances: 16,
    ...change,
  };
  return { parent, input, ...bigram };
}

async function contents(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).filter((name) => /^part-\d+\.topk$|^store\.json$/.test(name)).sort();
  return new Map(
    await Promise.all(names.map(async (name) => [name, (await readFile(join(folder, name))).toString("hex")] as const)),
  );
}

describe("captureTeacher", () => {
  test("every position of every instance comes back as the teacher gave it, read in any order", async () => {
    const { input, answer, batches } = await setUp();
    const events: ProgressEvent[] = [];
    const summary = await captureTeacher(input, { ...quietContext("capture"), report: (e) => events.push(e) });
    const positions = data.reduce((sum, { tokens }) => sum + tokens.length - 1, 0);
    expect(summary).toMatchObject({ instances: COUNT, positions, topK: K, vocabSize: VOCAB, tokenizer: TOKENIZER });
    expect(summary.shards.map(({ first, instances }) => [first, instances])).toEqual([
      [0, 16],
      [16, 16],
      [32, 16],
      [48, 2],
    ]);
    expect(batches.every((b) => b.length === 1 || Math.max(...b) * b.length <= 256)).toBe(true);
    const store = await openTeacherStore(input.folder, { corpus: summary.corpus, tokenizer: TOKENIZER });
    let left = 0;
    for (const i of [49, 0, 17, ...data.keys()]) {
      const { ids, logProbs, rest } = await store.read(i);
      expect({ ids, logProbs }).toEqual(answer(data[i]!.tokens, K));
      const mass = (t: number) => logProbs.subarray(t * K, (t + 1) * K).reduce((sum, x) => sum + Math.exp(x), 0);
      for (const [t, x] of rest.entries()) expect(x).toBeCloseTo(1 - mass(t), 6);
    }
    let i = 0;
    for await (const { ids, rest } of store.stream()) {
      expect(ids).toEqual(answer(data[i++]!.tokens, K).ids);
      left += rest.reduce((sum, x) => sum + x, 0);
    }
    expect(i).toBe(COUNT);
    expect(summary.meanRest).toBeCloseTo(left / positions, 6);
    await store.close();
    const { tokens } = { tokens: data.reduce((sum, d) => sum + d.tokens.length, 0) };
    expect(events.filter((e) => e.type === "progress").at(-1)).toMatchObject({ done: tokens, total: tokens });
  });

  test("finished shards are kept; a damaged one is refused by readers and made again, with the same bytes", async () => {
    const { input, batches } = await setUp();
    const { corpus } = await captureTeacher(input, quietContext());
    const before = await contents(input.folder);
    batches.length = 0;
    await captureTeacher(input, quietContext());
    expect(batches).toEqual([]);
    const victim = join(input.folder, "part-00002.topk");
    const bytes = await readFile(victim);
    bytes[bytes.length - 3]! ^= 16;
    await writeFile(victim, bytes);
    const store = await openTeacherStore(input.folder, { corpus, tokenizer: TOKENIZER });
    await store.read(0);
    await expect(store.read(33)).rejects.toThrow(/HC3413[\s\S]*part-00002/);
    await store.close();
    await captureTeacher(input, quietContext());
    expect(batches.flat().length).toBe(16);
    expect(await contents(input.folder)).toEqual(before);
  });

  test.each([
    ["teacher", { teacher: { ...bigramTeacher(1).teacher, fingerprint: "other" } }],
    ["k", { topK: 3 }],
    ["precision", { precision: "step64" }],
    ["tokenizer", { tokenizer: "d".repeat(64) }],
    ["batches", { batchTokens: 64 }],
    ["barrier", { barrier: EOS }],
  ] satisfies [string, Partial<CaptureInput>][])("another %s: nothing is reused", async (_, change) => {
    const { input, batches, teacher } = await setUp();
    await captureTeacher(input, quietContext());
    const before = await contents(input.folder);
    batches.length = 0;
    const watched = { ...teacher, ...("teacher" in change ? change.teacher : {}), topLogProbs: teacher.topLogProbs };
    const other = { ...input, ...change, teacher: watched };
    // What is finished stays; what is not makes room.
    await expect(captureTeacher(other, quietContext())).rejects.toThrow(/HC1053[\s\S]*another folder/);
    expect([batches, await contents(input.folder)]).toEqual([[], before]);
    await rm(join(input.folder, "store.json"));
    await captureTeacher(other, quietContext());
    expect(batches.flat().length).toBe(COUNT);
  });

  test("a changed token captures its shard again and no other; a smaller corpus leaves nothing of the larger", async () => {
    const { input, batches, parent } = await setUp();
    await captureTeacher(input, quietContext());
    batches.length = 0;
    await rm(join(input.folder, "store.json"));
    const edited = data.map((d, i) => (i === 20 ? { ...d, tokens: Int32Array.of(1, 2, 3) } : d));
    await captureTeacher({ ...input, instances: await instanceFolder(parent, edited, "edited") }, quietContext());
    expect(batches.flat().length).toBe(16);
    const few = { ...input, instances: await instanceFolder(parent, data.slice(0, 10), "few") };
    await expect(captureTeacher(few, quietContext())).rejects.toThrow(/HC1053[\s\S]*instances: [0-9a-f]{12}\n/);
    await rm(join(input.folder, "store.json"));
    await captureTeacher(few, quietContext());
    expect([...(await contents(input.folder)).keys()]).toEqual(["part-00000.topk", "store.json"]);
  });
});

describe("openTeacherStore", () => {
  test("reads at once from more shards than are kept open", async () => {
    const { input, answer } = await setUp({ shardInstances: 1 });
    const { corpus } = await captureTeacher(input, quietContext());
    const store = await openTeacherStore(input.folder, { corpus, tokenizer: TOKENIZER });
    const all = [...data.keys(), ...data.keys()];
    const read = await Promise.all(all.map((i) => store.read(i)));
    for (const [at, i] of all.entries()) expect(read[at]!.ids).toEqual(answer(data[i]!.tokens, K).ids);
    await store.close();
    await expect(store.read(COUNT)).rejects.toThrow(RangeError);
  });

  test("refuses an unfinished store, and one of other instances, another tokenizer or barrier, naming both sides", async () => {
    const { input, teacher } = await setUp();
    const stop = new AbortController();
    const stopping = {
      ...teacher,
      async topLogProbs(sequences: readonly Int32Array[], options: { k: number }) {
        stop.abort();
        return teacher.topLogProbs(sequences, options);
      },
    };
    const events: ProgressEvent[] = [];
    const report = (event: ProgressEvent) => events.push(event);
    const context = { ...quietContext(), signal: stop.signal, report };
    await expect(captureTeacher({ ...input, teacher: stopping }, context)).rejects.toThrow("HC0130");
    expect(events.at(-1)).toMatchObject({ type: "warning", message: expect.stringContaining("nothing was finished") });
    const open = (corpus: string, tokenizer: string, documentBarrier?: boolean) =>
      openTeacherStore(input.folder, { corpus, tokenizer, documentBarrier });
    await expect(open("", "")).rejects.toThrow(/HC3414[\s\S]*capture/);
    const { corpus } = await captureTeacher(input, quietContext());
    const [other, elsewhere] = ["e".repeat(64), "f".repeat(64)];
    await expect(open(other, TOKENIZER)).rejects.toThrow(new RegExp(`HC3415[\\s\\S]*${corpus}[\\s\\S]*${other}`));
    await expect(open(corpus, elsewhere)).rejects.toThrow(
      new RegExp(`HC3416[\\s\\S]*${TOKENIZER}[\\s\\S]*${elsewhere}`),
    );
    await expect(open(corpus, TOKENIZER, true)).rejects.toThrow(/HC3417[\s\S]*kept apart/);
    await (await open(corpus, TOKENIZER, false)).close();
  });
});

describe("refusals", () => {
  const spoil = (change: (top: TopLogProbs) => TopLogProbs) => {
    const { teacher } = bigramTeacher(1);
    return {
      ...teacher,
      async topLogProbs(sequences: readonly Int32Array[], options: { k: number }) {
        const answers = await teacher.topLogProbs(sequences, options);
        const at = sequences.findIndex(
          (s) => s.length === data[20]!.tokens.length && s.every((id, t) => id === data[20]!.tokens[t]),
        );
        return answers.map((answer, i) => (i === at ? change(answer) : answer));
      },
    };
  };
  const edit = (logProbs: Float32Array, at: number, value: number) => logProbs.map((x, i) => (i === at ? value : x));

  test.each([
    [
      "HC3403",
      "a position too few",
      (t: TopLogProbs) => ({ ids: t.ids.subarray(K), logProbs: t.logProbs.subarray(K) }),
    ],
    [
      "HC3404",
      "an id beyond the vocabulary",
      (t: TopLogProbs) => ({ ...t, ids: t.ids.map((id, i) => (i === 7 ? VOCAB : id)) }),
    ],
    ["HC3405", "NaN", (t: TopLogProbs) => ({ ...t, logProbs: edit(t.logProbs, 7, Number.NaN) })],
    ["HC3405", "a positive value", (t: TopLogProbs) => ({ ...t, logProbs: edit(t.logProbs, 6, 0.5) })],
    ["HC3406", "a rising row", (t: TopLogProbs) => ({ ...t, logProbs: edit(t.logProbs, 7, 0) })],
  ])("%s for %s names the instance, and nothing of its shard is stored", async (code, _, change) => {
    const { input } = await setUp();
    await expect(captureTeacher({ ...input, teacher: spoil(change) }, quietContext())).rejects.toThrow(
      new RegExp(`${code}[\\s\\S]*instance 20 of`),
    );
    expect([...(await contents(input.folder)).keys()]).toEqual(["part-00000.topk"]);
  });

  test("a teacher that answers nothing, one without such lists, and settings that cannot be used", async () => {
    const { input, teacher } = await setUp();
    const refused = (change: Partial<CaptureInput>) =>
      expect(captureTeacher({ ...input, ...change }, quietContext())).rejects;
    await refused({ teacher: { ...teacher, topLogProbs: async () => [] } }).toThrow("HC3403");
    const { topLogProbs: _, ...without } = teacher;
    await refused({ teacher: without }).toThrow("HC3401");
    for (const topK of [0, 1.5, VOCAB + 1]) await refused({ topK }).toThrow(/HC3402[\s\S]*topK/);
    await refused({ shardInstances: 0 }).toThrow(/HC3402[\s\S]*shardInstances/);
    await refused({ teacher: { ...teacher, maxTokens: 20 } }).toThrow(/HC3408[\s\S]*at most 20/);
    await refused({ teacher: { ...teacher, vocabSize: 10 } }).toThrow(
      /HC3408[\s\S]*instance 0, position \d+[\s\S]*0 … 9/,
    );
    await refused({ folder: input.instances }).toThrow("HC3409");
  });
});

test("a shard holds what a slow teacher reads in minutes, however little of it is kept", () => {
  expect(defaultShard(1025, 8)).toBe(64);
  expect(defaultShard(1025, 4096)).toBe(1);
  expect(defaultShard(1, 1)).toBe(65_536);
});

test("estimateStore is near what such a store takes: within a third for a random teacher, whose ids are worst of all", async () => {
  const { input, parent } = await setUp({ shardInstances: undefined });
  const many = await instanceFolder(parent, randomInstances(600, 3), "many");
  for (const precision of ["float32", "float16", "step256", "step64", "step16"] as const) {
    const folder = join(parent, precision);
    const summary = await captureTeacher({ ...input, instances: many, folder, precision, topK: 8 }, quietContext());
    const estimate = estimateStore({ positions: summary.positions, topK: 8, vocabSize: VOCAB, precision });
    expect(estimate / summary.bytes).toBeGreaterThan(0.67);
    expect(estimate / summary.bytes).toBeLessThan(1.5);
  }
});
