import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { openInstances, writeInstances } from "../../src/corpus/instances.ts";
import { readJsonl } from "../../src/formats/jsonl.ts";
import { openManifest } from "../../src/formats/manifest.ts";
import { readParquet } from "../../src/formats/parquet.ts";
import { quietContext } from "../../src/progress.ts";
import { Random } from "../../src/random.ts";
import { writeScores } from "../../src/score/files.ts";
import type { SelectionRow, SelectionSummary } from "../../src/select/record.ts";
import { type SelectInput, selectInstances } from "../../src/select/select.ts";

const COUNT = 60;
const EOS = 1;
const BOS = 2;
/** Ids 3 and up are the letters of a text. */
const tokenizer = {
  vocabSize: 29,
  specials: { bos: BOS, eos: EOS, pad: undefined, unk: undefined },
  fingerprint: "letters",
  decode: (ids: ArrayLike<number>) =>
    Array.from(ids, (id) => (id === EOS ? "|" : id === BOS ? "^" : String.fromCharCode(94 + id))).join(""),
};

async function corpus(nan = -1) {
  const folder = await mkdtemp(join(tmpdir(), "heartcut-select-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const random = new Random(3, "test/select");
  const instances = Array.from({ length: COUNT }, (_, i) => ({
    tokens: Int32Array.of(BOS, ...Array.from({ length: 4 + random.below(20) }, () => 3 + random.below(26)), EOS, 3, 4),
    source: i % 4 === 0 ? "news" : "web",
    firstDocument: `a${i}`,
    lastDocument: `b${i}`,
  }));
  await writeInstances(join(folder, "instances"), instances, { vocabSize: 29 });
  const rows = instances.map((instance, i) => {
    const nll_teacher = i === nan ? Number.NaN : 3 + random.normal();
    const nll_reference = 3.5 + random.normal();
    return {
      instance: i,
      tokens: i === 7 ? 0 : instance.tokens.length - 2,
      source: instance.source,
      first_document: instance.firstDocument,
      last_document: instance.lastDocument,
      nll_teacher,
      nll_reference,
      difference: i === 7 ? 99 : nll_reference - nll_teacher,
    };
  });
  await writeScores(join(folder, "scores.parquet"), rows);
  const run = (settings: Partial<SelectInput>, name = "half") =>
    selectInstances(
      {
        name,
        method: "difference",
        seed: 1,
        scores: join(folder, "scores.parquet"),
        instances: join(folder, "instances"),
        tokenizer,
        folder: join(folder, name),
        strata: { ends: 5, shares: [0.1], samples: 2 },
        ...settings,
      },
      quietContext(),
    );
  return { folder, instances, rows, run };
}

const half = { budget: { ratio: 0.5 } };

describe("selectInstances", () => {
  test("writes the kept rows, their instances and their text, all in corpus order", async () => {
    const { folder, instances, rows, run } = await corpus();
    const result = await run(half);
    const kept = await readParquet<SelectionRow>(join(folder, "half/selection.parquet"));
    const best = rows
      .filter((r) => r.tokens > 0)
      .sort((a, b) => b.difference - a.difference)
      .slice(0, 30);
    expect(kept.map((r) => r.instance)).toEqual(best.map((r) => r.instance).sort((a, b) => a - b));

    const reader = await openInstances(result.instances);
    const table = await reader.rows();
    for (const [at, row] of kept.entries()) {
      expect([...reader.read(at)]).toEqual([...instances[row.instance]!.tokens]);
      expect(row.tokens).toBe(instances[row.instance]!.tokens.length);
      expect(table[at]).toMatchObject({
        source: row.source,
        first_document: `a${row.instance}`,
        last_document: `b${row.instance}`,
      });
    }
    reader.close();

    const texts: { id: string; source: string; text: string }[] = [];
    for await (const { value } of readJsonl<(typeof texts)[number]>(join(folder, "half/refined.jsonl")))
      texts.push(value);
    expect(texts).toHaveLength(60);
    expect(texts[0]!.id).toBe(`${kept[0]!.instance}/0`);
    expect(texts[0]!.text).toMatch(/^[a-z]+$/);
    expect(texts[1]).toEqual({ id: `${kept[0]!.instance}/1`, source: kept[0]!.source, text: "ab" });
  });

  test("summary adds up and names the cut", async () => {
    const { folder, rows, instances, run } = await corpus();
    const { summary } = await run(half);
    expect(JSON.parse(await readFile(join(folder, "half/selection.json"), "utf8"))).toEqual(summary);
    const ranked = rows.filter((r) => r.tokens > 0).sort((a, b) => b.difference - a.difference);
    expect(summary.threshold).toEqual({ lastKept: ranked[29]!.difference, firstDropped: ranked[30]!.difference });
    expect(summary.instances).toEqual({ kept: 30, total: 60 });
    expect(summary.tokens.total).toBe(instances.reduce((sum, i) => sum + i.tokens.length, 0));
    expect(summary.bySource.reduce((sum, s) => sum + s.kept, 0)).toBe(30);
    expect(summary.bySource.reduce((sum, s) => sum + s.keptTokens, 0)).toBe(summary.tokens.kept);
    expect(summary.meanDifference.kept).toBeCloseTo(
      ranked.slice(0, 30).reduce((sum, r) => sum + r.difference, 0) / 30,
      12,
    );
    expect(summary.meanDifference.dropped).toBeLessThan(summary.meanDifference.all);
    const overlap = summary.audit.find((a) => a.name === "overlap with highest difference");
    expect(overlap!.value).toBe(1);
  });

  test("statistics and strata are written", async () => {
    const { folder, rows, run } = await corpus();
    await run({ ...half, bins: 10 });
    const statistics = JSON.parse(await readFile(join(folder, "half/statistics.json"), "utf8"));
    expect(statistics).toMatchObject({ score: "difference", count: 59 });
    expect(statistics.histogram.counts).toHaveLength(10);
    expect(statistics.correlation).toBeGreaterThan(-1);
    const names: string[] = [];
    for await (const { value } of readJsonl<{ stratum: string; instance: number; text: string }>(
      join(folder, "half/strata.jsonl"),
    )) {
      names.push(value.stratum);
      expect(value.instance).not.toBe(7);
      expect(value.text.startsWith("^")).toBe(true);
    }
    expect(names.filter((n) => n === "top_5")).toHaveLength(5);
    expect(names.filter((n) => n === "bottom_10%_sample")).toHaveLength(2);
    expect(rows).toHaveLength(COUNT);
  });

  test("every published file is committed, and a second run gives the same bytes", async () => {
    const { folder, run } = await corpus();
    await run(half);
    const manifest = await openManifest(join(folder, "half"));
    const names = (await readdir(join(folder, "half"))).filter((name) => name !== "manifest.jsonl").sort();
    expect(
      manifest
        .entries()
        .map((e) => e.name)
        .sort(),
    ).toEqual(names);
    for (const name of names) expect(await manifest.isIntact(name, { deep: true })).toBe(true);
    const first = manifest.entries();
    await run(half);
    expect((await openManifest(join(folder, "half"))).entries()).toEqual(first);
  });

  test("methods, budgets and equal shares", async () => {
    const { run } = await corpus();
    const random = (await run({ method: "random", ...half }, "random")).summary;
    expect(random.instances.kept).toBe(30);
    expect(random).not.toHaveProperty("threshold");
    const all = (await run({ method: "all" }, "all")).summary;
    expect(all.instances.kept).toBe(59);
    expect(all.meanDifference.dropped).toBe(0);
    const equal = (await run({ ...half, perSource: true }, "equal")).summary;
    expect(equal.bySource.map((s) => [s.source, s.kept])).toEqual([
      ["news", 8],
      ["web", 22],
    ]);
    const tokens = (await run({ budget: { tokens: 200 } }, "tokens")).summary;
    expect(tokens.tokens.kept).toBeLessThanOrEqual(200);
    expect(tokens).not.toHaveProperty("ratio");
  });

  test("a perplexity threshold is an NLL", async () => {
    const { rows, run } = await corpus();
    const low = (await run({ method: "lowest_perplexity", budget: { threshold: 3 } }, "low")).summary;
    expect(low.instances.kept).toBe(rows.filter((r) => r.tokens > 0 && r.nll_teacher <= 3).length);
    expect(low.threshold!.lastKept).toBeLessThanOrEqual(3);
    expect(low.threshold!.firstDropped).toBeGreaterThan(3);
    const high = (
      await run({ method: "highest_perplexity", perplexityModel: "reference", budget: { threshold: 4 } }, "high")
    ).summary;
    expect(high.instances.kept).toBe(rows.filter((r) => r.tokens > 0 && r.nll_reference >= 4).length);
  });

  test("a NaN score stops the selection unless it is to be dropped or kept", async () => {
    const { folder, run } = await corpus(20);
    await expect(run(half)).rejects.toThrow(/HC3102[\s\S]*instance 20/);
    const contains = async (name: string) =>
      (await readParquet<SelectionRow>(join(folder, name, "selection.parquet"))).some((r) => r.instance === 20);
    const dropped: SelectionSummary = (await run({ ...half, nan: "drop" }, "drop")).summary;
    expect(await contains("drop")).toBe(false);
    await run({ ...half, nan: "first" }, "first");
    expect(await contains("first")).toBe(true);
    expect(dropped.instances.kept).toBe(30);
    expect(Number.isFinite(dropped.meanDifference.kept)).toBe(true);
  });

  test.each([
    ["HC3105", { method: "all", budget: { ratio: 0.5 } }],
    ["HC3105", { method: "all", perSource: true }],
    ["HC3105", { method: "difference" }],
    ["HC3105", { method: "random", budget: { threshold: 1 } }],
    ["HC3107", { budget: { ratio: 0.001 } }],
    ["HC3101", { budget: { ratio: 2 } }],
    ["HC3104", { budget: { threshold: 1 }, perSource: true }],
  ] satisfies [string, Partial<SelectInput>][])("%s for %o", async (code, settings) => {
    const { folder, run } = await corpus();
    await expect(run(settings)).rejects.toThrow(code);
    expect(await readdir(folder)).not.toContain("half");
  });

  test("scores of other instances are refused", async () => {
    const { folder, rows, run } = await corpus();
    await writeScores(join(folder, "scores.parquet"), rows.slice(1));
    await expect(run(half)).rejects.toThrow("HC3108");
  });
});
