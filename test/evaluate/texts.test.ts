import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { convertInstances } from "../../src/corpus/convert.ts";
import { writeInstances } from "../../src/corpus/instances.ts";
import { evaluateRun } from "../../src/evaluate/evaluate.ts";
import { textLosses } from "../../src/evaluate/texts.ts";
import { quietContext } from "../../src/progress.ts";
import { countTextBytes } from "../../src/score/bits_per_byte_count.ts";
import { scoreModel } from "../../src/score/score.ts";
import { loadTokenizer } from "../../src/tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";
import { temporaryFolder } from "../score/bigram.ts";

it("sums the pieces of a text and leaves out texts without a scored byte", () => {
  const row = (nll_sum: number) => ({ instance: 0, tokens: 1, nll_sum, nll_mean: nll_sum });
  const bytes = (origin: number, scored_bytes: number) => ({ origin, scored_bytes }) as never;
  expect([
    ...textLosses([row(2), row(3), row(7), row(1)], [bytes(4, 10), bytes(4, 2), bytes(5, 0), bytes(6, 4)]),
  ]).toEqual([
    [4, { nats: 5, bytes: 12 }],
    [6, { nats: 1, bytes: 4 }],
  ]);
});

it("compares students of two tokenizers text by text, in bits per byte", async () => {
  const folder = await temporaryFolder();
  const texts = ["the moon is far from the sea. ", "a quiet day, a quiet night. ", "she wrote that the sea is far. "];
  const corpus = Array.from({ length: 12 }, (_, i) => texts[i % 3]! + texts[(i + 1) % 3]!);
  const tokenizers = [];
  for (const vocabSize of [270, 300]) {
    const where = join(folder, `tokenizer-${vocabSize}`);
    const options = { vocabSize, minFrequency: 1, modelMaxLength: 64, folder: where, emptyRows: () => 0 };
    async function* all() {
      yield* corpus;
    }
    await mkdir(where, { recursive: true });
    await trainByteLevelBpe(all(), options, quietContext());
    tokenizers.push(await loadTokenizer(where));
  }
  const [small, large] = tokenizers as [(typeof tokenizers)[0], (typeof tokenizers)[0]];
  const pool = join(folder, "pool");
  const instances = [];
  for (const [i, text] of corpus.entries()) {
    const [ids] = await small.encodeBatch([text], {});
    const tokens = Int32Array.from([...ids!, small.specials.eos!]);
    instances.push({ tokens, source: "s", firstDocument: `d${i}`, lastDocument: `d${i}` });
  }
  await writeInstances(pool, instances, { vocabSize: small.vocabSize });
  const converted = join(folder, "converted");
  await convertInstances(
    { instances: pool, from: small, to: large, folder: converted, overflow: "carry" },
    quietContext(),
  );

  // Every token costs as many nats as it has bytes times a constant: so does every text, whatever the tokens.
  const student = async (name: string, tokenizer: typeof small, where: string, perByte: number) => {
    const bytes = join(folder, `bytes-${name}`);
    await countTextBytes({ instances: where, tokenizer, folder: bytes }, quietContext());
    const model = {
      tokenNll: async (sequences: readonly Int32Array[]) =>
        sequences.map((ids) =>
          Float32Array.from(ids.subarray(1), (id) =>
            id === tokenizer.specials.eos ? 0 : perByte * tokenizer.decode(Int32Array.of(id)).length,
          ),
        ),
    };
    const scores = join(folder, `scores-${name}`);
    const ids = { eosId: tokenizer.specials.eos };
    await scoreModel(
      { model, modelFingerprint: name, vocabSize: tokenizer.vocabSize, ids, instances: where, folder: scores },
      quietContext(),
    );
    return { name, seed: 1, scores: { pool: scores }, instances: { pool: where }, bytes: { pool: bytes } };
  };
  const a = await student("a", small, pool, 0.5 * Math.LN2);
  const b = await student("b", large, converted, 0.75 * Math.LN2);
  const input = {
    students: [a, { ...b, baseline: "a" }],
    sets: { pool },
    seed: 1,
    output: join(folder, "evaluation.json"),
  };
  const { losses, comparisons } = await evaluateRun(input, quietContext());
  expect(losses.map(({ bitsPerByte }) => bitsPerByte!.loss)).toEqual([expect.closeTo(0.5, 3), expect.closeTo(0.75, 3)]);
  expect(comparisons).toHaveLength(1);
  expect(comparisons[0]).toMatchObject({ a: "b-seed1", b: "a-seed1", unit: "bits_per_byte", aBetter: 0 });
  expect(comparisons[0]!.difference).toBeCloseTo(-0.25, 3);

  const { bytes: _bytes, ...uncounted } = b;
  await expect(
    evaluateRun({ ...input, students: [a, { ...uncounted, baseline: "a" }] }, quietContext()),
  ).rejects.toThrow(/HC3205.*no bytes of its text/s);
});
