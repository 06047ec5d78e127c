import { describe, expect, test } from "vitest";
import { heldOutLoss } from "../../src/evaluate/held_out.ts";
import { comparePaired, compareSeeds, summarizeSeeds } from "../../src/evaluate/paired.ts";
import type { HeldOutLoss } from "../../src/evaluate/record.ts";
import { Random } from "../../src/random.ts";

const row = (instance: number, tokens: number, nll_mean: number) => ({
  instance,
  tokens,
  nll_sum: nll_mean * tokens,
  nll_mean,
});
const loss = (model: string, perInstance: number[]): HeldOutLoss =>
  heldOutLoss(
    { model, set: "pool", rows: perInstance.map((x, i) => row(i, 10, x)), sources: perInstance.map(() => "s") },
    { seed: 1, resamples: 1000 },
  );

describe("heldOutLoss", () => {
  test("is the mean of instance means, not of tokens; unscored instances do not count", () => {
    const rows = [row(0, 1, 4), row(1, 99, 2), row(2, 0, 0), row(3, 10, 3)];
    const result = heldOutLoss({ model: "m", set: "pool", rows, sources: ["b", "a", "a", "a"] }, { seed: 1 });
    expect(result.loss).toBe(3);
    expect(result.instances).toBe(3);
    expect(result.tokens).toBe(110);
    expect(result.perInstance).toEqual([4, 2, 3]);
    expect(result.bySource).toEqual([
      { source: "a", loss: 2.5, instances: 2 },
      { source: "b", loss: 4, instances: 1 },
    ]);
    expect(result.interval[0]).toBeGreaterThanOrEqual(2);
    expect(result.interval[1]).toBeLessThanOrEqual(4);
  });

  test("a set without a scored position is refused", () => {
    const scores = { model: "m", set: "pool", rows: [row(0, 0, 0)], sources: ["a"] };
    expect(() => heldOutLoss(scores, { seed: 1 })).toThrow(/HC3201[\s\S]*set pool, model m/);
  });
});

describe("bitsPerByteLoss", () => {
  const rows = [row(0, 2, 3), row(1, 6, 1), row(2, 0, 0), row(3, 4, 2)];
  const bytes = [8, 20, 0, 12].map((scored_bytes, i) => ({ tokens: rows[i]!.tokens, scored_bytes }));
  const scores = { model: "m", set: "pool", rows, sources: ["a", "a", "a", "a"], bytes };

  test("is the sum of nats over the bytes of all scored targets, beside the loss in nats per token", () => {
    const result = heldOutLoss(scores, { seed: 1, resamples: 500 });
    expect(result.loss).toBe(2);
    expect(result.bitsPerByte!.loss).toBeCloseTo((6 + 6 + 8) / 40 / Math.LN2, 12);
    expect(result.bitsPerByte!.bytes).toBe(40);
    expect(result.bitsPerByte!.interval[0]).toBeLessThanOrEqual(result.bitsPerByte!.loss);
    expect(result.bitsPerByte!.interval[1]).toBeGreaterThanOrEqual(result.bitsPerByte!.loss);
    expect(heldOutLoss({ ...scores, bytes: undefined }, { seed: 1 })).not.toHaveProperty("bitsPerByte");
  });

  test("a tokenizer with twice the tokens at half the loss each is as good; the interval of equal rates has no width", () => {
    const twice = rows.map((r) => row(r.instance, 2 * r.tokens, r.nll_mean / 2));
    const ofTwice = { ...scores, rows: twice, bytes: bytes.map((b) => ({ ...b, tokens: 2 * b.tokens })) };
    const [a, b] = [heldOutLoss(scores, { seed: 1 }), heldOutLoss(ofTwice, { seed: 1 })];
    expect(b.bitsPerByte).toEqual(a.bitsPerByte);
    expect(b.loss).toBe(a.loss / 2);
    const even = rows.map((r) => ({ tokens: r.tokens, scored_bytes: 4 * r.nll_sum }));
    const { loss, interval } = heldOutLoss({ ...scores, bytes: even }, { seed: 1 }).bitsPerByte!;
    expect(interval[0]).toBeCloseTo(loss, 12);
    expect(interval[1]).toBeCloseTo(loss, 12);
  });

  test("bytes of other instances are refused", () => {
    const other = bytes.map((b, i) => (i === 1 ? { ...b, tokens: 7 } : b));
    expect(() => heldOutLoss({ ...scores, bytes: other }, { seed: 1 })).toThrow(/HC3207[\s\S]*differs is 1/);
    expect(() => heldOutLoss({ ...scores, bytes: bytes.slice(0, 3) }, { seed: 1 })).toThrow("HC3207");
  });
});

