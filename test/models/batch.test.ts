import { expect, test } from "vitest";
import { padTokens } from "../../src/models/batch.ts";
import { lossMask } from "../../src/models/loss_mask.ts";

const EOS = 0;
const PAD = 3;

test("padTokens shifts, pads on the right, and does not weigh what follows EOS", () => {
  const sequences = [Int32Array.of(1, 5, EOS, 6, 7), Int32Array.of(8, 9)];
  const weights = sequences.map((tokens) => Float32Array.from(lossMask(tokens, "miniplm", { eosId: EOS, padId: PAD })));
  const batch = padTokens(sequences, 4, { weights, eosId: EOS, padId: PAD, rows: 3 });
  expect([batch.B, batch.T]).toEqual([3, 4]);
  expect([...batch.ids]).toEqual([1, 5, 0, 6, 8, 3, 3, 3, 3, 3, 3, 3]);
  expect([...batch.targets]).toEqual([5, 0, 6, 7, 9, 3, 3, 3, 3, 3, 3, 3]);
  expect([...batch.lossWeights]).toEqual([1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
  expect([...batch.visibility!]).toEqual([0, 0, 0, 1, 0, -1, -1, -1, -1, -1, -1, -1]);
});

test("padTokens pads with id 0 and weighs every position where nothing is said", () => {
  const batch = padTokens([Int32Array.of(4, 5)], 2);
  expect([[...batch.ids], [...batch.targets], [...batch.lossWeights]]).toEqual([
    [4, 0],
    [5, 0],
    [1, 0],
  ]);
  expect(batch.visibility).toBeUndefined();
});
