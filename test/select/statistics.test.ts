import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { auditSelection } from "../../src/select/audit.ts";
import { histogram, scoreStatistics } from "../../src/select/statistics.ts";
import { sample, strata } from "../../src/select/strata.ts";
import { pearson, spearman } from "../../src/statistics.ts";

const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 80 });

describe("histogram", () => {
  test("every value lies in the bin its edges say", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 40 }), (v, bins) => {
        const h = histogram(v, bins);
        const expected = new Array<number>(bins).fill(0);
        for (const x of v) {
          let bin = h.edges.findIndex((edge) => edge > x) - 1;
          if (bin < 0) bin = bins - 1;
          expected[bin]!++;
        }
        expect(h.counts).toEqual(expected);
        expect(h.cumulative.at(-1)).toBe(1);
        const area = h.density.reduce((sum, d, i) => sum + d * (h.edges[i + 1]! - h.edges[i]!), 0);
        expect(area).toBeCloseTo(1, 9);
      }),
      { numRuns: 1000 },
    );
  });

  test("values that differ by rounding only get finite densities", () => {
    for (const v of [
      [0, -5e-324],
      [1, 1 + Number.EPSILON],
    ])
      expect(histogram(v, 50).density.every(Number.isFinite)).toBe(true);
  });

  test("a single value gets bins of a width", () => {
    const h = histogram([2, 2, 2], 4);
    expect(h.edges).toEqual([1.5, 1.75, 2, 2.25, 2.5]);
    expect(h.counts).toEqual([0, 0, 3, 0]);
  });
});

describe("scoreStatistics", () => {
  test("known values", () => {
    const s = scoreStatistics("difference", [4, 1, 3, 2], { bins: 3, quantiles: [0.1, 0.5] });
    expect(s).toMatchObject({ score: "difference", count: 4, min: 1, max: 4, mean: 2.5 });
    expect(s.std).toBeCloseTo(Math.sqrt(1.25), 12);
    expect(s.quantiles["0.1"]).toBeCloseTo(1.3, 12);
    expect(s.quantiles["0.5"]).toBe(2.5);
    expect(s.histogram.counts).toEqual([1, 1, 2]);
  });

  test("no values and values that are not finite are refused", () => {
    expect(() => scoreStatistics("x", [])).toThrow("HC3106");
    expect(() => scoreStatistics("x", [1, Number.NaN])).toThrow(/HC3106[\s\S]*NaN at position 1/);
  });
});

describe("correlation", () => {
  test("known values, ties by their mean rank", () => {
    expect(pearson([1, 2, 3], [2, 4, 6])).toBeCloseTo(1, 12);
    expect(pearson([1, 2, 3, 4], [1, 3, 2, 4])).toBeCloseTo(0.8, 12);
    expect(pearson([1, 1], [1, 2])).toBeUndefined();
    // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3.
    expect(spearman([10, 20, 20, 30], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
  });

  test("rank correlation does not change under a rising function", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 })), { minLength: 2 }),
        (pairs) => {
          const a = pairs.map((p) => p[0]);
          const b = pairs.map((p) => p[1]);
          const plain = spearman(a, b);
          const bent = spearman(
            a.map((x) => x ** 3),
            b.map((x) => Math.exp(x / 10)),
          );
          if (plain === undefined) expect(bent).toBeUndefined();
          else expect(bent).toBeCloseTo(plain, 9);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("strata", () => {
  test("ends, shares and names", () => {
    const order = Int32Array.from({ length: 2000 }, (_, i) => 1999 - i);
    const groups = strata(order, { ends: 1000, shares: [0.001, 0.01, 0.1], samples: 5, seed: 3 });
    expect(groups.map((g) => g.name)).toEqual([
      "top_1000",
      "top_0.1%_sample",
      "top_1%_sample",
      "top_10%_sample",
      "bottom_1000",
      "bottom_0.1%_sample",
      "bottom_1%_sample",
      "bottom_10%_sample",
    ]);
    expect([...groups[0]!.instances.subarray(0, 3)]).toEqual([1999, 1998, 1997]);
    expect([...groups[4]!.instances.subarray(0, 3)]).toEqual([0, 1, 2]);
    expect(groups[1]!.instances.length).toBe(2);
    expect(groups[7]!.instances.every((i) => i < 200)).toBe(true);
    expect(new Set(groups[3]!.instances).size).toBe(5);
    expect(groups).toEqual(strata(order, { ends: 1000, shares: [0.001, 0.01, 0.1], samples: 5, seed: 3 }));
  });

  test("a sample has no repeats and only members", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(1000)), fc.nat(50), fc.nat(), (pool, count, seed) => {
        const drawn = sample(Int32Array.from(pool), count, new Random(seed, "test"));
        expect(drawn.length).toBe(Math.min(count, pool.length));
        expect(new Set(drawn).size).toBe(drawn.length);
        expect(drawn.every((i) => pool.includes(i))).toBe(true);
      }),
    );
  });
});

describe("auditSelection", () => {
  const n = 1000;
  const random = new Random(5, "test/audit");
  const teacher = Array.from({ length: n }, () => 3 + random.normal());
  const reference = teacher.map((x) => x + 0.2 * random.normal());
  const base = {
    sources: Array.from({ length: n }, (_, i) => (i % 4 === 0 ? "few" : "many")),
    tokens: Array.from({ length: n }, () => 100),
    nll_teacher: teacher,
    nll_reference: reference,
    difference: reference.map((x, i) => x - teacher[i]!),
    eligible: new Uint8Array(n).fill(1),
  };
  const value = (figures: ReturnType<typeof auditSelection>, name: string) =>
    figures.find((f) => f.name === name)!.value;

  test("a random half lies within chance", () => {
    const kept = new Uint8Array(n);
    for (const i of random.permutation(n).subarray(0, n / 2)) kept[i] = 1;
    const figures = auditSelection({ ...base, kept });
    expect(value(figures, "overlap with highest difference")).toBeGreaterThan(0.45);
    expect(value(figures, "overlap with highest difference")).toBeLessThan(0.55);
    expect(value(figures, "source mix moved")).toBeLessThan(0.05);
    expect(value(figures, "mean length of the kept over all")).toBe(1);
  });

  test("one source only is far from chance and says so", () => {
    const kept = Uint8Array.from(base.sources, (s) => Number(s === "few"));
    const figures = auditSelection({ ...base, kept });
    expect(value(figures, "kept share of few")).toBe(1);
    expect(figures.find((f) => f.name === "kept share of many")!.note).toMatch(/^below chance/);
    expect(value(figures, "source mix moved")).toBeCloseTo(0.75, 12);
    // A constant length has no rank correlation.
    expect(figures.some((f) => f.name.includes("length") && f.name.includes("correlation"))).toBe(false);
  });
});
