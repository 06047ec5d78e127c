import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CaseResult } from "../../src/conformance/case.ts";
import { convert as goldens } from "../../src/conformance/convert.ts";
import { convertInstances } from "../../src/corpus/convert.ts";
import { readConvertRows, readConvertSummary } from "../../src/corpus/convert_files.ts";
import { fitInstances, joinDocuments } from "../../src/corpus/convert_instance.ts";
import type { ConvertInput } from "../../src/corpus/convert_plan.ts";
import { openInstances, writeInstances } from "../../src/corpus/instances.ts";
import { packCorpus } from "../../src/corpus/pack.ts";
import type { Instance } from "../../src/corpus/record.ts";
import { Interrupted } from "../../src/errors.ts";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { splitDocuments } from "../../src/tokenizers/documents.ts";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";

const fixtures = resolve(import.meta.dirname, "../../../shared/fixtures");
const data = resolve(import.meta.dirname, "../../../shared/data");
const shared = existsSync(fixtures);

describe.skipIf(!shared)(shared ? "goldens of conversion" : "skipped: no shared fixtures", () => {
  test("both families hold", async () => {
    const results: CaseResult[] = [];
    for await (const result of goldens({ fixtures, data })) results.push(result);
    expect(results.filter((result) => !result.passed)).toEqual([]);
    expect(results).toHaveLength(2);
  });
});

const SENTENCES = [
  "The cat sat. ",
  "A naïve dog — away! ",
  "Is it so? 🦜 ",
  "Numbers: 1, 2, 3; ok. ",
  "漢字とかな。\n",
];
const TEXTS = Array.from({ length: 120 }, (_, i) =>
  Array.from({ length: 1 + (i % 17) }, (_, k) => SENTENCES[(i * 7 + k * 3) % 5]).join(""),
);

let root: string;
/** Two vocabularies of different size over the same bytes. */
let large: Tokenizer;
let small: Tokenizer;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "heartcut-convert-"));
  async function* texts() {
    yield* TEXTS;
  }
  for (const vocabSize of [400, 290])
    await trainByteLevelBpe(texts(), { vocabSize, folder: join(root, `bpe-${vocabSize}`) }, quietContext());
  [large, small] = [await loadTokenizer(join(root, "bpe-400")), await loadTokenizer(join(root, "bpe-290"))];
  const corpus = join(root, "corpus.jsonl");
  await writeFile(
    corpus,
    TEXTS.map((text, i) => JSON.stringify({ id: `d${i}`, source: i % 3 === 0 ? "a" : "b", text })).join("\n"),
  );
  await packCorpus(
    {
      corpus: { path: corpus, id: "id", source: "source" },
      tokenizer: large,
      folder: join(root, "packed"),
      contextLength: 64,
      keepRemainder: true,
      seed: 1,
    },
    quietContext(),
  );
});
afterAll(() => rm(root, { recursive: true, force: true }));

const input = (name: string, changes: Partial<ConvertInput> = {}): ConvertInput => ({
  instances: join(root, "packed"),
  from: large,
  to: small,
  folder: join(root, name),
  shardInstances: 8,
  ...changes,
});
const run = (name: string, changes: Partial<ConvertInput> = {}) =>
  convertInstances(input(name, changes), quietContext());

async function read(folder: string): Promise<Instance[]> {
  const reader = await openInstances(folder);
  const instances = (await reader.rows()).map((row, i) => ({
    tokens: reader.read(i),
    source: row.source,
    firstDocument: row.first_document,
    lastDocument: row.last_document,
  }));
  reader.close();
  return instances;
}

async function contents(folder: string): Promise<[string, string][]> {
  const names = (await readdir(folder)).sort();
  return Promise.all(
    names.map(async (name) => [name, (await readFile(join(folder, name))).toString("hex")] as const),
  ).then((files) => files.map(([name, bytes]): [string, string] => [name, bytes]));
}

const textOf = (tokenizer: Tokenizer, tokens: Int32Array) =>
  splitDocuments(tokens, { eos: tokenizer.specials.eos! }).map((part) => tokenizer.decode(part));

