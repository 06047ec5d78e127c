import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CurvePoint, costAt, meanCurve, thinned } from "../../src/report/curves.ts";
import { findingsOf, verdictOf } from "../../src/report/findings.ts";
import type { ReportData } from "../../src/report/record.ts";
import { verdictKind, verdictSentence } from "../../src/report/sections/headline.ts";
import { finishedRun, halfFinishedRun } from "./fixture.ts";

const points = (pairs: [number, number][]): CurvePoint[] =>
  pairs.map(([flops, loss], step) => ({ step, tokens: flops, flops, loss }));

/** A run whose comparisons are replaced by the given ones. */
function withComparisons(list: { a: string; b: string; difference: number; interval: [number, number] }[]): ReportData {
  const data = finishedRun({ instances: 300 });
  const comparisons = list.map((one) => ({ set: "pool", aBetter: 0.7, ...one }));
  return { ...data, evaluation: { losses: data.evaluation!.losses, comparisons } };
}

describe("verdict", () => {
  it("needs the whole interval on one side of zero", () => {
    expect(verdictOf([0.001, 0.02])).toBe("lower");
    expect(verdictOf([-0.02, -0.001])).toBe("higher");
    expect(verdictOf([0, 0.02])).toBe("unclear");
    expect(verdictOf([-0.01, 0.02])).toBe("unclear");
  });

  it("is the same whichever of the two models the comparison names first", () => {
    const forward = withComparisons([
      { a: "difference-seed1", b: "random-seed1", difference: 0.03, interval: [0.01, 0.05] },
    ]);
    const backward = withComparisons([
      { a: "random-seed1", b: "difference-seed1", difference: -0.03, interval: [-0.05, -0.01] },
    ]);
    for (const data of [forward, backward]) {
      const [contrast] = findingsOf(data).headline;
      expect(contrast).toMatchObject({ gain: 0.03, interval: [0.01, 0.05], verdict: "lower" });
      expect([contrast!.treatment.name, contrast!.baseline.name]).toEqual(["difference", "random"]);
    }
    expect(findingsOf(forward).headline[0]!.pairs[0]!.share).toBeCloseTo(0.7);
    expect(findingsOf(backward).headline[0]!.pairs[0]!.share).toBeCloseTo(0.3);
  });

  const pair = (seed: number, difference: number, interval: [number, number]) => ({
    a: `difference-seed${seed}`,
    b: `random-seed${seed}`,
    difference,
    interval,
  });
  const whole = (difference: number, interval: [number, number]) => ({
    a: "difference",
    b: "random",
    difference,
    interval,
  });

  it("over several seeds is that of the comparison over seeds", () => {
    const pairs = [pair(1, 0.03, [0.01, 0.05]), pair(2, 0.01, [-0.01, 0.03])];
    const clear = findingsOf(withComparisons([whole(0.02, [0.005, 0.035]), ...pairs])).headline[0]!;
    expect(clear).toMatchObject({ gain: 0.02, interval: [0.005, 0.035], verdict: "lower", unanimous: undefined });
    expect(clear.pairs.map((one) => one.treatmentSeed)).toEqual([1, 2]);
    const data = withComparisons([whole(0.02, [-0.1, 0.14]), ...pairs]);
    const findings = findingsOf(data);
    expect(verdictSentence(data, findings)).toBe(
      "No difference beyond noise between “difference” and “random” students on pool.",
    );
    expect(verdictKind(findings)).toBe("open");
  });

  it("says when the seeds agree but are too few", () => {
    const data = withComparisons([
      whole(0.035, [-0.03, 0.1]),
      pair(1, 0.03, [0.01, 0.05]),
      pair(2, 0.04, [0.02, 0.06]),
    ]);
    const findings = findingsOf(data);
    expect(findings.headline[0]).toMatchObject({ verdict: "unclear", unanimous: "lower" });
    expect(verdictSentence(data, findings)).toBe(
      "“difference” students end lower than “random” students with every seed on pool, but 2\u00a0seeds are too few to rule out luck.",
    );
    expect(verdictKind(findings)).toBe("open");
  });

  it("refuses an evaluation that compares seeds but not students", () => {
    expect(() => findingsOf(withComparisons([pair(1, 0.03, [0.01, 0.05]), pair(2, 0.01, [-0.01, 0.03])]))).toThrow(
      expect.objectContaining({ code: "HC5003" }),
    );
  });

  it("says so when the selection hurts", () => {
    const data = withComparisons([
      { a: "difference-seed1", b: "random-seed1", difference: -0.03, interval: [-0.05, -0.01] },
    ]);
    const findings = findingsOf(data);
    expect(verdictSentence(data, findings)).toContain("higher loss");
    expect(verdictKind(findings)).toBe("bad");
  });

  it("tells sets apart whose seeds agree but are too few", () => {
    const data = withComparisons([
      whole(0.035, [-0.03, 0.1]),
      pair(1, 0.03, [0.01, 0.05]),
      pair(2, 0.04, [0.02, 0.06]),
    ]);
    const { losses, comparisons } = data.evaluation!;
    const turned = comparisons.map((one) => ({
      ...one,
      set: "curated",
      difference: -one.difference,
      interval: [-one.interval[1], -one.interval[0]] as [number, number],
    }));
    const mixed = { ...data, evaluation: { losses, comparisons: [...comparisons, ...turned] } };
    expect(verdictSentence(mixed, findingsOf(mixed))).toBe(
      "Mixed, for “difference” against “random”: lower with every seed on pool; higher with every seed on curated; 2\u00a0seeds are too few to rule out luck.",
    );
  });

  it("is put off while there is no evaluation", () => {
    const data = halfFinishedRun();
    expect(verdictSentence(data, findingsOf(data))).toBe(
      "No verdict yet: the run has not reached its held-out evaluation.",
    );
  });

  it("tells mixed sets apart", () => {
    const data = finishedRun({ instances: 300, seeds: [1], gains: [0.08, -0.08] });
    expect(verdictSentence(data, findingsOf(data))).toBe(
      "Mixed, for “difference” against “random”: lower loss on pool; higher loss on curated.",
    );
  });
});

