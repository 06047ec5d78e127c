import { expect, test } from "vitest";
import { comparedPairs } from "../../src/evaluate/compared_pairs.ts";
import { compareSeeds, type SeededLosses, summarizeSeeds } from "../../src/evaluate/paired.ts";
import { holm, holmWithin } from "../../src/evaluate/statistics.ts";

const INSTANCES = 20;

function student(name: string, losses: readonly number[], bytes?: readonly number[]): SeededLosses {
  return {
    name,
    seeds: losses.map((loss, i) => ({
      seed: i + 1,
      loss: {
        model: `${name}-seed${i + 1}`,
        set: "pool",
        loss,
        interval: [loss - 0.1, loss + 0.1],
        instances: INSTANCES,
        tokens: 100,
        bySource: [],
        perInstance: Array.from({ length: INSTANCES }, () => loss),
        ...(bytes && { bitsPerByte: { loss: bytes[i]!, interval: [bytes[i]! - 0.1, bytes[i]! + 0.1], bytes: 400 } }),
      },
    })),
  };
}

test("p of the paired t test over seeds is that of scipy 1.17; one pair, and equal differences, have none", () => {
  const options = { seed: 1, resamples: 100 };
  const plain = student("plain", [5.58, 5.42, 5.7]);
  // ttest_rel([5.58, 5.42, 5.7], [5.1, 5.0, 5.05]).pvalue
  expect(compareSeeds(student("new", [5.1, 5.0, 5.05]), plain, options).p).toBeCloseTo(0.0173129381692208, 9);
  expect(compareSeeds(student("new", [5.48, 5.32, 5.6]), plain, options)).not.toHaveProperty("p");
  expect(compareSeeds(student("new", [5.1]), plain, options)).not.toHaveProperty("p");
});

test("bits per byte over seeds: their mean and t interval, where all seeds have them", () => {
  const { bitsPerByte, loss } = summarizeSeeds(student("a", [3, 4, 5], [1, 1.2, 1.4]));
  expect(loss).toBe(4);
  expect(bitsPerByte!.loss).toBeCloseTo(1.2, 12);
  // 1.2 ± t(2; 0.975) · 0.2 / √3
  expect(bitsPerByte!.interval![1]).toBeCloseTo(1.2 + (4.302652729749462 * 0.2) / Math.sqrt(3), 9);
  expect(summarizeSeeds(student("a", [3], [1])).bitsPerByte).toEqual({
    loss: 1,
    seeds: [{ seed: 1, loss: 1, interval: [0.9, 1.1] }],
  });
  const half = student("a", [3, 4], [1, 2]);
  delete half.seeds[1]!.loss.bitsPerByte;
  expect(summarizeSeeds(half)).not.toHaveProperty("bitsPerByte");
});

test("Holm adjusts within the students of one baseline, and skips those without a p", () => {
  const { pairs, families } = comparedPairs(
    [{ name: "plain" }, { name: "a" }, { name: "b" }, { name: "c", baseline: "a" }, { name: "a" }],
    "plain",
  );
  expect(pairs).toEqual([
    ["a", "plain"],
    ["b", "plain"],
    ["c", "a"],
  ]);
  expect(holmWithin([0.01, 0.04, 0.03], families)).toEqual([...holm([0.01, 0.04]), 0.03]);
  expect(holmWithin([0.01, undefined, 0.03], families)).toEqual([0.01, undefined, 0.03]);
  const all = comparedPairs([{ name: "a" }, { name: "b" }, { name: "c" }], undefined);
  expect(all.pairs.map(String)).toEqual(["a,b", "a,c", "b,c"]);
  expect(new Set(all.families).size).toBe(1);
});
