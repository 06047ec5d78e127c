import { expect, test } from "vitest";
import { generateAnswers, generationOutcome } from "../../../src/evaluate/tasks/generate_until.ts";
import type { PreparedGeneration } from "../../../src/evaluate/tasks/prepared.ts";
import { createModel } from "../../../src/models/load.ts";
import { byteTokenizer } from "./stand_ins.ts";

const tokenizer = byteTokenizer();
const model = createModel(
  {
    ...{ model_type: "llama", vocab_size: 257, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 },
    ...{ num_attention_heads: 2, num_key_value_heads: 2, max_position_embeddings: 40, tie_word_embeddings: false },
  },
  11,
  { device: "cpu" },
);
// Fresh weights repeat one token; larger ones say many things.
for (const { name, shape } of model.description.parameters)
  if (shape.length > 1) for (const [i, x] of model.weights.get(name)!.entries()) model.weights.get(name)![i] = x * 20;

async function prepared(context: string, until: string[], maxNewTokens: number, target: string) {
  const ids = await tokenizer.encode(context, { addSpecialTokens: true });
  const source = { path: "own.jsonl", sha256: "0" };
  return {
    ...{ task: "own", version: 0, fewshot: 0, of: 1, data: source, examples: null, chance: null, main: "exact_match" },
    outputType: "generate_until",
    metrics: [{ name: "exact_match", higherIsBetter: true }],
    items: [{ docId: 0, doc: {}, context, ids, until, maxNewTokens, target }],
  } satisfies PreparedGeneration;
}

test("the text ends before the first stop string, over one token or several", async () => {
  const context = "The quick brown fox";
  const ids = await tokenizer.encode(context, { addSpecialTokens: true });
  const whole = tokenizer.decode(await model.generate(ids, { maxNewTokens: 12 }));
  expect([whole.length, new Set(whole).size > 3]).toEqual([12, true]);
  const answer = async (until: string[], target = "") =>
    (await generateAnswers(await prepared(context, until, 12, target), model, { tokenizer }))[0]!;
  expect((await answer([])).text).toBe(whole);
  for (const stop of [whole[0]!, whole[5]!, whole.slice(4, 7), whole.slice(9)])
    expect((await answer(["never this", stop])).text).toBe(whole.split(stop)[0]);
  const stop = whole.slice(6);
  expect((await answer([stop], ` ${whole.split(stop)[0]}\n`)).exactMatch).toBe(1);
  expect((await answer([], "something else")).exactMatch).toBe(0);
});

test("a context that leaves no room loses its beginning, and that is counted", async () => {
  const task = await prepared(`${"x".repeat(30)}the end`, [], 20, "?");
  const answers = await generateAnswers(task, model, { tokenizer });
  const kept = task.items[0]!.ids.slice(-20);
  expect(answers[0]!.text).toBe(tokenizer.decode(await model.generate(kept, { maxNewTokens: 20 })));
  expect(generationOutcome(task, model, answers)).toMatchObject({
    ...{ cut: 1, items: 1, perItem: [0], docIds: [0] },
    metrics: [{ name: "exact_match", value: 0, stderr: null }],
  });
});

test("a limit as long as the context is refused", async () => {
  await expect(generateAnswers(await prepared("x", [], 40, "?"), model, { tokenizer })).rejects.toMatchObject({
    code: "HC3536",
  });
});
