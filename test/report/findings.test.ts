import { describe, expect, it } from "vitest";
import type { ComputeSaved } from "../../src/evaluate/record.ts";
import { type CurvePoint, meanCurve, thinned } from "../../src/report/curves.ts";
import { findingsOf, verdictOf } from "../../src/report/findings.ts";
import { renderReport } from "../../src/report/page.ts";
import type { ReportData } from "../../src/report/record.ts";
import { verdictKind, verdictSentence } from "../../src/report/verdict.ts";
import { finishedRun, halfFinishedRun } from "./fixture.ts";

const points = (pairs: [number, number][]): CurvePoint[] =>
  pairs.map(([flops, loss], step) => ({ step, tokens: flops, flops, loss }));

/** A run whose comparisons are replaced by the given ones. */
function withComparisons(list: { a: string; b: string; difference: number; interval: [number, number] }[]): ReportData {
  const data = finishedRun({ instances: 300 });
  const comparisons = list.map((one) => ({ set: "pool", aBetter: 0.7, ...one }));
  return { ...data, evaluation: { ...data.evaluation!, comparisons } };
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
    const { comparisons } = data.evaluation!;
    const turned = comparisons.map((one) => ({
      ...one,
      set: "curated",
      difference: -one.difference,
      interval: [-one.interval[1], -one.interval[0]] as [number, number],
    }));
    const mixed = { ...data, evaluation: { ...data.evaluation!, comparisons: [...comparisons, ...turned] } };
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

describe("compute saved", () => {
  it("is that of the evaluation, in the report's groups", () => {
    const data = finishedRun();
    for (const { set, saved } of findingsOf(data).headline) {
      const record = data.evaluation!.computeSaved.find((one) => one.set === set)!;
      expect([saved!.faster.name, saved!.slower.name]).toEqual(["difference", "random"]);
      expect([saved!.at, saved!.of]).toEqual([record.spent.better.flops, record.spent.other.flops]);
      expect(saved!.saved).toBeGreaterThan(0);
      expect(saved!.saved).toBeCloseTo(1 - saved!.at / saved!.of);
    }
  });

  it("is shown where the baseline is the faster one", () => {
    const data = finishedRun({ instances: 300, seeds: [1], sets: ["pool"], gains: [-0.08] });
    const [contrast] = findingsOf(data).headline;
    expect(contrast!.verdict).toBe("higher");
    expect([contrast!.saved!.faster.name, contrast!.saved!.slower.name]).toEqual(["random", "difference"]);
  });

  it("is not claimed where the better student was not there sooner, or where curves and evaluation disagree", () => {
    const data = finishedRun({ instances: 300, seeds: [1], sets: ["pool"], gains: [0.05] });
    const [record] = data.evaluation!.computeSaved;
    const savedWith = (changed: Partial<ComputeSaved & { bound: true }>) => {
      const evaluation = { ...data.evaluation!, computeSaved: [{ ...record!, ...changed }] };
      return findingsOf({ ...data, evaluation }).headline[0]!.saved;
    };
    expect(savedWith({})!.faster.name).toBe("difference");
    expect([savedWith({})!.bound, savedWith({ bound: true })!.bound]).toEqual([false, true]);
    const evaluation = { ...data.evaluation!, computeSaved: [{ ...record!, bound: true as const }] };
    expect(renderReport({ ...data, evaluation })).toContain("reaches the final loss of random with at least ");
    expect(savedWith({ savedFlops: -0.2 })).toBeUndefined();
    expect(savedWith({ better: "random", other: "difference" })).toBeUndefined();
    expect(savedWith({ set: "curated" })).toBeUndefined();
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
    const { costs } = findingsOf(finishedRun());
    expect(costs!.records.map(({ stage }) => stage)).toEqual([
      "models/teacher",
      "models/reference",
      "score/teacher",
      "score/reference",
    ]);
    expect(costs!.total).toBeCloseTo(3.15e13 + 1.11e12 + 8.1e12 + 7.14e11, -6);
    expect(costs!.student).toBe(530_432 * 6 * 1_200_000);
  });
});
