import fc from "fast-check";
import { expect, test } from "vitest";
import { countWords, rollingLikelihoods, rollingWindows } from "../../../src/evaluate/tasks/rolling.ts";
import { rollingMetrics } from "../../../src/evaluate/tasks/rolling_metrics.ts";
import { byteTokenizer, sayingModel } from "./stand_ins.ts";

test("every id is predicted once, in order, behind what stands before it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 1, max: 20 }), (length, maxPositions) => {
      const ids = Int32Array.from({ length }, (_, i) => i + 1);
      const windows = rollingWindows(ids, 0, maxPositions);
      const whole = [0, ...ids];
      expect(windows.flatMap((window) => [...window.ids.subarray(window.from)])).toEqual([...ids]);
      for (const window of windows) {
        expect(window.from).toBeGreaterThan(0);
        expect(window.ids.length).toBeLessThanOrEqual(maxPositions + 1);
        const start = whole.indexOf(window.ids[0]!);
        expect([...window.ids]).toEqual(whole.slice(start, start + window.ids.length));
      }
      // All but the last window are of the model's full length; a later one begins with one id of context.
      for (const window of windows.slice(0, -1)) expect(window.ids.length - window.from).toBe(maxPositions);
    }),
  );
});

test("the tokenizer's own BOS is predicted too, unless it is left out", async () => {
  const asked: number[][] = [];
  const model = sayingModel(
    (ids, from) => {
      asked.push([from, ...ids]);
      return -(ids.length - from);
    },
    { maxPositions: 4 },
  );
  const tokenizer = byteTokenizer();
  const text = "abcde f";
  const [with_] = await rollingLikelihoods([text], model, { tokenizer });
  expect(asked).toEqual([
    [1, 0, 0, 98, 99, 100],
    [1, 100, 101, 102, 33, 103],
  ]);
  expect(with_).toMatchObject({ logLikelihood: -8, words: 2, bytes: 7 });
  const [without] = await rollingLikelihoods([text], model, { tokenizer, bos: false });
  expect(without).toMatchObject({
    logLikelihood: -7,
    windows: [
      { context: 1, predicted: 4, logLikelihood: -4 },
      { context: 2, predicted: 3, logLikelihood: -3 },
    ],
  });
});

test.each([
  ["two words", 2],
  [" two  words\n", 4],
  ["", 1],
  ["a\u001cb\u0085c", 3],
  ["a\ufeffb", 1],
  ["a\u00a0b\u2028c\u3000", 4],
])("words of %j as Python's re.split counts them", (text, words) => {
  expect(countWords(text)).toBe(words);
});

test("perplexities are over all texts together", () => {
  const texts = [
    { logLikelihood: -10, words: 4, bytes: 20 },
    { logLikelihood: -30, words: 6, bytes: 30 },
  ];
  const metrics = Object.fromEntries(rollingMetrics(texts).map((metric) => [metric.name, metric]));
  expect(metrics.word_perplexity!.value).toBeCloseTo(Math.exp(4), 10);
  expect(metrics.byte_perplexity!.value).toBeCloseTo(Math.exp(0.8), 12);
  expect(metrics.bits_per_byte!.value).toBeCloseTo(0.8 / Math.LN2, 12);
  // Deviations from the rate of 4 a word: 10 - 16 = -6 and 6, of 10 words: sqrt(2 · 72) / 10.
  expect(metrics.word_perplexity!.stderr).toBeCloseTo(1.2 * Math.exp(4), 8);
  expect(rollingMetrics(texts.slice(0, 1))[0]!.stderr).toBeNull();
});
