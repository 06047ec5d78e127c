import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { DuplicateGraph } from "../../src/analyze/duplicate_counts.ts";
import { publishedNearDuplicates } from "../../src/analyze/duplicate_files.ts";
import { bandingFor, MinHash } from "../../src/analyze/minhash.ts";
import { findNearDuplicates } from "../../src/analyze/near_duplicates.ts";
import { jaccard, shingleSet } from "../../src/analyze/shingles.ts";
import { openInstances, writeInstances } from "../../src/corpus/instances.ts";
import { quietContext } from "../../src/progress.ts";
import { Random } from "../../src/random.ts";

const VOCABULARY = 5000;

async function packed(sequences: readonly Int32Array[]) {
  const root = await mkdtemp(join(tmpdir(), "heartcut-duplicates-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const folder = join(root, "instances");
  const instances = sequences.map((tokens, i) => ({
    tokens,
    source: "a",
    firstDocument: `${i}`,
    lastDocument: `${i}`,
  }));
  await writeInstances(folder, instances, { vocabSize: VOCABULARY });
  const reader = await openInstances(folder);
  onTestFinished(() => reader.close());
  return { root, folder, reader };
}

function text(random: Random, length: number): Int32Array {
  return Int32Array.from({ length }, () => random.below(VOCABULARY));
}

/** A copy with so many tokens replaced, at places of their own. */
function edited(tokens: Int32Array, edits: number, random: Random): Int32Array {
  const copy = tokens.slice();
  for (const place of random.permutation(copy.length).subarray(0, edits)) copy[place] = random.below(VOCABULARY);
  return copy;
}

describe("shingles and MinHash", () => {
  test("Jaccard similarity equals that of sets of n-grams", () => {
    const sequence = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 20 });
    fc.assert(
      fc.property(sequence, sequence, fc.integer({ min: 1, max: 4 }), (a, b, size) => {
        const grams = (s: number[]) =>
          new Set(
            s.length === 0
              ? []
              : s.length < size
                ? [s.join()]
                : s.slice(size - 1).map((_, t) => s.slice(t, t + size).join()),
          );
        const [x, y] = [grams(a), grams(b)];
        const shared = [...x].filter((gram) => y.has(gram)).length;
        const expected = x.size + y.size === 0 ? 0 : shared / (x.size + y.size - shared);
        expect(jaccard(shingleSet(Int32Array.from(a), size), shingleSet(Int32Array.from(b), size))).toBeCloseTo(
          expected,
          12,
        );
      }),
    );
  });

  test("the share of equal signature places estimates it within its standard error", () => {
    const random = new Random(5, "test/minhash");
    const minHash = new MinHash(256, 5, 1);
    let squares = 0;
    let bias = 0;
    const trials = 60;
    for (let trial = 0; trial < trials; trial++) {
      const a = text(random, 200);
      const b = edited(a, 1 + (trial % 20), random);
      const truth = jaccard(shingleSet(a, 5), shingleSet(b, 5));
      const [x, y] = [minHash.signature(a), minHash.signature(b)];
      const estimate = x.reduce((sum, value, p) => sum + Number(value === y[p]), 0) / 256;
      const error = (estimate - truth) / Math.sqrt((truth * (1 - truth)) / 256);
      squares += error ** 2 / trials;
      bias += error / trials;
    }
    expect(squares).toBeGreaterThan(0.5);
    expect(squares).toBeLessThan(1.7);
    expect(Math.abs(bias)).toBeLessThan(0.45);
  });

  test("bands are as long as the recall allows", () => {
    for (const threshold of [0.3, 0.5, 0.8, 0.95]) {
      const { bands, rows, recallAtThreshold } = bandingFor(threshold, 128);
      expect(bands * rows).toBeLessThanOrEqual(128);
      expect(recallAtThreshold).toBeGreaterThanOrEqual(0.99);
      expect(1 - (1 - threshold ** (rows + 1)) ** Math.floor(128 / (rows + 1))).toBeLessThan(0.99);
    }
    expect(bandingFor(1, 128)).toMatchObject({ bands: 1, rows: 128, recallAtThreshold: 1 });
  });
});