describe("comparePaired", () => {
  test("a shared difficulty cancels: the paired interval is far narrower than the losses' own", () => {
    const random = new Random(2, "test/paired");
    const hard = Array.from({ length: 300 }, () => 3 + random.normal());
    const a = loss(
      "a",
      hard.map((x) => x + 0.01 * random.normal()),
    );
    const b = loss(
      "b",
      hard.map((x) => x + 0.05 + 0.01 * random.normal()),
    );
    const compared = comparePaired(a, b, { seed: 1, resamples: 1000 });
    expect(compared.difference).toBeCloseTo(0.05, 2);
    expect(compared.interval[0]).toBeGreaterThan(0.04);
    expect(compared.interval[1]).toBeLessThan(0.06);
    expect(compared.aBetter).toBeGreaterThan(0.99);
    expect(a.interval[1] - a.interval[0]).toBeGreaterThan(0.1);
  });

  test("swapping the students turns the sign", () => {
    const [a, b] = [loss("a", [1, 2, 3]), loss("b", [2, 2, 5])];
    const options = { seed: 4, resamples: 500 };
    const forth = comparePaired(a, b, options);
    const back = comparePaired(b, a, options);
    expect(back.difference).toBe(-forth.difference);
    expect(back.interval[0]).toBeCloseTo(-forth.interval[1], 12);
    expect([forth.aBetter, back.aBetter]).toEqual([2 / 3, 0]);
  });

  test("other instances are refused", () => {
    expect(() => comparePaired(loss("a", [1]), loss("b", [1, 2]), { seed: 1 })).toThrow("HC3202");
  });
});

describe("over seeds", () => {
  const a = {
    name: "a",
    seeds: [
      { seed: 2, loss: loss("a-seed2", [1, 2]) },
      { seed: 1, loss: loss("a-seed1", [2, 3]) },
    ],
  };
  const b = {
    name: "b",
    seeds: [
      { seed: 1, loss: loss("b-seed1", [3, 4]) },
      { seed: 2, loss: loss("b-seed2", [3, 4]) },
    ],
  };

  test("pairs equal seeds and gives the t interval of the pairs", () => {
    const compared = compareSeeds(a, b, { seed: 1, resamples: 200 });
    expect(compared.seeds.map((s) => [s.seedA, s.seedB, s.difference])).toEqual([
      [1, 1, 1],
      [2, 2, 2],
    ]);
    expect(compared.difference).toBe(1.5);
    expect(compared.intervalOver).toBe("seeds");
    expect(compared.interval[1] - 1.5).toBeCloseTo(12.7062 * 0.5, 3);
    expect(compared.aBetter).toBe(1);
  });

  test("one seed falls back to the interval over instances and says so", () => {
    const one = { name: "a", seeds: a.seeds.slice(0, 1) };
    const compared = compareSeeds(one, b, { seed: 1, resamples: 200 });
    expect(compared.intervalOver).toBe("instances");
    expect(compared.seeds).toHaveLength(1);
    expect(compared.interval).toEqual(compared.seeds[0]!.interval);
  });

  test("summary of a student", () => {
    const summary = summarizeSeeds(a);
    expect(summary.loss).toBe(2);
    expect(summary.seeds.map((s) => s.seed)).toEqual([1, 2]);
    expect(summary.interval![0]).toBeLessThan(-4);
    expect(summarizeSeeds({ name: "a", seeds: a.seeds.slice(0, 1) })).not.toHaveProperty("interval");
  });
});