describe("cost at equal loss", () => {
  it("is linear in the logarithm of the cost between two evaluations", () => {
    expect(
      costAt(
        points([
          [100, 4],
          [10_000, 2],
        ]),
        3,
        "flops",
      ),
    ).toBeCloseTo(1000);
    expect(
      costAt(
        points([
          [0, 8],
          [100, 4],
        ]),
        6,
        "flops",
      ),
    ).toBe(100);
  });

  it("is the first crossing, and undefined where there is none", () => {
    expect(
      costAt(
        points([
          [1, 5],
          [2, 3],
          [4, 4],
          [8, 2],
        ]),
        3,
        "flops",
      ),
    ).toBeCloseTo(2);
    expect(
      costAt(
        points([
          [1, 5],
          [2, 4],
        ]),
        3,
        "flops",
      ),
    ).toBeUndefined();
    expect(costAt([], 3, "flops")).toBeUndefined();
  });

  it("lies between the evaluations around the crossing", () => {
    const curve = fc.array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0.01, max: 1, noNaN: true })), {
      minLength: 2,
      maxLength: 20,
    });
    fc.assert(
      fc.property(curve, fc.double({ min: 0, max: 1, noNaN: true }), (steps, at) => {
        const upTo = (i: number, part: 0 | 1) => steps.slice(0, i + 1).reduce((sum, step) => sum + step[part], 0);
        const falling = points(steps.map((_, i): [number, number] => [upTo(i, 0), 20 - upTo(i, 1)]));
        const [first, last] = [falling[0]!, falling.at(-1)!];
        const target = first.loss + at * (last.loss - first.loss);
        const cost = costAt(falling, target, "flops")!;
        const i = falling.findIndex((point) => point.loss <= target);
        expect(cost).toBeGreaterThanOrEqual((falling[i - 1] ?? first).flops * (1 - 1e-9));
        expect(cost).toBeLessThanOrEqual(falling[i]!.flops * (1 + 1e-9));
      }),
    );
  });

  it("compares the faster with the slower group", () => {
    const { headline } = findingsOf(finishedRun());
    for (const { saved } of headline) {
      expect(saved!.faster.name).toBe("difference");
      expect(saved!.saved).toBeGreaterThan(0);
      expect(saved!.saved).toBeCloseTo(1 - saved!.at / saved!.of);
    }
  });
});

describe("compute saved", () => {
  it("is not claimed where the better student was not there sooner, or where curves and evaluation disagree", () => {
    const data = finishedRun({ instances: 300, seeds: [1], sets: ["pool"], gains: [0.05] });
    expect(findingsOf(data).headline[0]!.saved!.faster.name).toBe("difference");
    const [slow, random] = data.students;
    slow!.metrics = slow!.metrics.map((line) => ({ ...line, flops: line.flops * 100 }));
    expect(findingsOf(data).headline[0]!.saved).toBeUndefined();
    random!.metrics = random!.metrics.map((line) => ({ ...line, loss: line.loss - 1 }));
    expect(findingsOf(data).headline[0]!.saved).toBeUndefined();
  });
});

describe("curves", () => {
  it("are averaged at the steps that all seeds have", () => {
    const mean = meanCurve([
      points([
        [1, 4],
        [2, 3],
        [3, 2],
      ]),
      points([
        [1, 6],
        [2, 5],
      ]),
    ]);
    expect(mean.map(({ step, loss }) => [step, loss])).toEqual([
      [0, 5],
      [1, 4],
    ]);
  });

  it("keep their mean when thinned", () => {
    const long = Array.from({ length: 1000 }, (_, i) => ({ x: i, y: i % 7 }));
    const short = thinned(long, 100);
    expect(short).toHaveLength(100);
    expect(short.reduce((sum, { x }) => sum + x, 0) / 100).toBeCloseTo(499.5);
    expect(short.reduce((sum, { y }) => sum + y, 0) / 100).toBeCloseTo(long.reduce((sum, { y }) => sum + y, 0) / 1000);
  });
});

describe("cost of the records", () => {
  it("counts the stages before the first student", () => {
    const { sideCost } = findingsOf(finishedRun());
    expect(sideCost!.stages.map(({ stage }) => stage)).toEqual([
      "models/teacher",
      "models/reference",
      "score/teacher",
      "score/reference",
    ]);
    expect(sideCost!.total).toBeCloseTo(3.15e13 + 1.11e12 + 8.1e12 + 7.14e11, -6);
    expect(sideCost!.student).toBe(530_432 * 6 * 1_200_000);
  });
});
