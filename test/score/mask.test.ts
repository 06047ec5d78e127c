import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lengthBucket } from "../../src/models/batch.ts";
import { lengthBatches } from "../../src/models/length_batches.ts";
import { lossMask, maskIdsOf, reduceNll } from "../../src/models/loss_mask.ts";
import { chooseExamples } from "../../src/score/examples.ts";
import { joinRows } from "../../src/score/join.ts";

describe("lossMask", () => {
  test("asks for EOS but not for what follows it", () => {
    const tokens = Int32Array.of(5, 6, 0, 7, 0);
    expect([...lossMask(tokens, "miniplm", { eosId: 0 })]).toEqual([1, 1, 0, 1]);
    expect([...lossMask(tokens, "miniplm", { eosId: 0, padId: 5 })]).toEqual([0, 1, 0, 1]);
    expect([...lossMask(tokens, "miniplm", {})]).toEqual([1, 1, 1, 1]);
    expect([...lossMask(tokens, "all", { eosId: 0 })]).toEqual([1, 1, 1, 1]);
    expect([...lossMask(tokens, "miniplm", { eosId: [0, 5] })]).toEqual([0, 1, 0, 1]);
  });

  test("nothing to predict", () => {
    for (const tokens of [[], [3]]) expect(lossMask(Int32Array.from(tokens), "all", {}).length).toBe(0);
  });
});

test("the ids of a config are one rule, whether it names one EOS, several or none", () => {
  expect(maskIdsOf({ eos_token_id: 2, pad_token_id: null })).toEqual({ eosId: [2] });
  expect(maskIdsOf({ eos_token_id: [128001, 128009], pad_token_id: 7 })).toEqual({ eosId: [128001, 128009], padId: 7 });
  expect(maskIdsOf({ eos_token_id: null })).toEqual({});
});

describe("reduceNll", () => {
  test("counts scored positions only", () => {
    expect(reduceNll([1, 100, 3], Uint8Array.of(1, 0, 1))).toEqual({ tokens: 2, sum: 4, mean: 2 });
    expect(reduceNll([1], Uint8Array.of(0))).toEqual({ tokens: 0, sum: 0, mean: 0 });
  });

  test("sums in doubles", () => {
    const n = 1_000_000;
    const nll = new Float32Array(n).fill(0.1);
    expect(reduceNll(nll, new Uint8Array(n).fill(1)).mean).toBeCloseTo(Math.fround(0.1), 10);
  });
});

describe("lengthBatches", () => {
  test("is a partition, longest first, and no batch of two or more exceeds the budget", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 500 })), fc.integer({ min: 1, max: 2000 }), (lengths, budget) => {
        const batches = lengthBatches(lengths, budget);
        expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        const flat = batches.flat().map((i) => lengths[i]!);
        expect(flat).toEqual([...flat].sort((a, b) => b - a));
        for (const batch of batches)
          if (batch.length > 1)
            expect(lengthBucket(lengths[batch[0]!]! - 1) * batch.length).toBeLessThanOrEqual(budget);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("joinRows", () => {
  const rows = (means: number[]) =>
    means.map((nll_mean, instance) => ({ instance, tokens: 4, nll_mean, nll_sum: 4 * nll_mean }));
  const instances = [0, 1].map((instance) => ({
    instance,
    tokens: 5,
    source: "s",
    first_document: "d",
    last_document: "e",
  }));

  test("difference is reference minus teacher, of means or of sums", () => {
    expect(joinRows(rows([1, 2]), rows([3, 1]), instances, "mean").map((r) => r.difference)).toEqual([2, -1]);
    expect(joinRows(rows([1, 2]), rows([3, 1]), instances, "sum").map((r) => r.difference)).toEqual([8, -4]);
  });
});

describe("chooseExamples", () => {
  const rows = Array.from({ length: 500 }, (_, instance) => ({
    instance,
    tokens: instance === 250 ? 0 : 10,
    source: "s",
    first_document: "d",
    last_document: "d",
    nll_teacher: 1,
    nll_reference: 1,
    difference: instance,
  }));

  test("takes the utmost, then samples behind them, from both ends and the cut", () => {
    const choice = chooseExamples(rows, 200, 4, 1);
    expect(choice.top.slice(0, 2).map((r) => r.instance)).toEqual([499, 498]);
    expect(choice.bottom.slice(0, 2).map((r) => r.instance)).toEqual([0, 1]);
    // Instances 300 … 499 are kept: 299 and 300 are nearest to the cut.
    expect(
      choice.borderline
        .slice(0, 2)
        .map((r) => r.instance)
        .sort(),
    ).toEqual([299, 300]);
    expect(choice).toEqual(chooseExamples(rows, 200, 4, 1));
  });

  test("no instance twice, none without a score, never more than there are", () => {
    fc.assert(
      fc.property(fc.nat(30), fc.nat(30), fc.nat(12), fc.nat(), (n, kept, count, seed) => {
        const choice = chooseExamples(rows.slice(240, 240 + n), Math.min(kept, n), count, seed);
        const all = [...choice.top, ...choice.bottom, ...choice.borderline].map((r) => r.instance);
        expect(new Set(all).size).toBe(all.length);
        expect(all).not.toContain(250);
        for (const group of Object.values(choice)) expect(group.length).toBeLessThanOrEqual(count);
        const scored = n > 10 ? n - 1 : n;
        expect(all.length).toBe(Math.min(scored, 3 * count));
      }),
      { numRuns: 1000 },
    );
  });
});
