import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitScalingLaw, type ScalingFitOptions } from "../../../src/evaluate/scaling/fit.ts";
import type { ScalingPoint } from "../../../src/evaluate/scaling/record.ts";
import { quietContext } from "../../../src/progress.ts";
import { Random } from "../../../src/random.ts";
import { curve, type Law, lossAt } from "./curves.ts";

const law = (points: readonly ScalingPoint[], options: Partial<ScalingFitOptions> = {}) =>
  fitScalingLaw(points, { seed: 1, resamples: 0, ...options }, quietContext());
const constants = async (points: readonly ScalingPoint[], options: Partial<ScalingFitOptions> = {}) => {
  const { fit: found } = await law(points, options);
  return Object.fromEntries(found.constants.map(({ name, value }) => [name, value])) as Record<string, number>;
};

/** Constants and losses at 1T tokens as printed: Gu et al. 2024, arXiv:2410.17215 (pre-training, vanilla KD, MiniPLM). */
const PRINTED = [
  ["200M", 1.26e21, { A: 2.19e7, a: 0.41, E: 3.3 }, 3.35],
  ["200M", 1.26e21, { A: 9.77e7, a: 0.44, E: 3.34 }, 3.39],
  ["200M", 1.26e21, { A: 8.56e10, a: 0.59, E: 3.25 }, 3.28],
  ["500M", 3.14e21, { A: 2.73e8, a: 0.45, E: 3.06 }, 3.12],
  ["500M", 3.14e21, { A: 3.14e8, a: 0.45, E: 3.05 }, 3.12],
  ["500M", 3.14e21, { A: 6.64e9, a: 0.52, E: 3.03 }, 3.06],
  ["1.2B", 7.3e21, { A: 1.88e8, a: 0.43, E: 2.91 }, 2.98],
  ["1.2B", 7.3e21, { A: 1.1e10, a: 0.52, E: 2.9 }, 2.95],
  ["1.2B", 7.3e21, { A: 4.29e8, a: 0.45, E: 2.86 }, 2.92],
] as const satisfies [string, number, Law, number][];

const TRUE: Law = PRINTED[0][2];

describe("the law of compute", () => {
  it.each(PRINTED)("returns the printed constants of %s at C = %d", async (_, flops, constants, printed) => {
    // 100k steps of 512 x 1024 tokens are 1 / 19 of 1T tokens.
    const { fit: found, extrapolate } = await law(curve(constants, flops / 19));
    const [E, A, a] = found.constants.map(({ value }) => value) as [number, number, number];
    expect(E).toBeCloseTo(constants.E, 4);
    expect(a).toBeCloseTo(constants.a, 4);
    expect(A / constants.A).toBeCloseTo(1, 3);
    expect(found.objective).toBeLessThan(1e-20);
    const { loss, beyond } = extrapolate({ flops });
    expect(Math.abs(loss - printed)).toBeLessThan(0.015);
    expect(beyond).toBeCloseTo(19, 6);
  });

  it("finds the minimum that SciPy finds", async () => {
    const losses = [4.2, 3.91, 3.74, 3.6, 3.57, 3.49, 3.52, 3.44, 3.43, 3.9];
    const points = losses.map((loss, i) => ({ flops: 1e17 * 2 ** i, loss }));
    const { fit: found } = await law(points);
    expect(found.objective).toBeCloseTo(SCIPY.objective, 9);
    expect(found.constants.map(({ name }) => name)).toEqual(["E", "A", "a"]);
    for (const { name, value } of found.constants) expect(value / SCIPY[name as keyof typeof SCIPY]).toBeCloseTo(1, 3);
  });

  it("is not drawn away by outliers, and does not depend on the units of compute", async () => {
    const clean = curve(TRUE, 6e19, { points: 30 });
    const spoiled = clean.map((point, i) => (i % 10 === 5 ? { ...point, loss: point.loss * 1.3 } : point));
    expect((await constants(spoiled)).E).toBeCloseTo(TRUE.E, 2);
    await fc.assert(
      fc.asyncProperty(fc.double({ min: -12, max: 6, noNaN: true }), async (power) => {
        const scaled = spoiled.map((point) => ({ ...point, flops: point.flops! * 10 ** power }));
        const [one, other] = [await constants(spoiled), await constants(scaled)];
        expect(other.a).toBeCloseTo(one.a!, 4);
        expect(other.E).toBeCloseTo(one.E!, 4);
      }),
      { numRuns: 6 },
    );
  });

  it("leaves the warm-up out, of each curve or below a compute", async () => {
    const points = curve(TRUE, 1e20, { points: 100 });
    const warm = points.map((point, i) => (i < 4 ? { ...point, loss: 9 } : point));
    const { fit: found } = await law(warm);
    expect([found.points, found.leftOut, found.from]).toEqual([96, 4, 0.05]);
    expect(found.logRmse).toBeLessThan(1e-8);
    expect((await law(warm, { from: 5e18 })).fit.leftOut).toBe(4);
    expect((await law(warm, { from: 0 })).fit.points).toBe(100);
  });
});

