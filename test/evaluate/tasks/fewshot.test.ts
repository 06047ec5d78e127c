import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readRows } from "../../../src/evaluate/tasks/data_rows.ts";
import { chooseExamples } from "../../../src/evaluate/tasks/fewshot.ts";
import { prepareTask } from "../../../src/evaluate/tasks/prepare.ts";
import { PythonRandom } from "../../../src/evaluate/tasks/python_random.ts";
import { taskNamed } from "../../../src/evaluate/tasks/registry.ts";
import { Row } from "../../../src/evaluate/tasks/row.ts";
import { byteTokenizer, testFolder } from "./stand_ins.ts";

const data = resolve(import.meta.dirname, "../../../../shared/data/zero_shot_eval");
const shared = existsSync(data);
const FILES: Record<string, string> = {
  hellaswag: "hellaswag_val.jsonl.gz",
  lambada_openai: "lambada_openai_test.jsonl.gz",
  winogrande: "winogrande_xl_dev.jsonl.gz",
  openbookqa: "openbookqa_test.jsonl.gz",
  arc_easy: "arc_easy_test.jsonl.gz",
  arc_challenge: "arc_challenge_test.jsonl.gz",
  piqa: "piqa_valid.jsonl.gz",
  social_iqa: "siqa_dev.jsonl.gz",
  storycloze_2018: "storycloze_sample.jsonl",
};

/**
 * What lm-evaluation-harness 0.4.13 draws with its seed 1234 (rows of the pool), and the first eight digits of the sha256 of
 * each question's requests as JSON. Questions are the first 12 rows (6 of storycloze) and examples come from rows 100-179
 * (6-11); or both are the first 40 rows (12), of which the first 12 draws are kept.
 */
interface Drawn {
  task: string;
  own: boolean;
  count: number;
  chosen: number[][];
  requests?: string[];
}
const golden: Drawn[] = JSON.parse(
  readFileSync(resolve(import.meta.dirname, "../../golden/task_fewshot.json"), "utf8"),
);

const folder = testFolder();

describe("random numbers of Python", () => {
  test("draws and samples of random.Random", () => {
    const random = new PythonRandom(1234);
    expect([0, 0, 0, 0].map(() => random.uint32())).toEqual([4150886329, 3342196574, 1892932127, 501869158]);
    expect(random.sample(20, 5)).toEqual([0, 2, 1, 18, 3]);
    expect(random.sample(1000, 8)).toEqual([784, 363, 242, 17, 31, 807, 16, 354]);
    expect(random.sample(100, 7)).toEqual([82, 79, 61, 78, 59, 19, 11]);
    const large = new PythonRandom(2 ** 40 + 5);
    expect([large.uint32(), ...large.sample(7, 7)]).toEqual([2166296868, 4, 2, 0, 6, 3, 5, 1]);
    expect([new PythonRandom(0).uint32(), new PythonRandom(-3).uint32()]).toEqual([3626764237, 1022050301]);
  });

  test("a sample has no element twice", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: 1, max: 300 }), fc.nat(), (k, n, seed) => {
        const sample = new PythonRandom(seed).sample(n, Math.min(k, n));
        expect(new Set(sample).size).toBe(Math.min(k, n));
        expect(sample.every((x) => x >= 0 && x < n)).toBe(true);
      }),
    );
  });
});

describe.skipIf(!shared)(shared ? "examples of lm-evaluation-harness" : "skipped: no shared fixtures", () => {
  test.each(golden)("$task, $count examples, own file: $own", async ({ task: name, own, count, chosen, requests }) => {
    const task = taskNamed(name);
    const all = await readRows(`${data}/${FILES[name]}`);
    const small = name === "storycloze_2018";
    const rows = own ? all.slice(0, small ? 12 : 40) : all.slice(0, small ? 6 : 12);
    const pool = own ? rows : small ? all.slice(6, 12) : all.slice(100, 180);
    const ours = chooseExamples(task, { rows, pool, own, count, seed: 1234, from: "pool" });
    for (const [i, theirs] of chosen.entries()) {
      // The harness may show a question of its own test split its answer.
      const expected = theirs.map((at, k) => (own && at === i ? ours[i]![k]! : at));
      expect(ours[i], `question ${i}`).toEqual(expected);
      if (own) expect(ours[i]).not.toContain(i);
      expect(new Set(ours[i]).size).toBe(count);
    }
    if (requests === undefined) return;
    const lines = (some: readonly Row[]) => some.map(({ doc }) => doc);
    const questions = await folder.write("questions.jsonl", lines(rows));
    const examples = own ? questions : await folder.write("examples.jsonl", lines(pool));
    const tokenizer = byteTokenizer();
    const options = { tokenizer, maxPositions: 1e6, data: questions, examples, fewshot: count };
    const { items } = await prepareTask(task, options);
    const hashes = items.map((item) =>
      createHash("sha256")
        .update(JSON.stringify(item.requests.map(({ context, continuation }) => [context, continuation])))
        .digest("hex")
        .slice(0, 8),
    );
    for (const [i, hash] of requests.entries())
      if (!own || !chosen[i]!.includes(i)) expect(hashes[i], `question ${i}`).toBe(hash);
    // A part of the questions has the examples it has in the whole.
    const part = await prepareTask(task, { ...options, first: 2, limit: 2 });
    expect(part.items).toEqual(items.slice(2, 4));
  });
});

describe("choosing", () => {
  const row = (i: number) => new Row({ text: `word number ${i}` }, `row ${i}`);

  test("a question is never its own example, whatever stands twice in the file", () => {
    const cases = fc.record({
      values: fc.array(fc.nat(6), { minLength: 8, maxLength: 30 }),
      count: fc.integer({ min: 1, max: 4 }),
      drawsSpare: fc.boolean(),
      seed: fc.nat(1000),
    });
    fc.assert(
      fc.property(cases, ({ values, count, drawsSpare, seed }) => {
        const rows = values.map(row);
        const scarce = values.some((value) => values.filter((x) => x !== value).length < count);
        fc.pre(!scarce);
        const options = { rows, pool: rows, own: true, count, seed, from: "file" };
        for (const [i, chosen] of chooseExamples({ name: "own", drawsSpare }, options).entries()) {
          expect(new Set(chosen).size).toBe(count);
          expect(chosen.every((at) => values[at] !== values[i])).toBe(true);
        }
      }),
    );
  });

  test("too few examples, and a file of examples without a use", async () => {
    const rows = [row(1), row(2)];
    const lambada = taskNamed("lambada_openai");
    const path = await folder.write("lambada_openai.jsonl", lines(rows));
    const options = { tokenizer: byteTokenizer(), maxPositions: 100, data: path };
    await expect(prepareTask(lambada, { ...options, fewshot: 2 })).rejects.toMatchObject({
      code: "HC3511",
      fault: { where: path, found: "2 rows to draw from" },
    });
    await expect(prepareTask(lambada, { ...options, examples: path })).rejects.toMatchObject({ code: "HC3511" });
    await expect(prepareTask(lambada, { ...options, fewshot: 1.5 })).rejects.toMatchObject({ code: "HC3513" });
    const { items, examples } = await prepareTask(lambada, { ...options, fewshot: 1 });
    expect(items[0]!.requests[0]!.context).toBe("word number  2\n\nword number");
    expect(examples).toMatchObject({ path });
  });
  const lines = (some: readonly Row[]) => some.map(({ doc }) => doc);
});
