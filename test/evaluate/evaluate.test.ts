import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { evaluateRun, studentModel } from "../../src/evaluate/evaluate.ts";
import { quietContext } from "../../src/progress.ts";
import { scoreModel } from "../../src/score/score.ts";
import { bigramModel, EOS, instanceFolder, randomInstances, temporaryFolder, VOCAB } from "../score/bigram.ts";

async function students(names: [name: string, seed: number][]) {
  const folder = await temporaryFolder();
  const pool = await instanceFolder(folder, randomInstances(30, 1), "pool");
  const made = [];
  for (const [at, [name, seed]] of names.entries()) {
    const scores = join(folder, studentModel(name, seed));
    await scoreModel(
      {
        model: bigramModel(at),
        modelFingerprint: String(at),
        vocabSize: VOCAB,
        ids: { eosId: EOS },
        instances: pool,
        folder: scores,
      },
      quietContext(),
    );
    const metrics = join(folder, `${studentModel(name, seed)}.jsonl`);
    const points = [4, 3 - at / 10].map((loss, i) => ({
      type: "eval",
      step: i + 1,
      tokens: 10 * (i + 1),
      flops: 100 * (i + 1),
      set: "pool",
      loss,
    }));
    await writeFile(metrics, points.map((p) => JSON.stringify(p)).join("\n"));
    made.push({ name, seed, scores: { pool: scores }, metrics });
  }
  return { folder, made, input: { students: made, sets: { pool }, seed: 1, output: join(folder, "evaluation.json") } };
}

test("losses of all students, the pairs against the baseline, and the whole over seeds", async () => {
  const { input } = await students([
    ["difference", 1],
    ["random", 1],
    ["difference", 2],
    ["random", 2],
  ]);
  const result = await evaluateRun({ ...input, baseline: "random" }, quietContext());
  expect(JSON.parse(await readFile(input.output, "utf8"))).toEqual(result);
  expect(result.losses.map((l) => l.model).sort()).toEqual([
    "difference-seed1",
    "difference-seed2",
    "random-seed1",
    "random-seed2",
  ]);
  expect(result.comparisons.map((c) => [c.a, c.b])).toEqual([
    ["difference", "random"],
    ["difference-seed1", "random-seed1"],
    ["difference-seed2", "random-seed2"],
  ]);
  const lossOf = (model: string) => result.losses.find((l) => l.model === model)!.loss;
  expect(result.comparisons[1]!.difference).toBeCloseTo(lossOf("random-seed1") - lossOf("difference-seed1"), 12);
  expect(result.seeded[0]!.intervalOver).toBe("seeds");
  expect(result.seeded[0]!.p).toBeGreaterThan(0);
  expect(result.seeded[0]!.pHolm).toBe(result.seeded[0]!.p);
  expect(result.students.map((s) => [s.name, s.seeds.length])).toEqual([
    ["difference", 2],
    ["random", 2],
  ]);
  // Final losses: difference 3.0 and 2.8, random 2.9 and 2.7.
  expect(result.computeSaved).toHaveLength(1);
  expect(result.computeSaved[0]).toMatchObject({
    set: "pool",
    better: "random",
    other: "difference",
    seeds: { better: 2, other: 2 },
  });
  expect(result.computeSaved[0]!.savedFlops).toBeGreaterThan(0);
  expect(result.losses[0]!.instances).toBe(29);
});

test("the losses of further models stand beside the students', and are compared with nothing", async () => {
  const { made, input } = await students([
    ["a", 1],
    ["b", 1],
    ["teacher", 0],
  ]);
  const teacher = { model: "teacher", scores: made[2]!.scores };
  const result = await evaluateRun({ ...input, students: made.slice(0, 2), others: [teacher] }, quietContext());
  expect(result.losses.map((l) => l.model)).toEqual(["a-seed1", "b-seed1", "teacher"]);
  expect(result.losses[2]!.loss).toBeGreaterThan(0);
  expect(result.comparisons.map((c) => `${c.a} ${c.b}`)).toEqual(["a-seed1 b-seed1"]);
  expect([...result.students, ...result.seeded]).toHaveLength(3);
});

test("without a baseline each pair is compared, without metrics nothing is said of compute", async () => {
  const { input, made } = await students([
    ["a", 1],
    ["b", 1],
    ["c", 1],
  ]);
  const result = await evaluateRun(
    { ...input, students: made.map(({ metrics: _, ...student }) => student) },
    quietContext(),
  );
  expect(result.comparisons.map((c) => `${c.a} ${c.b}`)).toEqual([
    "a-seed1 b-seed1",
    "a-seed1 c-seed1",
    "b-seed1 c-seed1",
  ]);
  expect(result.computeSaved).toEqual([]);
});

test("faults of the set and the baseline are named", async () => {
  const { folder, input, made } = await students([
    ["a", 1],
    ["b", 1],
  ]);
  await expect(evaluateRun({ ...input, baseline: "c" }, quietContext())).rejects.toThrow(/HC3206[\s\S]*a, b/);
  await expect(evaluateRun({ ...input, sets: { curated: input.sets.pool } }, quietContext())).rejects.toThrow(
    /HC3205[\s\S]*set curated/,
  );
  const other = await instanceFolder(folder, randomInstances(30, 2), "other");
  await scoreModel(
    {
      model: bigramModel(9),
      modelFingerprint: "9",
      vocabSize: VOCAB,
      ids: { eosId: EOS },
      instances: other,
      folder: made[1]!.scores.pool,
    },
    quietContext(),
  );
  await expect(evaluateRun(input, quietContext())).rejects.toThrow(/HC3205[\s\S]*b-seed1/);
});
