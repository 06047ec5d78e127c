import { describe, expect, it } from "vitest";
import { computeSaved } from "../../../src/evaluate/compute_saved.ts";
import { computeSavedByFits, computeSavedInterval } from "../../../src/evaluate/scaling/compute_saved_interval.ts";
import { evaluateScaling } from "../../../src/evaluate/scaling/evaluate_scaling.ts";
import { fitScalingLaw } from "../../../src/evaluate/scaling/fit.ts";
import { scalingPoints } from "../../../src/evaluate/scaling/points.ts";
import { quietContext, type StageContext } from "../../../src/progress.ts";
import { curve, type Law, lossAt, metrics } from "./curves.ts";

const RAW: Law = { A: 2.19e7, a: 0.41, E: 3.3 };
const BETTER: Law = { A: 8.56e10, a: 0.59, E: 3.25 };
const END = 1.26e21 / 19;

const student = (name: string, law: Law, seeds: readonly number[], shift = 0.001) => ({
  name,
  curves: seeds.map((seed) => metrics(curve(law, END, { seed, shift, noise: 0.0005, points: 40 }))),
});
/** Compute at which a law has a loss. */
const computeAt = ({ A, a, E }: Law, loss: number) => (A / (loss - E)) ** (1 / a);
const inside = (value: number, [low, high]: [number, number]) => low <= value && value <= high;

describe("compute saved by curves", () => {
  const [better, raw] = [student("better", BETTER, [1, 2, 3, 4]), student("raw", RAW, [1, 2, 3, 4])];

  it("is that of the averaged curves, with an interval over pairs of seeds that holds the truth", () => {
    const found = computeSavedInterval(raw, better, "pool", { seed: 1, resamples: 200 });
    expect(found).toMatchObject({ better: "better", other: "raw", by: "curves", resampled: "seeds", resamples: 200 });
    expect(found.saved).toBe(computeSaved(raw, better, "pool").savedFlops);
    expect(inside(1 - computeAt(BETTER, lossAt(RAW, END)) / END, found.interval!)).toBe(true);
    expect(computeSavedInterval(raw, better, "pool", { seed: 1, resamples: 200 })).toEqual(found);
    expect(found.interval![1] - found.interval![0]).toBeLessThan(0.15);
  });

  it("has no interval with one seed, nor where the loss is often missed", () => {
    const one = computeSavedInterval(student("a", RAW, [1]), student("b", BETTER, [1]), "pool", {
      seed: 1,
      resamples: 200,
    });
    expect(one).toMatchObject({ interval: null, resamples: 0, resampled: null });
    const ending = (name: string, ends: readonly number[]) => ({
      name,
      curves: ends.map((loss) =>
        metrics([
          { flops: END / 2, loss: loss + 0.2 },
          { flops: END, loss },
        ]),
      ),
    });
    const [a, b] = [ending("a", [3, 3.5, 3.3]), ending("b", [3.4, 3.1, 3.31])];
    const open = computeSavedInterval(a, b, "pool", { seed: 1, resamples: 200 });
    expect(open.interval).toBeNull();
    expect(open.reached).toBeLessThan(0.975 * open.resamples);
  });
});

/** What the fits save, where they tell it. */
const told = (...given: Parameters<typeof computeSavedByFits>) => {
  const found = computeSavedByFits(...given);
  if (typeof found === "string") throw new Error(found);
  return found;
};

it("compute saved by fits is that of the laws, also beyond what was measured", async () => {
  const law = async (constants: Law, shift: number) => {
    const points = [1, 2, 3].flatMap((seed) => curve(constants, END, { seed, shift, points: 30 }));
    return fitScalingLaw(points, { seed: 1, resamples: 60, stream: "pool" }, quietContext());
  };
  const [raw, better] = [await law(RAW, 0), await law(BETTER, 0)];
  for (const flops of [END, 19 * END]) {
    const found = told({ name: "raw", law: raw }, { name: "better", law: better }, "pool", flops);
    expect(found).toMatchObject({ better: "better", other: "raw", by: "fits", reached: 60 });
    const spent = computeAt(BETTER, lossAt(RAW, flops));
    expect(found.flops.better / spent).toBeCloseTo(1, 2);
    expect(found.saved).toBeCloseTo(1 - spent / flops, 3);
  }
  // Seeds that shift both students alike change what is saved far less than the losses: the resamples are paired.
  const [one, two] = [await law(RAW, 0.003), await law(BETTER, 0.003)];
  const paired = told({ name: "raw", law: one }, { name: "better", law: two }, "pool", END);
  const reversed = { ...two, resamples: [...two.resamples].reverse() };
  const unpaired = told({ name: "raw", law: one }, { name: "better", law: reversed }, "pool", END);
  const width = ({ interval }: typeof paired) => (interval === null ? 1 : interval[1] - interval[0]);
  expect(width(paired)).toBeLessThan(width(unpaired));
});

