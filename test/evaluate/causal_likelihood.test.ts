import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { causalLikelihood } from "../../src/evaluate/tasks/causal_likelihood.ts";
import type { AskedSequence } from "../../src/evaluate/tasks/likelihood.ts";
import { createModel, loadModel } from "../../src/models/load.ts";
import { loadTokenizer } from "../../src/tokenizers/tokenizer.ts";

const STORIES = join(import.meta.dirname, "../../../shared/data/weights/stories260k-hf");

const QUESTIONS: readonly [context: string, ...endings: string[]][] = [
  [
    "Once upon a time, there was a little girl",
    " named Lily.",
    " who liked to play outside.",
    " in the park. She was sad.",
  ],
  ["Tom had a red ball. He", " threw it.", " went to the park with his mom and his dad.", " was"],
  ["The", " sun was warm and the birds sang.", " dog"],
  ["One day", " One day"],
  ["Lily and Ben are friends. They like to play in the garden with", " their toys.", " the cat.", " a big box."],
];

describe("the likelihoods of a causal model", () => {
  it("are sums of log-probabilities, and greedy where each id is the likeliest", async () => {
    const model = createModel(
      {
        model_type: "gpt2",
        vocab_size: 40,
        n_embd: 16,
        n_layer: 2,
        n_head: 2,
        n_positions: 32,
        initializer_range: 0.5,
      },
      2,
    );
    const start = Int32Array.of(3, 9, 27);
    const greedy = Int32Array.of(...start, ...(await model.generate(start, { maxNewTokens: 6 })));
    const other = greedy.with(7, (greedy[7]! + 1) % 40);
    const group = [greedy, other].map((ids) => ({ ids, from: 3 }));
    const [first, second] = (await causalLikelihood(model).likelihoods([group]))[0]!;
    const nll = await model.tokenNll([greedy, other]);
    const sum = (i: number) => -nll[i]!.subarray(2).reduce((a, b) => a + b, 0);
    expect(first).toMatchObject({ greedy: true, logLikelihood: expect.closeTo(sum(0), 4) as number });
    expect(second).toMatchObject({ greedy: false, logLikelihood: expect.closeTo(sum(1), 4) as number });
    await model.dispose();
  });

  it("tell how far they are, and refuse what is longer than the model's context", async () => {
    const model = createModel(
      { model_type: "gpt2", vocab_size: 40, n_embd: 8, n_layer: 1, n_head: 1, n_positions: 16 },
      2,
    );
    const likelihood = causalLikelihood(model);
    expect(likelihood).toMatchObject({ vocabSize: 40, maxPositions: 16 });
    const read: number[] = [];
    const group = [5, 17].map((length) => ({ ids: new Int32Array(length).fill(1), from: 2 }));
    await likelihood.likelihoods([group, [], group], undefined, (sequences) => read.push(sequences));
    expect(read.at(-1)).toBe(4);
    const long = [{ ids: new Int32Array(18), from: 2 }];
    await expect(likelihood.likelihoods([long])).rejects.toThrow(
      "internal: a sequence of 18 ids for a model of 16 positions",
    );
    await model.dispose();
  });

  it.skipIf(!existsSync(STORIES))(
    "do not depend on batches, order or grouping (skipped: no shared fixtures)",
    async () => {
      const tokenizer = await loadTokenizer(STORIES);
      const groups: AskedSequence[][] = [];
      for (const [context, ...endings] of QUESTIONS) {
        const from = (await tokenizer.encode(context, { addSpecialTokens: true })).length;
        const texts = endings.map((ending) => context + ending);
        groups.push((await tokenizer.encodeBatch(texts, { addSpecialTokens: true })).map((ids) => ({ ids, from })));
      }
      const ask = async (batchTokens: number, asked: readonly (readonly AskedSequence[])[]) => {
        const model = await loadModel(STORIES, { batchTokens });
        const answers = (await causalLikelihood(model).likelihoods(asked)).flat();
        await model.dispose();
        return answers;
      };
      const model = await loadModel(STORIES);
      const nll = await model.tokenNll(groups.flat().map(({ ids }) => ids));
      await model.dispose();
      const sums = groups.flat().map(({ from }, i) => -nll[i]!.subarray(from - 1).reduce((a, b) => a + b, 0));
      const together = await ask(4096, groups);
      const oneByOne = await ask(
        1,
        groups.flat().map((sequence) => [sequence]),
      );
      const backwards = (await ask(200, groups.map((group) => group.toReversed()).reverse())).reverse();
      for (const [i, sum] of sums.entries())
        for (const answers of [together, oneByOne, backwards]) {
          expect(Math.abs(answers[i]!.logLikelihood - sum)).toBeLessThan(1e-4);
          expect(answers[i]!.greedy).toBe(together[i]!.greedy);
        }
    },
  );
});