describe("findNearDuplicates", () => {
  test("finds planted near-duplicates and nothing else", async () => {
    const random = new Random(7, "test/planted");
    const originals = Array.from({ length: 400 }, () => text(random, 120));
    // Some copies lie above the threshold, some below.
    const copies = originals.slice(0, 200).map((tokens, i) => edited(tokens, i % 6, random));
    const all = [...originals, ...copies];
    const { reader } = await packed(all);
    const { pairs, representative, summary } = await findNearDuplicates(
      reader,
      { seed: 1, threshold: 0.7 },
      quietContext(),
    );
    const truth = copies.flatMap((copy, i) => {
      const similarity = jaccard(shingleSet(originals[i]!, 5), shingleSet(copy, 5));
      return similarity >= 0.7 && i % 6 > 0 ? [`${i} ${400 + i}`] : [];
    });
    const found = pairs.map(({ a, b }) => `${a} ${b}`);
    expect(truth.length).toBeGreaterThan(80);
    expect(found.filter((pair) => !truth.includes(pair))).toEqual([]);
    expect(truth.filter((pair) => found.includes(pair)).length / truth.length).toBeGreaterThanOrEqual(0.98);
    // Copies without an edit are equal: they are told without a comparison.
    expect([...representative].filter((first, i) => first !== i)).toEqual(
      copies.flatMap((_, i) => (i % 6 === 0 ? [i] : [])),
    );
    expect(summary).toMatchObject({ exactRepeats: 34, notCompared: 0 });
    expect(summary.compared).toBeLessThan(2 * truth.length + 50);
  });

  test("tiny and empty instances, and thousands of one template", async () => {
    const random = new Random(8, "test/tiny");
    const template = text(random, 300);
    const filled = Array.from({ length: 150 }, (_, i) => Int32Array.of(...template, i));
    const { reader } = await packed([
      ...filled,
      Int32Array.of(9),
      Int32Array.of(9),
      Int32Array.of(9, 8),
      Int32Array.of(),
    ]);
    const { pairs, representative, summary } = await findNearDuplicates(reader, { seed: 1 }, quietContext());
    expect(representative[151]).toBe(150);
    expect(representative[152]).toBe(152);
    expect(pairs.every(({ b }) => b < 150)).toBe(true);
    // Each is compared with 100 that follow at most, and what was left out is told.
    expect(summary.notCompared).toBeGreaterThan(0);
    expect(new Set(pairs.flatMap(({ a, b }) => [a, b])).size).toBe(150);
  });

  test("refuses options out of range", async () => {
    const { reader } = await packed([Int32Array.of(1, 2)]);
    const wrong = [{ threshold: 0 }, { threshold: 1.5 }, { shingle: 0 }, { permutations: 0 }];
    for (const options of wrong)
      await expect(findNearDuplicates(reader, { seed: 1, ...options }, quietContext())).rejects.toThrow(/HC3601/);
  });

  test("is published once and read again; a torn file is made anew", async () => {
    const random = new Random(9, "test/published");
    const a = text(random, 80);
    const { root, folder } = await packed([a, edited(a, 1, random), a, text(random, 80)]);
    const out = join(root, "duplicates");
    const run = (threshold = 0.8) =>
      publishedNearDuplicates({ instances: folder, folder: out, seed: 1, threshold }, quietContext());
    const first = await run();
    expect(first.representative[2]).toBe(0);
    expect(first.pairs).toHaveLength(1);
    expect(await run()).toEqual(first);
    const bytes = await readFile(join(out, "near_duplicates.parquet"));
    await writeFile(join(out, "near_duplicates.parquet"), bytes.subarray(0, 20));
    expect(await run()).toEqual(first);
    expect(await readFile(join(out, "near_duplicates.parquet"))).toEqual(bytes);
    expect((await run(0.99)).pairs).toHaveLength(0);
  });
});

describe("DuplicateGraph", () => {
  test("counts as a look at every pair does", () => {
    const size = 9;
    const label = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: size, maxLength: size });
    const near = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })), { maxLength: 4 });
    const keep = fc.array(fc.boolean(), { minLength: size, maxLength: size });
    fc.assert(
      fc.property(label, near, keep, (classes, edges, keeps) => {
        const first = (c: number) => classes.indexOf(c);
        const linked = edges.filter(([a, b]) => a < b && first(a) >= 0 && first(b) >= 0);
        const unique = [
          ...new Map(linked.map(([a, b]) => [`${a} ${b}`, { a: first(a), b: first(b), jaccard: 0.9 }])).values(),
        ];
        const graph = new DuplicateGraph({ representative: Int32Array.from(classes, first), pairs: unique });
        const isPair = (x: number, y: number) =>
          classes[x] === classes[y] ||
          linked.some(([a, b]) => (a === classes[x] && b === classes[y]) || (a === classes[y] && b === classes[x]));
        const all = Array.from({ length: size }, (_, i) => i);
        const kept = all.filter((i) => keeps[i]);
        const dropped = all.filter((i) => !keeps[i]);
        const within = (part: number[], other = part) =>
          part.filter((x) => other.some((y) => x !== y && isPair(x, y))).length / Math.max(1, part.length);
        const count = (from: number[], to: number[]) =>
          from.flatMap((x) => to.filter((y) => x !== y && isPair(x, y))).length;
        const figures = graph.figures(Int32Array.from(kept), Int32Array.from(dropped));
        expect(figures.share.all).toBeCloseTo(within(all), 12);
        if (kept.length > 0) expect(figures.share.kept).toBeCloseTo(within(kept), 12);
        expect(figures.keptWithDropped).toBeCloseTo(within(kept, dropped), 12);
        expect(figures.pairs).toEqual({
          keptKept: count(kept, kept) / 2,
          droppedDropped: count(dropped, dropped) / 2,
          mixed: count(kept, dropped),
        });
        const sum = (counts: typeof figures.pairs) => counts.keptKept + counts.droppedDropped + counts.mixed;
        expect(sum(figures.pairsByChance)).toBeCloseTo(sum(figures.pairs), 9);
      }),
    );
  });
});
