import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openInstances, writeInstances } from "../../src/corpus/instances.ts";
import { type PackInput, packCorpus } from "../../src/corpus/pack.ts";
import { Interrupted } from "../../src/errors.ts";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";

let root: string;
let tokenizer: Tokenizer;
let path: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "heartcut-pack-"));
  const sentences = ["The cat sat. ", "A dog ran away! ", "Is it so? ", "Numbers: 1, 2, 3; ok. ", "Line\nbreak. "];
  const rows = Array.from({ length: 300 }, (_, i) => ({
    id: `d${i}`,
    source: i % 3 === 0 ? "news" : "web",
    text: Array.from({ length: 1 + (i % 17) }, (_, k) => sentences[(i * 7 + k * 3) % 5]).join(""),
  }));
  rows[10]!.text = "before<|endoftext|>after. ".repeat(3);
  rows[11]!.text = "  ";
  path = join(root, "corpus.jsonl");
  await writeFile(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  async function* texts() {
    for (const { text } of rows) yield text;
  }
  await trainByteLevelBpe(texts(), { vocabSize: 330, folder: join(root, "tokenizer") }, quietContext());
  tokenizer = await loadTokenizer(join(root, "tokenizer"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const input = (name: string, changes: Partial<PackInput> = {}): PackInput => ({
  corpus: { path, id: "id", source: "source" },
  tokenizer,
  folder: join(root, name),
  contextLength: 32,
  seed: 1,
  ...changes,
});
const pack = (name: string, changes: Partial<PackInput> = {}) => packCorpus(input(name, changes), quietContext("pack"));

describe("packCorpus", () => {
  it("writes what its summary says, readable and in order", async () => {
    const summary = await pack("plain", { shuffle: false });
    const reader = await openInstances(join(root, "plain"));
    const rows = await reader.rows();
    expect([reader.length, reader.totalTokens, reader.maxTokens]).toEqual([
      summary.instances,
      summary.tokens,
      summary.maxTokens,
    ]);
    expect(summary.maxTokens).toBeLessThanOrEqual(33);
    expect(summary.documents).toBe(299);
    expect(summary.skipped.emptyDocuments).toBe(1);
    expect(summary.bySource.map(({ source }) => source)).toEqual(["news", "web"]);
    for (const { source, instances, tokens } of summary.bySource) {
      const mine = rows.filter((row) => row.source === source);
      expect([mine.length, mine.reduce((sum, row) => sum + row.tokens, 0)]).toEqual([instances, tokens]);
    }
    const texts = new Map<string, string>();
    for (const line of (await readFile(path, "utf8")).split("\n")) {
      const { id, text } = JSON.parse(line) as { id: string; text: string };
      texts.set(id, text);
    }
    for (const [i, row] of rows.entries()) {
      const parts = tokenizer.decode(reader.read(i)).split("<|endoftext|>");
      expect(texts.get(row.first_document)).toContain(parts[0]);
      expect(texts.get(row.last_document)).toContain(parts.findLast((part) => part !== "") ?? "");
    }
    reader.close();
    expect(JSON.parse(await readFile(join(root, "plain", "pack.json"), "utf8"))).toEqual(summary);
    expect(summary.tokenizer).toEqual({
      fingerprint: tokenizer.fingerprint,
      vocabSize: tokenizer.vocabSize,
      eos: 0,
      bos: null,
    });
  });

  it("gives the same bytes twice, another order for another seed", async () => {
    const folders = ["s1", "s1again", "s2"];
    for (const [i, name] of folders.entries()) await pack(name, { seed: i === 2 ? 2 : 1, shardInstances: 50 });
    const files = (await readdir(join(root, "s1"))).sort();
    expect(files.filter((name) => name.endsWith(".bin")).length).toBeGreaterThan(2);
    const bytes = async (name: string, file: string) => (await readFile(join(root, name, file))).toString("hex");
    for (const file of files) expect([file, await bytes("s1again", file)]).toEqual([file, await bytes("s1", file)]);
    expect(await bytes("s2", "data_0.bin")).not.toBe(await bytes("s1", "data_0.bin"));
    const sorted = async (name: string) => {
      const reader = await openInstances(join(root, name));
      const all = Array.from({ length: reader.length }, (_, i) => reader.read(i).join(" "));
      reader.close();
      return all.sort();
    };
    expect(await sorted("s2")).toEqual(await sorted("s1"));
  });

  it("parses a literal end of text, unless told not to", async () => {
    const eosCount = async (name: string, parseEndOfText: boolean) => {
      await pack(name, { parseEndOfText, keepRemainder: true });
      const reader = await openInstances(join(root, name));
      let count = 0;
      for (let i = 0; i < reader.length; i++) count += reader.read(i).filter((id) => id === 0).length;
      reader.close();
      return count;
    };
    expect((await eosCount("parsed", true)) - (await eosCount("literal", false))).toBe(3);
  });

  it("makes one instance per document, with BOS where asked for", async () => {
    const summary = await pack("documents", { mode: "document", bos: true, contextLength: 16, shuffle: false });
    const reader = await openInstances(join(root, "documents"));
    expect(reader.length).toBe(299);
    const rows = await reader.rows();
    expect(rows.every((row) => row.first_document === row.last_document)).toBe(true);
    for (let i = 0; i < reader.length; i++) expect(reader.read(i)[0]).toBe(0);
    expect(summary.maxTokens).toBe(17);
    reader.close();
  });

  it("stops at the limits", async () => {
    expect((await pack("few", { maxInstances: 7 })).instances).toBe(7);
    const { tokens } = await pack("tokens", { maxTokens: 500 });
    expect(tokens).toBeGreaterThanOrEqual(500);
    expect(tokens).toBeLessThan(533);
  });

  it("says how much text there was when it is too little", async () => {
    const error = await pack("short", { contextLength: 1_000_000 }).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "HC2021" });
    expect((error as Error).message).toMatch(/found +\d+ tokens in 299 documents, at most \d+ of one source/);
    expect((error as Error).message).toContain("lower pack.length, or set pack.keepRemainder: true");
    await expect(readdir(join(root, "short"))).rejects.toMatchObject({ code: "ENOENT" });
    const nothing = { heldOutShare: 0, seed: 1, split: "heldout" as const };
    await expect(pack("none", { filter: nothing })).rejects.toMatchObject({ code: "HC2021" });
  });

  it("refuses options and tokenizers that do not fit", async () => {
    for (const changes of [
      { contextLength: 1 },
      { contextLength: 2.5 },
      { instanceLimit: 0 },
      { shardInstances: 0 },
      { maxTokens: -1 },
    ])
      await expect(pack("wrong", changes)).rejects.toMatchObject({ code: "HC2022" });
    const without = { ...tokenizer, specials: { bos: undefined, eos: undefined, pad: undefined, unk: undefined } };
    await expect(pack("eos", { tokenizer: without })).rejects.toMatchObject({ code: "HC2020" });
    const noBos = { ...tokenizer, specials: { ...tokenizer.specials, bos: undefined } };
    await expect(pack("bos", { tokenizer: noBos, bos: true })).rejects.toMatchObject({ code: "HC2020" });
  });

  it("reports progress, and a stop leaves the earlier folder as it was", async () => {
    const events: ProgressEvent[] = [];
    const stop = new AbortController();
    await pack("kept", { maxInstances: 3 });
    const context = { stage: "pack", report: (event: ProgressEvent) => void events.push(event), signal: stop.signal };
    stop.abort();
    await expect(packCorpus(input("kept"), context)).rejects.toBeInstanceOf(Interrupted);
    expect(events.some((event) => event.type === "progress" && (event.tokensPerSecond ?? 0) > 0)).toBe(true);
    const reader = await openInstances(join(root, "kept"));
    expect(reader.length).toBe(3);
    reader.close();
    expect((await readdir(root)).filter((name) => name.includes(".part"))).toEqual([]);
  });
});

describe("instances", () => {
  const instance = (tokens: number[], id: string) => ({
    tokens: Int32Array.from(tokens),
    source: "s",
    firstDocument: id,
    lastDocument: id,
  });

  it("come back as written, over shards and beyond two bytes", async () => {
    for (const [vocabSize, top] of [
      [300, 299],
      [100_000, 99_999],
    ] as const) {
      const folder = join(root, `round-${vocabSize}`);
      const list = [instance([1, 2, top], "a"), instance([3, 4], "b"), instance([5, 6, 7, 8], "c")];
      const written = await writeInstances(folder, list, { vocabSize, shardInstances: 2 });
      expect(written).toMatchObject({ instances: 3, tokens: 9, maxTokens: 4 });
      const reader = await openInstances(folder);
      expect(list.map((_, i) => reader.read(i))).toEqual(list.map(({ tokens }) => tokens));
      expect(list.map((_, i) => reader.size(i))).toEqual([3, 2, 4]);
      expect(await reader.rows()).toEqual(
        list.map((item, i) => ({
          instance: i,
          tokens: item.tokens.length,
          source: "s",
          first_document: item.firstDocument,
          last_document: item.lastDocument,
        })),
      );
      reader.close();
    }
  });

  it("refuses a table of other token files, and files behind a gap", async () => {
    const [a, b] = [join(root, "mixed-a"), join(root, "mixed-b")];
    await writeInstances(a, [instance([1, 2], "a"), instance([1, 2, 3], "b")], { vocabSize: 10, shardInstances: 1 });
    await writeInstances(b, [instance([1, 2, 3], "a"), instance([1, 2], "b")], { vocabSize: 10 });
    await writeFile(join(a, "instances.parquet"), await readFile(join(b, "instances.parquet")));
    const reader = await openInstances(a);
    await expect(reader.rows()).rejects.toMatchObject({ code: "HC2030" });
    reader.close();
    await writeInstances(
      a,
      [1, 2, 3].map((i) => instance([i, i], String(i))),
      { vocabSize: 10, shardInstances: 1 },
    );
    await rm(join(a, "data_1.idx"));
    await expect(openInstances(a)).rejects.toMatchObject({ code: "HC2030" });
  });
});
