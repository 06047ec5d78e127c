import { afterAll, describe, expect, it } from "vitest";
import { attribute } from "../../src/attribute/attribute.ts";
import { attributeText } from "../../src/attribute/text.ts";
import { unknownWords } from "../../src/attribute/unknown_words.ts";
import { generateBatch } from "../../src/models/generate.ts";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { encodeInput, encodeTarget } from "../../src/tokenizers/encode_pair.ts";
import { tinyModel, wordTokenizer } from "./fixture.ts";

const models = { t5: tinyModel("t5"), llama: tinyModel("llama") };
afterAll(async () => {
  for (const model of Object.values(models)) await model.dispose();
});

const text = "a zebra b gnu zebra";
const limits = { input: 32, target: 5 };

function watched() {
  const events: ProgressEvent[] = [];
  const context = { ...quietContext("attribute"), report: (event: ProgressEvent) => events.push(event) };
  const warnings = () => events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  return { context, warnings };
}

it("finds the words that a tokenizer does not know, each once", async () => {
  expect(await unknownWords(wordTokenizer, text)).toEqual({ tokens: 5, unknown: 3, words: ["zebra", "gnu"] });
  expect(await unknownWords(wordTokenizer, "a b")).toEqual({ tokens: 2, unknown: 0, words: [] });
});

describe.each(["t5", "llama"] as const)("one text under %s", (kind) => {
  const model = models[kind];
  const question = { model, tokenizer: wordTokenizer, text, limits };

  it("has the scores and log-probabilities of its pair, and what the model itself answers", async () => {
    const { context, warnings } = watched();
    const result = await attributeText({ ...question, target: "yes gnu", options: { norm: "l2" } }, context);
    const { ids } = await encodeInput(wordTokenizer, text, { kind: model.description.kind });
    const target = await encodeTarget(wordTokenizer, "yes gnu", model.endId);
    const { scores } = await attribute(model, { input: ids, target, norm: "l2" });
    expect(result.tokens.map(({ score }) => score)).toEqual([...scores]);
    const [own] = await generateBatch(model, [ids], { maxNewTokens: 5, stopIds: [model.endId] });
    const sums = (await model.targetLogProbs([target, own!].map((one) => ({ input: ids, target: one })))).map((all) =>
      all.reduce((sum, one) => sum + one, 0),
    );
    expect(result.answer.text).toBe("yes gnu");
    expect([result.answer.logProbability, result.predicted.logProbability]).toEqual(sums);
    expect(result.predicted.text).toBe(wordTokenizer.decode(own!, { skipSpecialTokens: true }).trim());
    expect(result.unknown).toEqual({
      input: { tokens: 5, unknown: 3, words: ["zebra", "gnu"] },
      target: { tokens: 2, unknown: 1, words: ["gnu"] },
    });
    expect(warnings()).toEqual([
      expect.stringMatching(/3 of the 5 tokens of the input: "zebra", "gnu"; to the model/),
      expect.stringMatching(/does not know 1 token of the target: "gnu"/),
    ]);
    const alone = await attributeText(question, context);
    expect(alone.answer).toEqual(alone.predicted);
    expect(alone.predicted).toEqual(result.predicted);
  });

  it("refuses a target, or another answer, without any token that is known", async () => {
    for (const target of ["gnu zebra", " "])
      await expect(attributeText({ ...question, target })).rejects.toMatchObject({ code: "HC6109" });
    const contrast = { target: "yes", contrast: "gnu", options: { scalar: "contrastive" } } as const;
    await expect(attributeText({ ...question, ...contrast })).rejects.toThrow(/the contrast holds no token/);
  });
});
