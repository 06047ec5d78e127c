import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DemoCorpusSummary, type DemoDocument, makeDemoCorpus } from "../../src/demo/corpus.ts";
import { quietContext } from "../../src/progress.ts";

const folder = mkdtempSync(join(tmpdir(), "demo-"));
const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
const read = (path: string): DemoDocument[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the demo corpus", () => {
  let summary: DemoCorpusSummary;
  let documents: DemoDocument[];
  let seconds: number;
  beforeAll(async () => {
    const start = performance.now();
    summary = await makeDemoCorpus({ folder: join(folder, "full"), seed: 1 }, quietContext());
    seconds = (performance.now() - start) / 1000;
    documents = read(summary.corpus);
  });

  it("has the stated size, made in seconds", () => {
    expect(summary.bytes).toBeGreaterThan(3.9e6);
    expect(summary.bytes).toBeLessThan(4.1e6);
    expect(summary.documents).toBe(documents.length);
    expect(summary.bytes).toBe(documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0));
    expect(seconds).toBeLessThan(10);
    expect(readdirSync(join(folder, "full")).sort()).toEqual(["corpus.jsonl", "facts.json"]);
  });
  it("has the stated shares and qualities", () => {
    const share = (kind: string) =>
      summary.sources.filter((row) => row.kind === kind).reduce((sum, row) => sum + row.bytes, 0) / summary.bytes;
    expect(share("written")).toBeCloseTo(0.45, 1);
    expect(share("spoilt")).toBeCloseTo(0.25, 1);
    expect(share("found")).toBeCloseTo(0.3, 1);
    for (const row of summary.sources) expect(row.quality === "high").toBe(row.kind === "written");
    expect(summary.sources.map((row) => row.source).sort()).toEqual(
      "boilerplate changelog code dialogues diary encyclopedia howto json letters licence markup minified news ocr readme scrambled shuffled spam stories truncated typings".split(
        " ",
      ),
    );
  });
  it("has no two equal ids or texts", () => {
    expect(new Set(documents.map(({ id }) => id)).size).toBe(documents.length);
    expect(new Set(documents.map(({ text }) => text)).size).toBe(documents.length);
  });
  it("is shuffled: no source sits in one place", () => {
    const first = new Set(documents.slice(0, 200).map(({ source }) => source));
    expect(first.size).toBeGreaterThan(12);
  });
  it("has a rich but learnable vocabulary in its written part", () => {
    const counts = new Map<string, number>();
    for (const { kind, text } of documents)
      if (kind === "written")
        for (const [word] of text.toLowerCase().matchAll(/[a-z]+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
    expect(counts.size).toBeGreaterThan(2800);
    expect([...counts.values()].filter((n) => n >= 3).length / counts.size).toBeGreaterThan(0.9);
  });
  it("does not repeat itself within a sample of twenty written texts", () => {
    const written = documents.filter(({ kind }) => kind === "written");
    let shared = 0;
    let total = 0;
    for (let at = 0; at + 20 <= 400; at += 20) {
      const seen = new Set<string>();
      for (const { text } of written.slice(at, at + 20))
        for (const sentence of new Set(text.split(/(?<=[.!?]"?)\s+/).filter((s) => s.length > 40))) {
          total++;
          if (seen.has(sentence)) shared++;
          seen.add(sentence);
        }
    }
    expect(shared / total).toBeLessThan(0.12);
  });
  it("asks about facts its texts state", () => {
    const { items, separator } = JSON.parse(readFileSync(summary.facts, "utf8"));
    expect(summary.factItems).toEqual({ stated: 200, derived: 50 });
    expect(items).toHaveLength(250);
    expect(separator).toBe(" ");
    const written = documents.filter(({ kind }) => kind === "written").map(({ text }) => text);
    const all = written.join("\n");
    let verbatim = 0;
    for (const item of items) {
      const sentence = `${item.prompt} ${item.answer}`;
      if (!item.stated) expect(all).not.toContain(sentence);
      else if (all.includes(sentence)) verbatim++;
      for (const wrong of item.distractors) expect(all).not.toContain(`${item.prompt} ${wrong}.`);
    }
    expect(verbatim).toBeGreaterThan(180);
  });
});

describe("determinism", () => {
  const make = (name: string, seed: number, packagesRoot?: string) =>
    makeDemoCorpus({ folder: join(folder, name), seed, megabytes: 0.4, packagesRoot }, quietContext());
  it("the same seed gives the same bytes, another seed others", async () => {
    const [a, b, c] = [await make("a", 1), await make("b", 1), await make("c", 2)];
    expect(sha256(a.corpus)).toBe(sha256(b.corpus));
    expect(sha256(a.facts)).toBe(sha256(b.facts));
    expect(sha256(a.corpus)).not.toBe(sha256(c.corpus));
    expect(sha256(a.facts)).not.toBe(sha256(c.facts));
  });
  it("the invented part does not depend on the installed packages", async () => {
    const empty = join(folder, "empty");
    mkdirSync(join(empty, "only"), { recursive: true });
    writeFileSync(join(empty, "only", "package.json"), "{}");
    const warnings: string[] = [];
    const context = {
      ...quietContext(),
      report: (event: { type: string; message?: string }) => event.type === "warning" && warnings.push(event.message!),
    };
    const bare = await makeDemoCorpus(
      { folder: join(folder, "d"), seed: 1, megabytes: 0.4, packagesRoot: empty },
      context,
    );
    const invented = (path: string) =>
      read(path)
        .filter(({ kind }) => kind !== "found")
        .map(({ text }) => text)
        .sort();
    expect(invented(bare.corpus)).toEqual(invented(join(folder, "a", "corpus.jsonl")));
    expect(warnings.join()).toContain("0.00 MB of text, 0.12 MB were wanted");
  });
});

describe("refusals", () => {
  it.each([0, -1, Number.NaN, 0.01, 1000])("a size of %d MB", async (megabytes) => {
    const made = makeDemoCorpus({ folder: join(folder, "no"), seed: 1, megabytes }, quietContext());
    await expect(made).rejects.toMatchObject({ code: "HC6001" });
  });
  it("stops when asked to, leaving nothing behind", async () => {
    const context = { ...quietContext(), signal: AbortSignal.abort() };
    const made = makeDemoCorpus({ folder: join(folder, "stopped"), seed: 1 }, context);
    await expect(made).rejects.toMatchObject({ code: "HC0130" });
    expect(readdirSync(folder)).not.toContain("stopped");
  });
});
