import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readJsonl } from "../../src/formats/jsonl.ts";
import { writeParquet } from "../../src/formats/parquet.ts";
import { quietContext } from "../../src/progress.ts";
import { writeExamples } from "../../src/score/examples.ts";
import { readScoreFolder, readScores } from "../../src/score/files.ts";
import { joinScores } from "../../src/score/join.ts";
import type { Example } from "../../src/score/record.ts";
import { scoreModel } from "../../src/score/score.ts";
import { bigramModel, EOS, instanceFolder, randomInstances, temporaryFolder, VOCAB } from "./bigram.ts";

async function scored(count = 40) {
  const folder = await temporaryFolder();
  const instancesFolder = await instanceFolder(folder, randomInstances(count, 1));
  const scoreWith = (seed: number, name: string, settings = {}) =>
    scoreModel(
      {
        model: bigramModel(seed),
        modelFingerprint: `bigram ${seed}`,
        vocabSize: VOCAB,
        ids: { eosId: EOS },
        instances: instancesFolder,
        folder: join(folder, name),
        ...settings,
      },
      quietContext(),
    );
  await scoreWith(1, "teacher", { shardInstances: 7 });
  await scoreWith(2, "reference", { batchTokens: 100 });
  const input = {
    teacherFolder: join(folder, "teacher"),
    referenceFolder: join(folder, "reference"),
    instancesFolder,
    reduction: "mean" as const,
    output: join(folder, "scores.parquet"),
  };
  return { folder, input, scoreWith };
}

describe("joinScores", () => {
  test("joins scores of different shards and batches, in corpus order", async () => {
    const { input } = await scored();
    expect((await joinScores(input, quietContext())).rows).toBe(40);
    const rows = await readScores(input.output);
    const teacher = (await readScoreFolder(input.teacherFolder)).rows;
    const reference = (await readScoreFolder(input.referenceFolder)).rows;
    for (const [i, row] of rows.entries()) {
      expect(row.instance).toBe(i);
      expect(row.nll_teacher).toBe(teacher[i]!.nll_mean);
      expect(row.difference).toBe(reference[i]!.nll_mean - teacher[i]!.nll_mean);
      expect(row.source).toBe(i % 3 === 0 ? "news" : "web");
      expect(row.first_document).toBe(`d${i}`);
    }
    await joinScores({ ...input, reduction: "sum" }, quietContext());
    expect((await readScores(input.output))[5]!.difference).toBe(reference[5]!.nll_sum - teacher[5]!.nll_sum);
  });

  test("scores of other instances are refused, also when only the order differs", async () => {
    const { input, folder, scoreWith } = await scored();
    const data = randomInstances(40, 1);
    const reordered = await instanceFolder(folder, [data[1]!, data[0]!, ...data.slice(2)], "reordered");
    await expect(joinScores({ ...input, instancesFolder: reordered }, quietContext())).rejects.toThrow(
      /HC3007[\s\S]*not those that were scored/,
    );
    await scoreWith(2, "reference", { instances: reordered });
    await expect(joinScores(input, quietContext())).rejects.toThrow(/HC3007[\s\S]*other instances/);
  });

  test("another mask is refused", async () => {
    const { input, scoreWith } = await scored();
    await scoreWith(2, "reference", { mask: "all" });
    await expect(joinScores(input, quietContext())).rejects.toThrow(/HC3007[\s\S]*another loss mask/);
  });
});

test("examples.jsonl holds text, both models' NLL at each piece, and whether it was kept", async () => {
  const { input, folder } = await scored();
  await joinScores(input, quietContext());
  const rows = await readScores(input.output);
  const best = rows
    .filter((r) => r.tokens > 0)
    .sort((a, b) => b.difference - a.difference)
    .slice(0, 20);
  const selected = join(folder, "selection.parquet");
  await writeParquet(selected, [
    { name: "instance", type: "int32", data: best.map((r) => r.instance).sort((a, b) => a - b) },
  ]);
  const output = join(folder, "examples.jsonl");
  await writeExamples(
    {
      teacher: bigramModel(1),
      reference: bigramModel(2),
      tokenizer: { pieces: (ids) => Array.from(ids, (id) => `<${id}>`) },
      instances: input.instancesFolder,
      scores: input.output,
      selection: { name: "half", file: selected },
      output,
      count: 5,
      mask: "miniplm",
      ids: { eosId: EOS },
      documentBarrier: false,
      seed: 1,
    },
    quietContext(),
  );
  const examples: Example[] = [];
  for await (const { value } of readJsonl<Example>(output)) examples.push(value);
  expect(examples.map((e) => e.stratum)).toEqual([
    ...Array(5).fill("top"),
    ...Array(5).fill("bottom"),
    ...Array(5).fill("borderline"),
  ]);
  expect(examples[0]!.instance).toBe(best[0]!.instance);
  for (const example of examples) {
    const { tokens } = randomInstances(40, 1)[example.instance]!;
    expect(example.pieces).toEqual(Array.from(tokens, (id) => `<${id}>`));
    expect(example.kept).toBe(best.some((r) => r.instance === example.instance));
    expect(example.token_nll_teacher).toHaveLength(tokens.length);
    for (const [t, nll] of example.token_nll_teacher.entries()) {
      expect(nll === null).toBe(t === 0 || tokens[t - 1] === EOS);
    }
    const known = example.token_nll_reference.filter((x) => x !== null);
    expect(known.reduce((sum, x) => sum + x, 0) / known.length).toBeCloseTo(example.nll_reference, 9);
  }
});
