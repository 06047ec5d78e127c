import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byChance, drawnOrder } from "../../src/analyze/draws.ts";
import { centredUnitVectors } from "../../src/analyze/embedding.ts";
import { kernelSpectrum, logDeterminant, unit, vendiScore } from "../../src/analyze/kernel.ts";
import { compressionRatio, distinctShares } from "../../src/analyze/lexical.ts";
import {
  jensenShannonBits,
  kolmogorovSmirnov,
  lengthShift,
  tokenShares,
  totalVariation,
} from "../../src/analyze/shift.ts";
import { tfIdfVector } from "../../src/analyze/tf_idf.ts";
import { Random } from "../../src/random.ts";

const basis = (at: number) => ({ indices: Int32Array.of(at), values: Float64Array.of(1) });
const ids = (...tokens: number[]) => Int32Array.of(...tokens);

describe("distinct n-grams and compression", () => {
  test("count n-grams inside sequences only", () => {
    // 1 2 1 2 1 and 1 2: seven unigrams of two kinds; bigrams 12 21 12 21 12; trigrams 121 212 121.
    expect(distinctShares([ids(1, 2, 1, 2, 1), ids(1, 2)], 10)).toEqual([2 / 7, 2 / 5, 2 / 3]);
    expect(distinctShares([ids(3)], 10)).toEqual([1, 0, 0]);
    expect(distinctShares([], 10)).toEqual([0, 0, 0]);
  });

  test("equal a count of n-grams as text, whatever the ids", () => {
    const sequence = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.array(sequence, { maxLength: 5 }), (sequences) => {
        const expected = [1, 2, 3].map((n) => {
          const grams = sequences.flatMap((s) => s.slice(n - 1).map((_, t) => s.slice(t, t + n).join()));
          return grams.length === 0 ? 0 : new Set(grams).size / grams.length;
        });
        expect(
          distinctShares(
            sequences.map((s) => Int32Array.from(s)),
            4,
          ),
        ).toEqual(expected);
      }),
    );
  });

  test("text that repeats itself compresses", () => {
    const random = new Random(1, "test/compress");
    const noise = Array.from({ length: 5000 }, () => String.fromCharCode(33 + random.below(90))).join("");
    expect(compressionRatio([noise])).toBeLessThan(1.3);
    expect(compressionRatio([noise, noise])).toBeGreaterThan(1.8 * compressionRatio([noise]));
  });
});

