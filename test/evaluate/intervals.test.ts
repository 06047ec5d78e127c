import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bootstrapMean,
  meanWithStudentInterval,
  studentCentralProbability,
  studentCritical95,
} from "../../src/evaluate/intervals.ts";
import { Random } from "../../src/random.ts";

describe("Student's t", () => {
  test("tabulated critical values", () => {
    const table = {
      1: 12.7062,
      2: 4.3027,
      3: 3.1824,
      4: 2.7764,
      5: 2.5706,
      9: 2.2622,
      10: 2.2281,
      30: 2.0423,
      120: 1.9799,
    };
    for (const [degrees, t] of Object.entries(table)) expect(studentCritical95(Number(degrees))).toBeCloseTo(t, 4);
  });

  test("one and two degrees of freedom have closed forms", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 50, noNaN: true }), (t) => {
        expect(studentCentralProbability(t, 1)).toBeCloseTo((2 / Math.PI) * Math.atan(t), 12);
        expect(studentCentralProbability(t, 2)).toBeCloseTo(t / Math.sqrt(2 + t * t), 12);
      }),
    );
  });

  test("interval of two runs", () => {
    const { mean, interval } = meanWithStudentInterval([1, 3]);
    expect(mean).toBe(2);
    expect(interval[1] - 2).toBeCloseTo(12.7062, 3);
    expect(2 - interval[0]).toBeCloseTo(12.7062, 3);
  });
});

describe("bootstrapMean", () => {
  test("agrees with the normal interval on a large normal sample", () => {
    const random = new Random(1, "test/bootstrap");
    const values = Float64Array.from({ length: 2000 }, () => 5 + 2 * random.normal());
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const half = (1.96 * 2) / Math.sqrt(values.length);
    const [low, high] = bootstrapMean(values, { seed: 1, stream: "s", resamples: 2000 });
    expect(Math.abs(low - (mean - half))).toBeLessThan(0.1 * half);
    expect(Math.abs(high - (mean + half))).toBeLessThan(0.1 * half);
  });

  test("is a pure function of values, seed and stream, holds the mean and moves with the values", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.nat(),
        (values, seed) => {
          const options = { seed, stream: "set", resamples: 500 };
          const [low, high] = bootstrapMean(values, options);
          expect(bootstrapMean(values, options)).toEqual([low, high]);
          expect(low).toBeLessThanOrEqual(high);
          expect(low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9);
          expect(high).toBeLessThanOrEqual(Math.max(...values) + 1e-9);
          const shifted = bootstrapMean(
            values.map((x) => x + 7),
            options,
          );
          expect(shifted[0]).toBeCloseTo(low + 7, 8);
          expect(shifted[1]).toBeCloseTo(high + 7, 8);
        },
      ),
      { numRuns: 50 },
    );
  });
});
