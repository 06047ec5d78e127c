import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { averageCurve, computeSaved } from "../../src/evaluate/compute_saved.ts";
import type { MetricsLine } from "../../src/train/record.ts";

/** A curve with 10 FLOPs a token and 100 tokens a step. */
const curve = (losses: readonly (readonly [step: number, loss: number])[], set = "pool"): MetricsLine[] =>
  losses.map(([step, loss]) => ({ type: "eval", step, tokens: 100 * step, flops: 1000 * step, set, loss }));
const students = (a: MetricsLine[][], b: MetricsLine[][]) =>
  [
    { name: "a", curves: a },
    { name: "b", curves: b },
  ] as const;

describe("computeSaved", () => {
  test("interpolates the logarithm of the compute", () => {
    const [a, b] = students(
      [
        curve([
          [1, 4],
          [10, 3],
          [100, 2],
        ]),
      ],
      [
        curve([
          [1, 4],
          [100, 2.5],
        ]),
      ],
    );
    const saved = computeSaved(a, b, "pool");
    // Half way from 3 to 2 in the loss: the geometric mean of 10 and 100 steps.
    expect(saved.spent.better.flops).toBeCloseTo(1000 * Math.sqrt(1000), 6);
    expect(saved.spent.better.tokens).toBeCloseTo(100 * Math.sqrt(1000), 6);
    expect(saved.savedFlops).toBeCloseTo(1 - Math.sqrt(1000) / 100, 12);
    expect(saved.statement).toBe("a reached b's final loss of 2.500 on pool with 68.4 % less training compute");
  });

  test("is worked out the other way round where the second student ends lower", () => {
    const [a, b] = students(
      [
        curve([
          [1, 4],
          [100, 3],
        ]),
      ],
      [
        curve([
          [1, 4],
          [100, 2.5],
        ]),
      ],
    );
    const saved = computeSaved(a, b, "pool");
    expect([saved.better, saved.other]).toEqual(["b", "a"]);
    expect(saved.targetLoss).toBe(3);
    expect(saved.spent.other).toEqual({ flops: 100_000, tokens: 10_000 });
    // From 4 to 2.5, the loss of 3 is two thirds of the way.
    expect(saved.spent.better.flops).toBeCloseTo(1000 * 100 ** (2 / 3), 6);
    expect(saved).toEqual(computeSaved(b, a, "pool"));
  });

  test("curves are averaged over seeds first, so one late seed does not hide the result", () => {
    const [a, b] = students(
      [
        curve([
          [10, 3],
          [100, 2.9],
        ]),
        curve([
          [10, 3],
          [100, 1.9],
        ]),
      ],
      [
        curve([
          [10, 3.2],
          [100, 2.4],
        ]),
      ],
    );
    const saved = computeSaved(a, b, "pool");
    expect(saved.seeds).toEqual({ better: 2, other: 1 });
    expect(saved.spent.better.flops).toBeCloseTo(100_000, 6);
  });

  test("more compute than the other is called more", () => {
    const [a, b] = students(
      [
        curve([
          [10, 3],
          [200, 2],
        ]),
      ],
      [
        curve([
          [10, 3],
          [100, 2],
        ]),
      ],
    );
    expect(computeSaved(a, b, "pool").statement).toContain("100.0 % more");
  });

  test("a curve against itself saves nothing", () => {
    const losses = fc.array(fc.double({ min: 0.5, max: 10, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(losses, (values) => {
        const own = curve(values.sort((x, y) => y - x).map((loss, i) => [i + 1, loss] as const));
        const [a, b] = students([own], [own]);
        const saved = computeSaved(a, b, "pool");
        expect([saved.better, saved.other]).toEqual(["a", "b"]);
        expect(saved.savedFlops).toBeGreaterThanOrEqual(-1e-12);
        expect(saved.spent.better.flops).toBeLessThanOrEqual(saved.spent.other.flops * (1 + 1e-12));
      }),
    );
  });

  test("the first crossing counts, and a first point that cost nothing is not interpolated from", () => {
    const [a, b] = students(
      [
        curve([
          [1, 5],
          [2, 3],
          [4, 4],
          [8, 2],
        ]),
      ],
      [curve([[10, 3]])],
    );
    expect(computeSaved(a, b, "pool").spent.better.flops).toBeCloseTo(2000, 9);
    const [c, d] = students(
      [
        curve([
          [0, 8],
          [100, 4],
        ]),
      ],
      [curve([[200, 6]])],
    );
    expect(computeSaved(c, d, "pool").spent.better.flops).toBe(100_000);
    expect(computeSaved(...students([curve([[0, 5]])], [curve([[0, 6]])]), "pool").savedFlops).toBe(0);
  });

  test("says so where the loss was reached before anything was measured", () => {
    const measured = (a: [number, number][], b: [number, number][]) =>
      computeSaved(...students([curve(a)], [curve(b)]), "pool");
    const untrained: [number, number] = [0, 8];
    const bound = measured([untrained, [40, 4], [100, 3]], [untrained, [100, 5]]);
    expect(bound.bound).toBe(true);
    expect(bound.statement).toContain("with at least 60.0 % less training compute");
    expect(measured([untrained, [200, 4]], [[100, 5]]).statement).toContain("at most 100.0 % more");
    const exact = measured([untrained, [40, 5], [100, 3]], [untrained, [100, 5]]);
    const between = measured([untrained, [40, 6], [100, 3]], [untrained, [100, 5]]);
    for (const one of [exact, between]) {
      expect(one).not.toHaveProperty("bound");
      expect(one.statement).not.toContain("at least");
    }
  });

  test("lies between the points around the crossing", () => {
    const falling = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0.01, max: 1, noNaN: true })),
      { minLength: 2, maxLength: 20 },
    );
    fc.assert(
      fc.property(falling, fc.double({ min: 0, max: 1, noNaN: true }), (steps, at) => {
        const upTo = (i: number, part: 0 | 1) => steps.slice(0, i + 1).reduce((sum, step) => sum + step[part], 0);
        const points = steps.map((_, i) => [upTo(i, 0), 30 - upTo(i, 1)] as const);
        const [first, last] = [points[0]!, points.at(-1)!];
        const target = first[1] + at * (last[1] - first[1]);
        const [a, b] = students([curve(points)], [curve([[5, Math.max(target, last[1])]])]);
        const { better } = computeSaved(a, b, "pool").spent;
        const i = points.findIndex(([, loss]) => loss <= target);
        expect(better.flops).toBeGreaterThanOrEqual(1000 * (points[i - 1] ?? first)[0] * (1 - 1e-9));
        expect(better.flops).toBeLessThanOrEqual(1000 * (points[i] ?? last)[0] * (1 + 1e-9));
      }),
    );
  });

  test("seeds that end some steps apart, as those of equal FLOPs do, end in one point", () => {
    const [a] = students(
      [
        curve([
          [1, 3],
          [20, 2],
          [37, 1],
        ]),
        curve([
          [1, 3],
          [20, 2],
          [40, 2],
          [41, 1.5],
        ]),
      ],
      [],
    );
    const points = averageCurve(a, "pool");
    expect(points.map(({ loss }) => loss)).toEqual([3, 2, 1.25]);
    expect(points.at(-1)!.flops).toBe((37_000 + 41_000) / 2);
  });

  test("curves that cannot be compared are refused", () => {
    const [a, b] = students([curve([[1, 2]], "other")], [curve([[1, 2]])]);
    expect(() => computeSaved(a, b, "pool")).toThrow(/HC3203[\s\S]*student a, set pool/);
    const [c, d] = students(
      [
        curve([
          [1, 3],
          [4, 2],
        ]),
        curve([
          [2, 3],
          [4, 2],
        ]),
      ],
      [curve([[1, 2]])],
    );
    expect(() => computeSaved(c, d, "pool")).toThrow(/HC3204[\s\S]*steps 2, 4/);
    const [e, f] = students(
      [
        curve([
          [1, 3],
          [2, 2],
        ]),
        curve([
          [1, 3],
          [2, 2],
          [3, 2],
          [4, 1],
        ]),
      ],
      [curve([[1, 2]])],
    );
    expect(() => computeSaved(e, f, "pool")).toThrow(/HC3204/);
  });
});
