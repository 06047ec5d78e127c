import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { auroc, bootstrapAuroc } from "../../src/analyze/auroc.ts";
import { auditLabels } from "../../src/analyze/label_audit.ts";
import type { LabelAudit, ScorerAudit } from "../../src/analyze/record.ts";
import { auditScorer, differenceWithTeacher, regretOf } from "../../src/analyze/scorer_audit.ts";
import { execute } from "../../src/cli/commands/analyze.ts";
import { Random } from "../../src/random.ts";
import { writeScores } from "../../src/score/files.ts";
import type { ScoreRow } from "../../src/score/record.ts";
import { keepHighest } from "../../src/select/difference_sampling.ts";

const jobContext = { report: () => {}, signal: new AbortController().signal };

function row(instance: number, values: Partial<ScoreRow>): ScoreRow {
  const document = `d${instance}`;
  const common = { instance, tokens: 10, source: "web", first_document: document, last_document: document };
  return { ...common, nll_teacher: 1, nll_reference: 2, difference: 1, ...values };
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "heartcut-audit-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

describe("AUROC", () => {
  test("is the share of pairs in order, ties as half", () => {
    const unit = fc.record({ score: fc.integer({ min: 0, max: 4 }), good: fc.boolean() });
    fc.assert(
      fc.property(fc.array(unit, { minLength: 2, maxLength: 30 }), (units) => {
        const [good, bad] = [true, false].map((kind) =>
          units.filter((each) => each.good === kind).map((each) => each.score),
        );
        fc.pre(good!.length > 0 && bad!.length > 0);
        const wins = good!.flatMap((g) => bad!.map((b) => (g > b ? 1 : g === b ? 0.5 : 0)));
        const expected = wins.reduce((sum: number, x) => sum + x, 0) / wins.length;
        const actual = auroc(
          units.map((each) => each.score),
          Uint8Array.from(units, (each) => Number(each.good)),
        );
        expect(actual).toBeCloseTo(expected, 12);
      }),
    );
  });

  test("intervals have the width of Hanley and McNeil's error, and hold the truth as often as they say", () => {
    const random = new Random(4, "test/auroc");
    const G = 150;
    const truth = 0.7602; // P(x > y) for normals one deviation apart: Phi(1 / sqrt 2)
    let held = 0;
    let width = 0;
    const trials = 60;
    for (let trial = 0; trial < trials; trial++) {
      const good = Uint8Array.from({ length: 2 * G }, (_, i) => Number(i < G));
      const scores = Float64Array.from(good, (g) => g + random.normal());
      const { interval } = bootstrapAuroc(new Map([["s", scores]]), good, { resamples: 400, seed: trial }).scores[0]!;
      held += Number(interval[0] <= truth && truth <= interval[1]);
      width += (interval[1] - interval[0]) / trials;
    }
    const [q1, q2] = [truth / (2 - truth), (2 * truth * truth) / (1 + truth)];
    const error = Math.sqrt((truth * (1 - truth) + (G - 1) * (q1 - truth ** 2) + (G - 1) * (q2 - truth ** 2)) / G ** 2);
    expect(width).toBeGreaterThan(0.85 * 2 * 1.96 * error);
    expect(width).toBeLessThan(1.15 * 2 * 1.96 * error);
    expect(held).toBeGreaterThanOrEqual(0.87 * trials);
  });

  test("two scores are compared on the same resamples", () => {
    const random = new Random(6, "test/paired");
    const good = Uint8Array.from({ length: 200 }, (_, i) => i % 2);
    const a = Float64Array.from(good, (g) => g + random.normal());
    const { comparisons } = bootstrapAuroc(
      new Map([
        ["a", a],
        ["twin", a.map((x) => 3 * x)],
        ["minus", a.map((x) => -x)],
      ]),
      good,
      { seed: 1 },
    );
    expect(comparisons[0]).toEqual({ a: "a", b: "twin", difference: 0, interval: [0, 0] });
    expect(comparisons[1]!.difference).toBeCloseTo(2 * auroc(a, good) - 1, 12);
  });
});

describe("auditLabels", () => {
  const documents = Array.from({ length: 8 }, (_, i) => ({
    id: `d${i}`,
    source: i < 6 ? "web" : "other",
    label: i % 2 === 0 ? "high" : "low",
    baselines: { ratio: i },
  }));
  const rows = documents.map((_, i) => row(i, { difference: i % 2 === 0 ? 3 : 1, nll_teacher: 2, tokens: 10 + i }));
  const input = { documents, good: "high", bad: "low", seed: 1, resamples: 100 };

  test("ranks documents by every score, on the documents of a source", async () => {
    const audit = await auditLabels({ ...input, source: "web", scores: [{ name: "s", rows }] });
    expect(audit).toMatchObject({ source: "web", good: { documents: 3 }, bad: { documents: 3 }, unscored: 0 });
    const of = Object.fromEntries(audit.scores.map(({ score, auroc: value }) => [score, value]));
    expect(of).toEqual({ difference: 1, "-nll_teacher": 0.5, "-nll_reference": 0.5, length: 1 / 3, ratio: 1 / 3 });
    expect(audit.comparisons.map(({ a, b }) => `${a} ${b}`)).toContain("difference length");
  });

  test("a document in several instances counts once, by its token-weighted mean", async () => {
    // d0 in two parts: (10 * -9 + 30 * 3) / 40 = 0 < 1 of the low ones; its mean without weights would be -3.
    const parts = [row(8, { first_document: "d0", last_document: "d0", tokens: 30, difference: 3 })];
    const first = row(0, { difference: -9 });
    const high = await auditLabels({ ...input, scores: [{ name: "s", rows: [first, ...rows.slice(1), ...parts] }] });
    expect(high.good.documents + high.bad.documents).toBe(8);
    expect(high.scores[0]!.auroc).toBe(0.75);
  });

  test("two score files share their documents and go by their names", async () => {
    const scores = [
      { name: "big", rows },
      { name: "small", rows: rows.slice(0, 7) },
    ];
    const audit = await auditLabels({ ...input, scores });
    expect(audit.scores.map(({ score }) => score).slice(0, 4)).toEqual([
      "difference (big)",
      "-nll_teacher (big)",
      "-nll_reference (big)",
      "difference (small)",
    ]);
    expect(audit.unscored).toBe(1);
  });

  test("refuses what cannot be told", async () => {
    const audit = (change: object, changed = rows) =>
      auditLabels({ ...input, scores: [{ name: "s", rows: changed }], ...change });
    await expect(audit({}, [row(0, { last_document: "d1" })])).rejects.toThrow(/HC3620.*several documents/);
    await expect(audit({ good: "best" })).rejects.toThrow(/HC3621/);
    await expect(audit({ documents: [...documents, documents[0]!] })).rejects.toThrow(/HC3622/);
    await expect(audit({}, [row(0, { difference: Number.NaN }), ...rows.slice(1)])).rejects.toThrow(/HC3623/);
  });
});

describe("auditScorer", () => {
  const keep = (scores: ArrayLike<number>, eligible: Uint8Array, ratio: number) =>
    keepHighest({ scores, tokens: [], eligible }, { ratio });
  const common = { cheap: "c", exact: "e", eligible: new Uint8Array(10).fill(1), ratios: [0.2, 0.5], keep };
  const up = Float64Array.from({ length: 10 }, (_, i) => i);

  test("an equal ranking agrees wholly, a reversed one not at all", () => {
    const same = auditScorer({ ...common, cheapScores: up.map((x) => x ** 3), exactScores: up });
    expect(same).toMatchObject({ spearman: 1, overlap: [{ shared: 1 }, { shared: 1 }], instances: 10, regret: [] });
    const reversed = auditScorer({ ...common, cheapScores: up.map((x) => -x), exactScores: up });
    expect(reversed).toMatchObject({ spearman: -1, overlap: [{ shared: 0 }, { shared: 0 }] });
    expect(auditScorer({ ...common, cheapScores: new Float64Array(10), exactScores: up }).spearman).toBeNull();
  });

  test("an instance without a scored position does not count", () => {
    const eligible = Uint8Array.from(up, (x) => Number(x !== 9));
    const audit = auditScorer({
      ...common,
      eligible,
      cheapScores: up.map((x) => (x === 9 ? -99 : x)),
      exactScores: up,
    });
    expect(audit).toMatchObject({ instances: 9, spearman: 1, overlap: [{ shared: 1 }, { shared: 1 }] });
    expect(() => auditScorer({ ...common, ratios: [0.05], cheapScores: up, exactScores: up })).toThrow(/HC3611/);
  });

  test("another teacher takes the exact one's place", () => {
    const rows = [row(0, { nll_reference: 3 }), row(1, { nll_reference: 2 })];
    const teacher = [0, 1].map((instance) => ({
      instance,
      tokens: 10,
      nll_sum: 10 + instance,
      nll_mean: 1 + instance,
    }));
    expect([...differenceWithTeacher(rows, teacher, "s")]).toEqual([2, 0]);
    expect(() => differenceWithTeacher(rows, [teacher[0]!], "s")).toThrow(/HC3610/);
    expect(() => differenceWithTeacher(rows, [teacher[0]!, { ...teacher[1]!, tokens: 9 }], "s")).toThrow(/HC3610/);
  });

  test("regret comes from the comparison in either direction, else from the losses", () => {
    const comparison = {
      set: "pool",
      a: "cheap",
      b: "exact",
      difference: -0.2,
      interval: [-0.3, -0.1] as [number, number],
      aBetter: 0,
    };
    const loss = (name: string, value: number) => ({ name, set: "curated", loss: value, seeds: [] });
    const heldOut = {
      model: "cheap-seed1",
      set: "pool",
      loss: 1,
      interval: [1, 1] as [number, number],
      instances: 1,
      tokens: 1,
      bySource: [],
      perInstance: [],
    };
    const evaluation = {
      losses: [heldOut, { ...heldOut, set: "curated" }],
      comparisons: [comparison],
      students: [loss("cheap", 3), loss("exact", 2.5)],
    };
    expect(regretOf(evaluation, "cheap", "exact")).toEqual([
      { set: "pool", cheapStudent: "cheap", exactStudent: "exact", difference: 0.2, interval: [0.1, 0.3] },
      { set: "curated", cheapStudent: "cheap", exactStudent: "exact", difference: 0.5, interval: null },
    ]);
    expect(regretOf(evaluation, "exact", "cheap")[0]).toMatchObject({ difference: -0.2, interval: [-0.3, -0.1] });
    expect(() => regretOf(evaluation, "cheep", "exact")).toThrow(/HC3612[\s\S]*cheap, exact/);
  });
});

describe("heartcut analyze", () => {
  test("scorers and labels from files", async () => {
    const path = await folder();
    const random = new Random(2, "test/cli");
    const rows = Array.from({ length: 60 }, (_, i) => {
      const [nll_teacher, nll_reference] = [2 + random.normal(), 3 + random.normal()];
      return row(i, { nll_teacher, nll_reference, difference: nll_reference - nll_teacher + (i % 2) });
    });
    await writeScores(join(path, "scores.parquet"), rows);
    const corpus = rows.map((_, i) =>
      JSON.stringify({ id: `d${i}`, text: `text ${i}`, vote: i % 2 === 1 ? "good" : "bad" }),
    );
    await writeFile(join(path, "corpus.jsonl"), corpus.join("\n"));
    const scorers = await execute(
      {
        kind: "scorers",
        exact: path,
        cheap: [join(path, "scores.parquet"), "low_teacher_nll", "length"],
        out: join(path, "audit.json"),
      },
      jobContext,
    );
    const audits = scorers.data as ScorerAudit[];
    expect(audits[0]).toMatchObject({
      spearman: 1,
      overlap: [{ ratio: 0.3, shared: 1 }, { ratio: 0.5, shared: 1 }, { ratio: 0.7 }],
    });
    expect(audits[1]!.spearman).toBeGreaterThan(0.4);
    expect(audits[2]!.spearman).toBeNull();
    expect(JSON.parse(await readFile(join(path, "audit.json"), "utf8"))).toEqual(audits);
    const labels = {
      kind: "labels",
      corpus: [join(path, "corpus.jsonl")],
      id: "id",
      scores: [path],
      label: "vote",
      good: "good",
      bad: "bad",
      resamples: 200,
      seed: 1,
    } as const;
    const audit = await execute({ ...labels, corpus: [...labels.corpus], scores: [...labels.scores] }, jobContext);
    expect((audit.data as LabelAudit).scores[0]!.auroc).toBeGreaterThan(0.6);
    expect(audit.text).toContain("all: 30 good against 30 bad documents");
    const refused = (options: object) =>
      execute({ kind: "scorers", exact: path, cheap: ["low_compression_ratio"], ...options }, jobContext);
    await expect(refused({})).rejects.toThrow(/HC3636/);
    await expect(refused({ cheap: ["length"], instances: path })).rejects.toThrow(/HC3636/);
    await expect(refused({ cheap: ["length"], cheapStudent: "a" })).rejects.toThrow(/HC3636/);
  });
});