describe("convertInstances", () => {
  test("to the same tokenizer is the identity, records included", async () => {
    const summary = await run("same", { to: large });
    expect(await read(join(root, "same"))).toEqual(await read(join(root, "packed")));
    expect(summary).toMatchObject({ alteredDocuments: 0, lostTokens: 0, truncatedInstances: 0, splitInstances: 0 });
    expect(await readConvertSummary(join(root, "same"))).toEqual(summary);
    const rows = await readConvertRows(join(root, "same"));
    expect(rows.map((row) => row.origin)).toEqual(rows.map((_, i) => i));
  });

  test("keeps the text of every document where there is room, and says where an instance comes from", async () => {
    const summary = await run("roomy", { contextLength: 600 });
    const [old, made] = [await read(join(root, "packed")), await read(join(root, "roomy"))];
    expect(made.map(({ tokens, ...origin }) => [origin, textOf(small, tokens)])).toEqual(
      old.map(({ tokens, ...origin }) => [origin, textOf(large, tokens)]),
    );
    expect(summary).toMatchObject({ alteredDocuments: 0, lostTokens: 0, instances: old.length });
    expect(summary.documents).toBe(old.flatMap(({ tokens }) => textOf(large, tokens)).filter((t) => t !== "").length);
  });

  test("drop loses what does not fit and counts it; carry keeps all of it in instances of equal length", async () => {
    const whole = await read(join(root, "roomy"));
    const dropped = await run("drop");
    const made = await read(join(root, "drop"));
    expect(made.map(({ tokens }) => tokens)).toEqual(whole.map(({ tokens }) => tokens.slice(0, 65)));
    expect(dropped.lostTokens).toBe(whole.reduce((lost, { tokens }) => lost + Math.max(0, tokens.length - 65), 0));
    expect(dropped.truncatedInstances).toBe(whole.filter(({ tokens }) => tokens.length > 65).length);
    expect(dropped.truncatedInstances).toBeGreaterThan(0);

    const carried = await run("carry", { overflow: "carry" });
    const rows = await readConvertRows(join(root, "carry"));
    const pieces = await read(join(root, "carry"));
    expect(carried).toMatchObject({ lostTokens: 0, splitInstances: dropped.truncatedInstances });
    for (const [origin, { tokens, source }] of whole.entries()) {
      const own = rows.filter((row) => row.origin === origin);
      expect(own.map((row) => row.piece)).toEqual(own.map((_, i) => i));
      const lengths = own.map((row) => pieces[row.instance]!.tokens.length);
      expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
      expect(own.flatMap((row) => Array.from(pieces[row.instance]!.tokens))).toEqual(Array.from(tokens));
      expect(own.every((row) => pieces[row.instance]!.source === source)).toBe(true);
    }
  });

  test("a character cut off by a window is counted as altered", async () => {
    const ids = await large.encode("ok 🧬");
    const folder = join(root, "cut-character");
    const instance = { tokens: ids.slice(0, -1), source: "a", firstDocument: "x", lastDocument: "x" };
    await writeInstances(folder, [instance], { vocabSize: large.vocabSize });
    const warnings: ProgressEvent[] = [];
    const context = {
      ...quietContext(),
      report: (e: ProgressEvent) => void (e.type === "warning" && warnings.push(e)),
    };
    const summary = await convertInstances(input("cut-converted", { instances: folder, contextLength: 64 }), context);
    expect(summary).toMatchObject({ documents: 1, alteredDocuments: 1, source: { madeBy: null } });
    expect(warnings).toHaveLength(1);
  });

  test("stopped anywhere, resumed, with a damaged shard: the bytes of an uninterrupted run, nothing left beside it", async () => {
    await run("whole", { overflow: "carry" });
    const expected = await contents(join(root, "whole"));
    for (const stopAt of [1, 4, 9]) {
      const name = `stopped-${stopAt}`;
      const controller = new AbortController();
      let reports = 0;
      const stopping = {
        stage: "convert",
        signal: controller.signal,
        report: () => void (++reports === stopAt && controller.abort()),
      };
      await expect(convertInstances(input(name, { overflow: "carry" }), stopping)).rejects.toThrow(Interrupted);
      expect(existsSync(join(root, name))).toBe(false);
      const shards = join(root, `.${name}.shards`);
      if (existsSync(join(shards, "shard-00000"))) await writeFile(join(shards, "shard-00000", "data_0.bin"), "torn");
      await run(name, { overflow: "carry" });
      expect(await contents(join(root, name))).toEqual(expected);
      expect(existsSync(shards)).toBe(false);
    }
    // Done already: nothing is encoded again. With other settings it is made anew.
    const idle = { ...small, encodeBatch: () => Promise.reject(new Error("encoded again")) };
    expect((await run("whole", { overflow: "carry", to: idle })).lostTokens).toBe(0);
    expect((await run("whole", { overflow: "drop" })).lostTokens).toBeGreaterThan(0);
  });

  test.skipIf(!shared)(
    "a family with BOS gets one in front of each instance; back again the BOS is no text",
    async () => {
      const llama = await loadTokenizer(join(data, "tokenizers/llama2"));
      const summary = await run("llama", { to: llama, overflow: "carry" });
      expect(summary.tokenizer.bos).toBe(1);
      const made = await read(join(root, "llama"));
      expect(made.every(({ tokens }) => tokens[0] === 1 && tokens.length <= 65)).toBe(true);
      await run("llama-roomy", { to: llama, contextLength: 600 });
      await run("back", { instances: join(root, "llama-roomy"), from: llama, to: large, contextLength: 600 });
      // SentencePiece drops one space in front of a text; all else comes back.
      const trimmed = async (name: string) =>
        (await read(join(root, name))).map(({ tokens }) => textOf(large, tokens).map((text) => text.replace(/^ /, "")));
      expect(await trimmed("back")).toEqual(await trimmed("packed"));
    },
  );

  test("bad input", async () => {
    await expect(run("bad", { from: small })).rejects.toThrow(/HC2101[\s\S]*another tokenizer/);
    const noEos = { ...small, specials: { ...small.specials, eos: undefined } };
    await expect(run("bad", { to: noEos })).rejects.toThrow("HC2020");
    await expect(run("bad", { contextLength: 1 })).rejects.toThrow(/HC2103[\s\S]*contextLength = 1/);
    await expect(run("packed")).rejects.toThrow(/HC2104[\s\S]*instances that are converted/);
    await expect(run("bpe-400")).rejects.toThrow(/HC2104[\s\S]*tokenizer.json/);
    const foreign = join(root, "foreign");
    const instance = { tokens: Int32Array.of(1, 399), source: "a", firstDocument: "x", lastDocument: "x" };
    await writeInstances(foreign, [instance], { vocabSize: 400 });
    await expect(run("bad", { instances: foreign, from: small, contextLength: 8 })).rejects.toThrow(
      /HC2102[\s\S]*instance 0[\s\S]*id 399/,
    );
    expect(existsSync(join(root, "bad"))).toBe(false);
  });
});

test("splitting and joining documents are inverse", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1 }), (ids) => {
      const tokens = Int32Array.from(ids);
      expect(joinDocuments(splitDocuments(tokens, { eos: 0 }), 0)).toEqual(tokens);
    }),
  );
});

test("carrying loses and adds nothing but BOS, whatever the lengths", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 400 }),
      fc.integer({ min: 3, max: 70 }),
      fc.boolean(),
      (n, chunkLength, head) => {
        const tokens = Int32Array.from({ length: n }, (_, i) => i + 2);
        const bos = head ? 1 : undefined;
        const { instances, lost } = fitInstances(tokens, { chunkLength, eos: 0, bos, overflow: "carry" });
        expect(lost).toBe(0);
        expect(Math.max(...instances.map((i) => i.length))).toBeLessThanOrEqual(chunkLength);
        expect(instances.flatMap((i) => Array.from(i.subarray(head ? 1 : 0)))).toEqual(Array.from(tokens));
      },
    ),
  );
});