/** Minimum of the same objective over the same ten points: SciPy 1.17.1, Nelder-Mead, the best of 12 starts, each twice. */
const SCIPY = { objective: 0.00016027339, E: 3.4114297, A: 1.0486133e11, a: 0.6543545 };

describe("the law of size and data", () => {
  it("returns the constants of Hoffmann et al. 2022", async () => {
    const random = new Random(4, "test/sizes");
    const points = Array.from({ length: 40 }, () => {
      const [parameters, tokens] = [10 ** (7 + 3 * random.uniform()), 10 ** (8.5 + 3 * random.uniform())];
      return { parameters, tokens, loss: 406.4 / parameters ** 0.34 + 410.7 / tokens ** 0.28 + 1.69 };
    });
    const found = await constants(points, { law: "size_and_data" });
    expect(found.E).toBeCloseTo(1.69, 4);
    expect(found.A! / 406.4).toBeCloseTo(1, 3);
    expect(found.B! / 410.7).toBeCloseTo(1, 3);
    expect(found.a).toBeCloseTo(0.34, 4);
    expect(found.b).toBeCloseTo(0.28, 4);
  });
});

describe("intervals", () => {
  const seeds = (rep: number) =>
    [0, 1, 2].flatMap((s) => curve(TRUE, 6e19, { seed: 1000 * rep + s, shift: 0.003, noise: 0.001, points: 20 }));

  it("cover the truth, over seeds and over single trainings", async () => {
    const covered = { seeds: 0, trainings: 0 };
    const has = (interval: [number, number] | null, value: number) =>
      interval !== null && interval[0] <= value && value <= interval[1];
    for (let rep = 0; rep < 12; rep++) {
      const trainings = curve(TRUE, 6e19, { seed: rep + 7, noise: 0.003 }).map(({ flops, loss }) => ({ flops, loss }));
      for (const [kind, points] of [
        ["seeds", seeds(rep)],
        ["trainings", trainings],
      ] as const) {
        const { fit: found, extrapolate } = await law(points, { resamples: 100, seed: rep });
        const exponent = found.constants.find(({ name }) => name === "a")!.interval!;
        const { interval } = extrapolate({ flops: 1e21 });
        covered[kind] += Number(has(exponent, TRUE.a) && has(interval, lossAt(TRUE, 1e21)));
      }
    }
    expect(covered.seeds).toBeGreaterThanOrEqual(10);
    expect(covered.trainings).toBeGreaterThanOrEqual(10);
  }, 60_000);

  it("are the same for the same seed, resample by what the points are, and hold the curve", async () => {
    const [one, two] = [await law(seeds(1), { resamples: 40 }), await law(seeds(1), { resamples: 40 })];
    expect(two.fit).toEqual(one.fit);
    expect(one.fit).toMatchObject({ resampled: "groups", curves: 3, resamples: 40 });
    expect((await law(seeds(1), { resamples: 40, seed: 2 })).fit.constants).not.toEqual(one.fit.constants);
    for (const { loss, low, high } of one.fit.band) expect(low <= loss && loss <= high).toBe(true);
    expect(one.fit.band.at(-1)!.flops / 6e20).toBeCloseTo(1, 9);
    expect(one.fit.band.filter(({ measured }) => measured).at(-1)!.flops / 6e19).toBeCloseTo(1, 9);
    const single = await law(curve(TRUE, 6e19, { noise: 0.002 }), { resamples: 20 });
    expect(single.fit).toMatchObject({ resampled: "residuals", curves: 1 });
  });

  it("keep E and exponents within what may be fitted", async () => {
    const points = curve(TRUE, 1e20, { noise: 0.05, points: 9 });
    const { fit: found } = await law(points, { resamples: 40 });
    const of = (name: string) => found.constants.find((one) => one.name === name)!.interval!;
    expect(of("a")[0]).toBeGreaterThanOrEqual(1e-3);
    expect(of("a")[1]).toBeLessThanOrEqual(5);
    expect(of("E")[0]).toBeGreaterThanOrEqual(0);
    expect(of("E")[1]).toBeLessThanOrEqual(Math.min(...points.map(({ loss }) => loss)));
  });

  it("stop when asked to", async () => {
    const controller = new AbortController();
    controller.abort();
    const context = { ...quietContext(), signal: controller.signal };
    await expect(fitScalingLaw(seeds(1), { seed: 1 }, context)).rejects.toThrow("HC0130");
  });
});

