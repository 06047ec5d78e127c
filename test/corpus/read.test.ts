import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { splitOf } from "../../src/corpus/filter.ts";
import { type CorpusSpec, describeCorpus, type Filter, readDocuments } from "../../src/corpus/read.ts";
import type { Document } from "../../src/corpus/record.ts";
import { HeartcutError } from "../../src/errors.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "heartcut-corpus-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function put(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(root, name);
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(path, content);
  return path;
}

async function all(spec: CorpusSpec, filter?: Filter) {
  const stream = readDocuments(spec, filter);
  const documents: Document[] = [];
  for await (const document of stream) documents.push(document);
  return { documents, texts: documents.map(({ text }) => text), counts: stream.counts };
}

async function fault(spec: CorpusSpec, filter?: Filter) {
  const error = await all(spec, filter).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(HeartcutError);
  return error as HeartcutError;
}

async function sql(statement: string): Promise<void> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(statement);
  connection.closeSync();
  instance.closeSync();
}

describe("JSONL", () => {
  it("keeps texts, order, columns and line numbers", async () => {
    const path = await put(
      "a.jsonl",
      '\ufeff{"text":"one","q":"hi","n":7}\r\n\r\n{"text":"two\\r\\n","meta":{"set":"x"}}\n{"text":" \\n"}\n{"text":"last","id":3}',
    );
    const { documents, counts } = await all({ path, source: "meta.set", tags: ["q", "n"] });
    expect(documents).toEqual([
      { id: "a.jsonl:1", text: "one", source: "unknown", tags: { q: "hi", n: "7" } },
      { id: "a.jsonl:3", text: "two\r\n", source: "x", tags: {} },
      { id: "a.jsonl:5", text: "last", source: "unknown", tags: {} },
    ]);
    expect(counts).toEqual({ rows: 4, documents: 3, bytes: 12, empty: 1, bad: 0, filteredOut: 0 });
    expect((await all({ path, source: { constant: "web" } })).documents[2]!.source).toBe("web");
  });

  it("gives any text back, packed or not", async () => {
    const texts = fc.array(
      fc.string({ unit: "binary", minLength: 1 }).filter((text) => text.trim() !== ""),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(texts, fc.boolean(), async (texts, packed) => {
        const content = Buffer.from(texts.map((text) => `${JSON.stringify({ text })}\n`).join(""));
        const path = await put(packed ? "any.jsonl.gz" : "any.jsonl", packed ? gzipSync(content) : content);
        expect((await all({ path })).texts).toEqual(texts);
      }),
      { numRuns: 60 },
    );
  });

  it("reads zstd, and gzip of several members", async () => {
    await sql(
      `COPY (SELECT 'text ' || i AS text FROM range(3000) t(i)) TO '${root}/z.jsonl.zst' (FORMAT json, COMPRESSION zstd)`,
    );
    const { texts } = await all({ path: join(root, "z.jsonl.zst") });
    expect([texts.length, texts[2999]]).toEqual([3000, "text 2999"]);
    const members = Buffer.concat([gzipSync('{"text":"a"}\n'), gzipSync('{"text":"b"}\n')]);
    expect((await all({ path: await put("m.jsonl.gz", members) })).texts).toEqual(["a", "b"]);
  });

  it("refuses a cut-off or damaged file instead of losing its end", async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `{"text":"line ${i * 7919}"}\n`).join("");
    const whole = gzipSync(lines);
    await sql(
      `COPY (SELECT 'text ' || i * 7919 AS text FROM range(3000) t(i)) TO '${root}/cut.jsonl.zst' (FORMAT json, COMPRESSION zstd)`,
    );
    const zst = await readFile(join(root, "cut.jsonl.zst"));
    for (const [name, content] of [
      ["t.jsonl.gz", whole.subarray(0, whole.length - 50)],
      ["n.jsonl.gz", Buffer.from("not gzip")],
      ["t.jsonl.zst", zst.subarray(0, zst.length - 50)],
      ["n.jsonl.zst", Buffer.from("not zstd")],
    ] as const) {
      const error = await fault({ path: await put(name, content), onBadRow: "skip" });
      expect([name, error.code]).toEqual([name, "HC1051"]);
      expect(error.fault.where).toMatch(new RegExp(`^${name}:\\d+$`));
    }
  });

  it("names file and line of a bad row, or skips and counts it", async () => {
    const bad = Buffer.concat([
      Buffer.from('{"text":"a"}\n{"text":"b\n[1]\n7\n{"text":5}\n{"txt":"x"}\n{"text":"\u0001"}\n{"text":"'),
      Buffer.from([0xff]),
      Buffer.from('"}\n{"text":"z"}'),
    ]);
    const path = await put("bad.jsonl", bad);
    const error = await fault({ path });
    expect([error.code, error.fault.where]).toEqual(["HC2012", "bad.jsonl:2"]);
    const { texts, counts } = await all({ path, onBadRow: "skip" });
    expect(texts).toEqual(["a", "z"]);
    expect(counts.bad).toBe(7);
    const noId = await fault({ path: await put("id.jsonl", '{"text":"a","id":"x"}\n{"text":"b"}'), id: "id" });
    expect([noId.code, noId.fault.where]).toEqual(["HC2012", "id.jsonl:2"]);
  });

  it("lists the columns when one is missing, with the nearest name", async () => {
    const path = await put("c.jsonl", '{"content":"a","Text":"b"}\n');
    const error = await fault({ path, text: "contents" });
    expect([error.code, error.fault.found, error.fault.fix]).toEqual([
      "HC2011",
      "columns content, Text",
      'did you mean "content"?',
    ]);
    expect((await fault({ path, text: "content", tags: ["nothing like it"] })).fault.fix).not.toContain("did you mean");
  });
});

