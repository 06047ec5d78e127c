import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { computeSaved } from "../../src/evaluate/compute_saved.ts";
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
    expect(saved.reachedByA!.flops).toBeCloseTo(1000 * Math.sqrt(1000), 6);
    expect(saved.reachedByA!.tokens).toBeCloseTo(100 * Math.sqrt(1000), 6);
    expect(saved.savedFlops).toBeCloseTo(1 - Math.sqrt(1000) / 100, 12);
    expect(saved.statement).toBe("a reached b's final loss of 2.500 on pool with 68.4 % less training compute");
  });

  test("a student that never gets there has no figure", () => {
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
    expect(saved.reachedByA).toBeUndefined();
    expect(saved.savedFlops).toBeUndefined();
    expect(saved.statement).toContain("did not reach");
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
    expect(saved.seeds).toEqual({ a: 2, b: 1 });
    expect(saved.reachedByA!.flops).toBeCloseTo(100_000, 6);
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
        expect(saved.savedFlops).toBeGreaterThanOrEqual(-1e-12);
        expect(saved.reachedByA!.flops).toBeLessThanOrEqual(saved.spentByB.flops * (1 + 1e-12));
      }),
    );
  });

  test("curves that cannot be compared are refused", () => {
    const [a, b] = students([curve([[1, 2]], "other")], [curve([[1, 2]])]);
    expect(() => computeSaved(a, b, "pool")).toThrow(/HC3203[\s\S]*student a, set pool/);
    const [c, d] = students([curve([[1, 2]]), curve([[2, 2]])], [curve([[1, 2]])]);
    expect(() => computeSaved(c, d, "pool")).toThrow(/HC3204[\s\S]*steps 2/);
  });
});