it("weak fits tell no saving beyond what was measured", async () => {
  const [raw, better] = await Promise.all(
    [RAW, BETTER].map((constants) =>
      fitScalingLaw(curve(constants, END, { points: 8 }).slice(2), { seed: 1, resamples: 20 }, quietContext()),
    ),
  );
  const pair = [
    { name: "raw", law: raw! },
    { name: "better", law: better! },
  ] as const;
  expect(computeSavedByFits(...pair, "pool", 10 * END)).toMatch(
    /too weak[\s\S]*6 points for 3[\s\S]*range over 2\.7 times/,
  );
  expect(told(...pair, "pool", END).flops.other).toBe(END);
});

it("compares tables by curves where groups are curves, says why not elsewhere, and counts over all fits", async () => {
  const table = (student: string, law: Law, grouped: boolean) => ({
    student,
    set: "loss",
    points: curve(law, END, { points: 30 })
      .reverse()
      .map(({ group, ...point }) => (grouped ? { ...point, group: group! } : point)),
  });
  const tables = [table("raw", RAW, true), table("better", BETTER, true), table("single", BETTER, false)];
  const pairs = [
    { set: "loss", first: "raw", second: "better" },
    { set: "loss", first: "raw", second: "single" },
  ];
  const shown: string[] = [];
  const context: StageContext = {
    ...quietContext(),
    report: (event) => event.type === "progress" && shown.push(`${event.done} of ${event.total} ${event.unit}`),
  };
  const result = await evaluateScaling(
    { students: [], sets: [], tables, pairs, at: [{ flops: END }], seed: 1, resamples: 20 },
    context,
  );
  expect(result.computeSaved[0]).toMatchObject({ by: "curves", better: "better" });
  expect(result.computeSaved[0]!.flops.better / computeAt(BETTER, lossAt(RAW, END))).toBeCloseTo(1, 2);
  expect(result.notCompared).toMatchObject([
    { by: "curves", second: "single", why: expect.stringContaining("column group") },
  ]);
  expect([shown[0], shown.at(-1)]).toEqual([
    "0 of 60 resamples, now raw on loss",
    "60 of 60 resamples, now single on loss",
  ]);
  const ends = result.fits.map(({ fit }) => fit.band.at(-1)!.flops / END);
  for (const end of ends) expect(end).toBeCloseTo(10, 6);
});

it("points of a training leave out what cost nothing and other sets", () => {
  const lines = [...metrics(curve(RAW, END, { points: 5 })), ...metrics(curve(RAW, END, { points: 3 }), "other")];
  const points = scalingPoints(lines, "pool", "seed 1", 1e6);
  expect(points).toHaveLength(5);
  expect(points[0]).toMatchObject({ group: "seed 1", parameters: 1e6, tokens: 100 });
});

it("evaluates students over seeds on sets, skips what is too short, and compares the pairs", async () => {
  const students = [
    ...student("raw", RAW, [1, 2]).curves.map((lines, i) => ({ name: "raw", seed: i + 1, metrics: lines })),
    ...student("better", BETTER, [1, 2]).curves.map((lines, i) => ({ name: "better", seed: i + 1, metrics: lines })),
    { name: "short", seed: 1, metrics: metrics(curve(RAW, END, { points: 2 })) },
  ];
  const pairs = [{ set: "pool", first: "better", second: "raw" }];
  const input = { students, sets: ["pool"], pairs, seed: 3, resamples: 30 };
  const result = await evaluateScaling(input, quietContext());
  expect(result.fits.map((fit) => fit.student)).toEqual(["raw", "better"]);
  expect(result.skipped).toMatchObject([{ student: "short", set: "pool", why: expect.stringContaining("at least 4") }]);
  expect(result.computeSaved.map(({ by }) => by)).toEqual(["curves", "fits", "fits"]);
  expect(result.fits[0]!.extrapolations[0]).toMatchObject({ flops: 10 * END, beyond: 10 });
  expect(JSON.parse(JSON.stringify(result))).toEqual(
    JSON.parse(JSON.stringify(await evaluateScaling(input, quietContext()))),
  );
  expect(JSON.stringify(result)).not.toMatch(/:null,"(low|high|loss)"|NaN/);
});
