import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { methodScores } from "../../src/select/baselines.ts";
import { type Budget, keepCount, keepHighest, rankDescending } from "../../src/select/difference_sampling.ts";
import { apportion, keepHighestPerSource } from "../../src/select/domains.ts";

const score = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true }),
  fc.constantFrom(Infinity, -Infinity),
);
const corpus = fc
  .array(fc.record({ score, tokens: fc.integer({ min: 1, max: 300 }), source: fc.constantFrom("a", "b", "c") }), {
    maxLength: 60,
  })
  .map((rows) => ({
    scores: rows.map((r) => r.score),
    tokens: rows.map((r) => r.tokens),
    sources: rows.map((r) => r.source),
  }));
const ratio = fc.double({ min: 0, max: 1, noNaN: true });
const ascending = (kept: Int32Array) => kept.every((i, at) => at === 0 || kept[at - 1]! < i);
const sumOf = (kept: Int32Array, tokens: number[]) => kept.reduce((sum, i) => sum + tokens[i]!, 0);

describe("keepHighest", () => {
  test("keeps floor(ratio n), in corpus order, and no dropped score is above a kept one", () => {
    fc.assert(
      fc.property(corpus, ratio, (c, r) => {
        const kept = keepHighest(c, { ratio: r });
        expect(kept.length).toBe(Math.trunc(r * c.scores.length));
        expect(ascending(kept)).toBe(true);
        const inside = new Set(kept);
        const lowest = Math.min(...Array.from(kept, (i) => c.scores[i]!));
        for (let i = 0; i < c.scores.length; i++) {
          if (inside.has(i)) continue;
          expect(c.scores[i]!).toBeLessThanOrEqual(lowest);
          // A tie at the cut goes to the earlier instance.
          if (c.scores[i] === lowest) for (const k of kept) if (c.scores[k] === lowest) expect(k).toBeLessThan(i);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("a larger ratio keeps what a smaller one keeps", () => {
    fc.assert(
      fc.property(corpus, ratio, ratio, (c, r, s) => {
        const large = new Set(keepHighest(c, { ratio: Math.max(r, s) }));
        expect(keepHighest(c, { ratio: Math.min(r, s) }).every((i) => large.has(i))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("a token budget is never exceeded and the next best would exceed it", () => {
    fc.assert(
      fc.property(corpus, fc.integer({ min: 0, max: 5000 }), (c, tokens) => {
        const kept = keepHighest(c, { tokens });
        const next = rankDescending(c)[kept.length];
        expect(sumOf(kept, c.tokens)).toBeLessThanOrEqual(tokens);
        if (next !== undefined) expect(sumOf(kept, c.tokens) + c.tokens[next]!).toBeGreaterThan(tokens);
      }),
      { numRuns: 1000 },
    );
  });

  test("a threshold keeps exactly the scores that reach it", () => {
    fc.assert(
      fc.property(corpus, fc.integer({ min: -3, max: 3 }), (c, threshold) => {
        const expected = c.scores.flatMap((s, i) => (s >= threshold ? [i] : []));
        expect([...keepHighest(c, { threshold })]).toEqual(expected);
      }),
      { numRuns: 1000 },
    );
  });

  test("an instance that may not be kept never is, and still counts in n", () => {
    const candidates = { scores: [9, 1, 2, 8], tokens: [1, 1, 1, 1], eligible: Uint8Array.of(0, 1, 1, 1) };
    expect([...keepHighest(candidates, { ratio: 0.5 })]).toEqual([2, 3]);
    expect([...keepHighest(candidates, { ratio: 1 })]).toEqual([1, 2, 3]);
  });

  test("NaN is refused, dropped or kept, as asked", () => {
    const candidates = { scores: [1, Number.NaN, 3, Number.NaN], tokens: [1, 1, 1, 1] };
    expect(() => keepHighest(candidates, { ratio: 0.5 })).toThrow(/HC3102.*not a number[\s\S]*instance 1/);
    expect([...keepHighest(candidates, { ratio: 0.5 }, "drop")]).toEqual([0, 2]);
    expect([...keepHighest(candidates, { ratio: 0.5 }, "first")]).toEqual([1, 3]);
    expect([...rankDescending(candidates, "first")]).toEqual([1, 3, 2, 0]);
  });

  test("impossible budgets are refused by name", () => {
    expect(() => keepCount(1.5, 10)).toThrow("HC3101");
    expect(() => keepCount(Number.NaN, 10)).toThrow("HC3101");
    expect(() => keepHighest({ scores: [1], tokens: [1] }, { tokens: -1 })).toThrow("HC3103");
  });
});

describe("keepHighestPerSource", () => {
  test("each source gives its share to within one instance, and the whole is floor(ratio n)", () => {
    fc.assert(
      fc.property(corpus, ratio, (c, r) => {
        const kept = keepHighestPerSource(c, c.sources, { ratio: r });
        expect(kept.length).toBe(keepCount(r, c.scores.length));
        expect(ascending(kept)).toBe(true);
        for (const source of new Set(c.sources)) {
          const own = c.sources.flatMap((s, i) => (s === source ? [i] : []));
          const mine = own.filter((i) => kept.includes(i));
          expect(Math.abs(mine.length - (kept.length * own.length) / c.scores.length)).toBeLessThan(1 + 1e-9);
          const lowest = Math.min(...mine.map((i) => c.scores[i]!));
          for (const i of own) if (!mine.includes(i)) expect(c.scores[i]!).toBeLessThanOrEqual(lowest);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("a token budget is split by the sources' tokens", () => {
    fc.assert(
      fc.property(corpus, fc.integer({ min: 0, max: 5000 }), (c, tokens) => {
        const kept = keepHighestPerSource(c, c.sources, { tokens });
        expect(sumOf(kept, c.tokens)).toBeLessThanOrEqual(tokens);
      }),
      { numRuns: 500 },
    );
    const even = { scores: [1, 2, 3, 4, 10, 11, 12, 13], tokens: new Array<number>(8).fill(10) };
    const sources = ["x", "x", "x", "x", "y", "y", "y", "y"];
    expect([...keepHighestPerSource(even, sources, { tokens: 40 })]).toEqual([2, 3, 6, 7]);
    expect([...keepHighest(even, { tokens: 40 })]).toEqual([4, 5, 6, 7]);
  });

  test("a threshold is refused", () => {
    expect(() => keepHighestPerSource({ scores: [1], tokens: [1] }, ["a"], { threshold: 0 })).toThrow("HC3104");
  });

  test("apportionment adds up and never strays a whole place from the exact share", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 0, max: 500 }),
        (weights, places) => {
          const total = weights.reduce((a, b) => a + b, 0);
          const seats = apportion(weights, places);
          expect(seats.reduce((a, b) => a + b, 0)).toBe(total === 0 ? 0 : places);
          for (const [d, s] of seats.entries())
            if (total > 0) expect(Math.abs(s - (places * weights[d]!) / total)).toBeLessThan(1);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("baselines", () => {
  const columns = { nll_teacher: [3, 1, 2, 5], nll_reference: [4, 4, 1, 6], difference: [1, 3, -1, 1] };
  const keep = (
    method: "difference" | "lowest_perplexity" | "highest_perplexity" | "random",
    model: "teacher" | "reference",
    budget: Budget,
    seed = 1,
  ) => [
    ...keepHighest(
      { scores: methodScores(method, columns, { seed, perplexityModel: model })!, tokens: [1, 1, 1, 1] },
      budget,
    ),
  ];

  test("each ranks by what its name says", () => {
    expect(keep("difference", "teacher", { ratio: 0.5 })).toEqual([0, 1]);
    expect(keep("lowest_perplexity", "teacher", { ratio: 0.5 })).toEqual([1, 2]);
    expect(keep("highest_perplexity", "teacher", { ratio: 0.5 })).toEqual([0, 3]);
    expect(keep("lowest_perplexity", "reference", { ratio: 0.25 })).toEqual([2]);
    expect(methodScores("all", columns, { seed: 1, perplexityModel: "teacher" })).toBeUndefined();
  });

  test("random depends on the seed alone and takes every instance equally often", () => {
    expect(keep("random", "teacher", { ratio: 0.5 }, 7)).toEqual(keep("random", "reference", { ratio: 0.5 }, 7));
    const counts = [0, 0, 0, 0];
    for (let seed = 0; seed < 4000; seed++)
      for (const i of keep("random", "teacher", { ratio: 0.5 }, seed)) counts[i]!++;
    // 4000 draws of a half: standard deviation 31.6.
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(160);
  });
});