describe("what makes constants weak", () => {
  it.each([
    ["few points", curve(TRUE, 1e20, { points: 8 }), /8 points for 3 constants; 12 are wanted/],
    ["a short range", curve(TRUE, 1e20, { points: 40 }).slice(10), /range over 3\.6 times the compute/],
    ["no floor", curve({ A: 4e4, a: 0.2, E: 0 }, 1e20), /E came out as 0/],
    ["rising", curve({ A: 1e-12, a: -0.5, E: 3 }, 1e20), /the loss does not fall with compute/],
    ["one curve", curve(TRUE, 1e20), /one curve: the intervals cover the noise along it/],
    ["another law", curve(TRUE, 1e20, { noise: 0.1 }), /RMS\): they follow another law/],
  ])("says so: %s", async (_, points, expected) => {
    expect((await law(points)).fit.warnings.join("\n")).toMatch(expected);
  });

  it("names an exponent that noise leaves open", async () => {
    const points = curve(TRUE, 1e20, { noise: 0.03 });
    expect((await law(points, { resamples: 60 })).fit.warnings.join("\n")).toMatch(/exponent a is not pinned down: \d/);
  });
});

describe("points that cannot be fitted", () => {
  const points = curve(TRUE, 1e20, { points: 12 });
  it.each([
    ["no compute", points.map(({ loss }) => ({ loss, tokens: 5 })), {}, /HC3553[\s\S]*no flops[\s\S]*6 · parameters/],
    ["a loss of 0", points.map((point) => ({ ...point, loss: 0 })), {}, /HC3553[\s\S]*loss 0/],
    ["not a number", points.map((point) => ({ ...point, flops: Number.NaN })), {}, /HC3553/],
    [
      "half of a curve",
      points.map(({ group: _, ...point }, i) => (i < 6 ? point : points[i]!)),
      {},
      /HC3553[\s\S]*group/,
    ],
    ["three points", points.slice(0, 3), {}, /HC3554[\s\S]*at least 4 points/],
    ["one compute", points.map((point) => ({ ...point, flops: 1e18 })), {}, /HC3554[\s\S]*1 different flops/],
    ["a warm-up of everything", points, { from: 1e21 }, /HC3554[\s\S]*12 of the warm-up left out/],
    ["two sizes", sizes([1e8, 1e9]), { law: "size_and_data" as const }, /HC3554[\s\S]*2 different parameters/],
  ])("%s", async (_, given, options, expected) => {
    await expect(law(given, options)).rejects.toThrow(expected);
  });
});

function sizes(parameters: readonly number[]): ScalingPoint[] {
  return parameters.flatMap((size) =>
    [1, 2, 3, 4].map((t) => ({ parameters: size, tokens: t * 1e9, loss: 3 + 1 / t })),
  );
}