describe("Vendi score and log-determinant", () => {
  test("orthogonal instances count whole, equal ones once", () => {
    const orthogonal = kernelSpectrum([0, 1, 2, 3].map(basis));
    expect(vendiScore(orthogonal)).toBeCloseTo(4, 10);
    expect(logDeterminant(orthogonal)).toBeCloseTo(0, 10);
    const equal = kernelSpectrum([0, 0, 0, 0].map(basis));
    expect(vendiScore(equal)).toBeCloseTo(1, 10);
    // Eigenvalues 4, 0, 0, 0 with the ridge of 0.01.
    expect(logDeterminant(equal)).toBeCloseTo((Math.log(4.01) + 3 * Math.log(0.01) - 4 * Math.log(1.01)) / 4, 8);
    // Two pairs of equal ones are two kinds of instance.
    expect(vendiScore(kernelSpectrum([0, 0, 5, 5].map(basis)))).toBeCloseTo(2, 10);
  });

  test("a pair of cosine c has the eigenvalues (1 ± c) / 2", () => {
    const c = 0.6;
    const spectrum = kernelSpectrum([basis(0), { indices: ids(0, 1), values: Float64Array.of(c, 0.8) }]);
    const [p, q] = [(1 + c) / 2, (1 - c) / 2];
    expect([...spectrum].sort()).toEqual([expect.closeTo(q, 10), expect.closeTo(p, 10)]);
    expect(vendiScore(spectrum)).toBeCloseTo(Math.exp(-p * Math.log(p) - q * Math.log(q)), 10);
  });

  test("the spectrum is the entropy of random vectors' Gram matrix: trace and squared norm agree", () => {
    const random = new Random(2, "test/kernel");
    const indices = Int32Array.from({ length: 12 }, (_, d) => d);
    const vectors = Array.from({ length: 40 }, () => ({
      indices,
      values: unit(Float64Array.from(indices, () => random.normal())),
    }));
    const spectrum = kernelSpectrum(vectors);
    expect(spectrum.reduce((sum, x) => sum + x, 0)).toBeCloseTo(1, 9);
    let squares = 0;
    for (const { values: a } of vectors)
      for (const { values: b } of vectors) squares += (a.reduce((sum, x, d) => sum + x * b[d]!, 0) / 40) ** 2;
    expect(spectrum.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(squares, 9);
    expect(vendiScore(spectrum)).toBeLessThanOrEqual(12.0001);
  });

  test("vectors are of length 1, whatever the counts, and empty without tokens", () => {
    const idf = Float64Array.of(1, 2, 3);
    const { indices, values } = tfIdfVector(ids(2, 0, 2), idf);
    expect([...indices]).toEqual([2, 0]);
    expect([...values]).toEqual([6 / Math.sqrt(37), 1 / Math.sqrt(37)]);
    expect(tfIdfVector(ids(), idf).indices).toHaveLength(0);
    const [one] = centredUnitVectors([Float32Array.of(4, 5)], Float64Array.of(1, 1));
    expect([...one!.values]).toEqual([0.6, 0.8]);
  });
});

describe("shifts", () => {
  test("distances of distributions", () => {
    expect(jensenShannonBits([1, 0], [0, 1])).toBe(1);
    expect(jensenShannonBits([0.5, 0.5], [0.5, 0.5])).toBe(0);
    // Entropy of the mixture less the mean of the entropies.
    const entropy = (p: number[]) => -p.reduce((sum, x) => sum + x * Math.log2(x), 0);
    const expected = entropy([0.4, 0.25, 0.35]) - (entropy([0.7, 0.2, 0.1]) + entropy([0.1, 0.3, 0.6])) / 2;
    expect(jensenShannonBits([0.7, 0.2, 0.1], [0.1, 0.3, 0.6])).toBeCloseTo(expected, 12);
    expect(totalVariation([0.7, 0.2, 0.1], [0.1, 0.3, 0.6])).toBeCloseTo(0.6, 12);
  });

  test("Kolmogorov-Smirnov distance with ties", () => {
    // Behind 3 the distribution functions are 1 and 2 / 5.
    expect(kolmogorovSmirnov([1, 2, 2, 3], [2, 3, 4, 5, 5])).toBeCloseTo(0.6, 12);
    expect(kolmogorovSmirnov([1, 2], [1, 2])).toBe(0);
    expect(kolmogorovSmirnov([], [1])).toBeNull();
  });

  test("token shares and lengths by part", () => {
    const measured = { sourceOf: ids(0, 1, 1), sources: ["a", "b"], tokens: ids(6, 1, 3) };
    expect([...tokenShares(measured)]).toEqual([0.6, 0.4]);
    expect([...tokenShares(measured, ids(2, 1))]).toEqual([0, 1]);
    const lengths = lengthShift(measured.tokens, Uint8Array.of(1, 0, 1));
    expect(lengths.mean).toEqual({ all: 10 / 3, kept: 4.5, dropped: 1 });
    expect(lengths.median).toEqual({ all: 3, kept: 4.5, dropped: 1 });
    expect(lengthShift(measured.tokens, Uint8Array.of(1, 1, 1))).toMatchObject({ mean: { dropped: null }, ks: null });
  });

  test("draws are seeded, and differ from each other", () => {
    expect([...drawnOrder(50, 1, 0)]).toEqual([...drawnOrder(50, 1, 0)]);
    expect([...drawnOrder(50, 1, 0)]).not.toEqual([...drawnOrder(50, 1, 1)]);
    expect(byChance(Array.from({ length: 101 }, (_, i) => 100 - i))).toEqual([0, 100]);
  });
});
