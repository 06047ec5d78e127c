import { describe, expect, test } from "vitest";
import { argmax, taskOutcome } from "../../../src/evaluate/tasks/metrics.ts";
import { prepareTask } from "../../../src/evaluate/tasks/prepare.ts";
import { taskNamed } from "../../../src/evaluate/tasks/registry.ts";
import { scoreTask } from "../../../src/evaluate/tasks/score_task.ts";
import { byteTokenizer, sayingModel, testFolder } from "./stand_ins.ts";

const folder = testFolder();
const tokenizer = byteTokenizer();

async function openbookqa(rows: { choices: string[]; answerKey: string }[]) {
  const data = await folder.write(
    "openbookqa.jsonl",
    rows.map((row) => ({ question_stem: "why", ...row })),
  );
  return prepareTask(taskNamed("openbookqa"), { tokenizer, maxPositions: 64, data });
}

describe("scoring a task", () => {
  test("acc_norm divides by code points, ties take the first, chance follows the number of choices", async () => {
    const prepared = await openbookqa([
      // Four characters outside the BMP: 4 code points, 8 UTF-16 units.
      { choices: ["aaaaaa", "😀😀😀😀"], answerKey: "A" },
      { choices: ["a", "b", "c"], answerKey: "B" },
      { choices: ["a", "b", "c"], answerKey: "A" },
    ]);
    const said = [-6, -5, -1, -1, -1, -1, -1, -1];
    const order: number[] = [];
    const { items, outcome } = await scoreTask(
      prepared,
      sayingModel((_ids, _from, n) => said[n]!),
      { onItem: ({ docId }) => void order.push(docId) },
    );
    expect(order).toEqual([0, 1, 2]);
    expect(items.map(({ values }) => values)).toEqual([
      // -6 / 6 = -1 against -5 / 4 = -1.25; by UTF-16 units the second would win.
      { acc: 0, acc_norm: 1 },
      { acc: 0, acc_norm: 0 },
      { acc: 1, acc_norm: 1 },
    ]);
    expect(outcome).toMatchObject({
      task: "openbookqa",
      main: "acc_norm",
      items: 3,
      of: 3,
      cut: 0,
      perItem: [1, 0, 1],
      docIds: [0, 1, 2],
    });
    expect(outcome.chance).toBeCloseTo((1 / 2 + 1 / 3 + 1 / 3) / 3, 12);
    const [acc] = outcome.metrics;
    expect(acc).toMatchObject({ name: "acc", value: 1 / 3, higherIsBetter: true });
    expect(acc!.stderr).toBeCloseTo(1 / 3, 12);
    // Answers in another order are the same result.
    expect(taskOutcome(prepared, items.toReversed())).toEqual(outcome);
  });

  test("perplexity is exp of the mean negative log-likelihood; accuracy without choices is greedy decoding", async () => {
    const data = await folder.write("lambada.jsonl", [{ text: "a b" }, { text: "a c" }]);
    const prepared = await prepareTask(taskNamed("lambada_openai"), { tokenizer, maxPositions: 64, data });
    const model = sayingModel((_ids, _from, n) => ({ logLikelihood: n === 0 ? -2 : -4, greedy: n === 0 }));
    const { outcome } = await scoreTask(prepared, model);
    expect(outcome.main).toBe("acc");
    expect(outcome.chance).toBeNull();
    expect(outcome.metrics.map(({ value }) => value)).toEqual([Math.exp(3), 0.5]);
    // Standard error of the mean is 1: by the delta method that of its exp is exp(3).
    expect(outcome.metrics[0]!.stderr).toBeCloseTo(Math.exp(3), 9);
    expect(outcome.perItem).toEqual([1, 0]);
  });

  test("many items go to the model in several calls, with what the task says in the order of its rows", async () => {
    const rows = Array.from({ length: 150 }, (_, i) => ({
      choices: ["a", "b"],
      answerKey: i % 3 === 0 ? "A" : "B",
    }));
    const prepared = await openbookqa(rows);
    const { outcome } = await scoreTask(
      prepared,
      sayingModel((ids) => (ids.at(-1) === 98 ? -1 : -2)),
    );
    expect(outcome.perItem).toEqual(rows.map(({ answerKey }) => Number(answerKey === "A")));
  });

  test("a model that does not fit, or gives no number", async () => {
    const prepared = await openbookqa([{ choices: ["a", "bb"], answerKey: "A" }]);
    const say = () => -1;
    await expect(scoreTask(prepared, sayingModel(say, { vocabSize: 98 }))).rejects.toMatchObject({
      code: "HC3514",
      fault: { found: "id 120", where: "openbookqa, row 1" },
    });
    await expect(scoreTask(prepared, sayingModel(say, { maxPositions: 3 }))).rejects.toMatchObject({ code: "HC3516" });
    await expect(
      scoreTask(
        prepared,
        sayingModel(() => Number.NaN),
      ),
    ).rejects.toMatchObject({ code: "HC3515" });
    // Certain of none: the first of equal ones.
    expect(argmax([Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY])).toBe(0);
  });

  test("an answer longer than the context is left out and reported; a longer question loses its beginning", async () => {
    const data = await folder.write("openbookqa.jsonl", [
      { question_stem: "why", choices: ["a", "b".repeat(20)], answerKey: "A" },
      { question_stem: "a question that is long", choices: ["a", "b"], answerKey: "A" },
    ]);
    const prepared = await prepareTask(taskNamed("openbookqa"), { tokenizer, maxPositions: 8, data });
    expect(prepared).toMatchObject({
      of: 2,
      skipped: [{ docId: 0, why: "answer 2 has 21 tokens, the model reads 8" }],
    });
    const { outcome } = await scoreTask(
      prepared,
      sayingModel(() => -1),
    );
    expect(outcome).toMatchObject({ items: 1, of: 2, cut: 2, docIds: [1] });
    expect(tokenizer.decode(prepared.items[0]!.requests[0]!.sequence.ids)).toBe("is long a");
    await expect(
      prepareTask(taskNamed("openbookqa"), { tokenizer, maxPositions: 8, data, limit: 1 }),
    ).rejects.toMatchObject({ code: "HC3513" });
  });
});