describe("Parquet", () => {
  it("reads nested, quoted and binary columns in order", async () => {
    const path = join(root, "p[1]'*.parquet");
    await sql(
      `COPY (SELECT i AS id, encode('text ' || i) AS text, {'set': 's' || (i % 3)} AS meta, 7 AS "odd ""x""" FROM range(5000) t(i)) TO '${path.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION zstd)`,
    );
    const { documents } = await all({ path, id: "id", source: "meta.set", tags: ['odd "x"'] });
    expect(documents.map(({ id }) => Number(id))).toEqual(Array.from({ length: 5000 }, (_, i) => i));
    expect(documents[4999]).toEqual({ id: "4999", text: "text 4999", source: "s1", tags: { 'odd "x"': "7" } });
    expect((await fault({ path, text: "tex" })).fault.fix).toBe('did you mean "text"?');
    expect((await fault({ path, text: "id" })).code).toBe("HC2012");
    expect((await fault({ path: await put("no.parquet", "PAR1 no PAR1") })).code).toBe("HC2012");
  });
});

describe("files", () => {
  it("takes folders, patterns and text files, in order of name", async () => {
    await put("f/b/two.txt", "2");
    await put("f/a/one.md", "1");
    await put("f/.hidden.txt", "no");
    await put("f/other.bin", "no");
    const { documents } = await all({ path: join(root, "f") });
    expect(documents).toEqual([
      { id: "a/one.md", text: "1", source: "a", tags: {} },
      { id: "b/two.txt", text: "2", source: "b", tags: {} },
    ]);
    expect((await all({ path: join(root, "f/**/*.t?t") })).texts).toEqual(["2"]);
    await put("f/data.jsonl", '{"text":"row"}');
    expect((await all({ path: join(root, "f") })).texts).toEqual(["row"]);
    expect((await all({ path: join(root, "f"), format: "text" })).counts.documents).toBe(4);
    await put("g/data.jsonl", '{"text":"other"}');
    const both = await all({ path: [join(root, "f"), join(root, "g")] });
    expect(new Set(both.documents.map(({ id }) => id)).size).toBe(2);
  });

  it("describes files by content", async () => {
    const path = await put("h/x.jsonl", '{"text":"x"}');
    expect(await describeCorpus({ path })).toEqual([
      { name: "x.jsonl", bytes: 12, sha256: "fcd1ccec08db6f78a81fee6c26da9e6b8d0d3ba58b4403713fffebcfaa6cf119" },
    ]);
  });

  it("refuses what is not there or has no known format", async () => {
    expect((await fault({ path: join(root, "nowhere") })).code).toBe("HC2010");
    expect((await fault({ path: join(root, "*.nope") })).code).toBe("HC2010");
    expect((await fault({ path: await put("x.docx", "x") })).code).toBe("HC2013");
  });
});

describe("filter", () => {
  it("splits by text and seed: no text on both sides, duplicates together, shares as asked", async () => {
    const lines = Array.from({ length: 2000 }, (_, i) => JSON.stringify({ text: `text ${i % 1500}` })).join("\n");
    const path = await put("split.jsonl", lines);
    const side = async (split: "train" | "heldout", seed: number) =>
      (await all({ path }, { split, heldOutShare: 0.2, seed })).texts;
    const [train, heldout, other] = [await side("train", 1), await side("heldout", 1), await side("heldout", 2)];
    expect(train.length + heldout.length).toBe(2000);
    expect(heldout.filter((text) => train.includes(text))).toEqual([]);
    expect(new Set(heldout).size / 1500).toBeCloseTo(0.2, 1);
    expect(other).not.toEqual(heldout);
    expect([splitOf("x", 0, 1), splitOf("x", 1, 1)]).toEqual(["train", "heldout"]);
  });

  it("keeps sources and tags asked for, and refuses unknown ones", async () => {
    const path = await put(
      "w.jsonl",
      '{"text":"a","s":"x","q":"hi"}\n{"text":"b","s":"y","q":"hi"}\n{"text":"c","s":"x","q":"lo"}',
    );
    const spec = { path, source: "s", tags: ["q"] };
    const { texts, counts } = await all(spec, { heldOutShare: 0, seed: 1, where: { source: ["x"], q: ["hi", "mid"] } });
    expect([texts, counts.filteredOut]).toEqual([["a"], 2]);
    expect((await fault(spec, { heldOutShare: 0, seed: 1, where: { quality: ["hi"] } })).code).toBe("HC2014");
    expect((await fault(spec, { heldOutShare: 2, seed: 1 })).code).toBe("HC2014");
  });
});
