import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packCorpus } from "../../src/corpus/pack.ts";
import { createModel, saveModel } from "../../src/models/load.ts";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { distillationOf } from "../../src/run/distillation_of.ts";
import { loadTraining } from "../../src/run/recipe.ts";
import { scoreWithTeacher } from "../../src/run/score_with_teacher.ts";
import { trainWithSettings } from "../../src/run/train_with_settings.ts";
import { requireInstancesIn } from "../../src/run/vocabulary.ts";
import { loadTokenizer } from "../../src/tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";

const CONFIG = { model_type: "llama", hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1 };
const TEXTS = Array.from({ length: 60 }, (_, i) => `the parrot of day ${i} says what the cat of day ${i * 7} said`);

let folder = "";
const at = (...names: string[]) => join(folder, ...names);

/** Two tokenizers, and of each: instances, a model that brings it along. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-vocabulary-"));
  async function* texts() {
    yield* TEXTS;
  }
  await writeFile(at("corpus.jsonl"), TEXTS.map((text) => `${JSON.stringify({ text })}\n`).join(""));
  for (const [name, vocabSize] of [
    ["large", 300],
    ["small", 270],
  ] as const) {
    await trainByteLevelBpe(texts(), { vocabSize, folder: at(name, "tokenizer") }, quietContext());
    const tokenizer = await loadTokenizer(at(name, "tokenizer"));
    await packCorpus(
      { corpus: { path: at("corpus.jsonl") }, tokenizer, folder: at(name, "pack"), contextLength: 16, seed: 1 },
      quietContext(),
    );
    const config = { ...CONFIG, num_attention_heads: 1, vocab_size: 300, max_position_embeddings: 32 };
    for (const seed of [1, 2]) {
      const model = createModel(config, seed);
      await saveModel(model.description, model.weights, at(name, `model${seed}`));
      await cp(at(name, "tokenizer", "tokenizer.json"), at(name, `model${seed}`, "tokenizer.json"));
    }
  }
  // Bytes alone are common to all: a language of other words has other ids behind them.
  async function* foreign() {
    yield "zzyx qqvv zzyx qqvv xyzzy vvqq";
  }
  await cp(at("large", "model1"), at("stranger"), { recursive: true });
  await trainByteLevelBpe(foreign(), { vocabSize: 262, folder: at("stranger") }, quietContext());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const score = (model: string, instances: string, out: string, tokenizer = model, context = quietContext("score")) =>
  scoreWithTeacher(
    {
      teacher: { path: at(model) },
      tokenizer: at(tokenizer),
      instances: at(instances),
      folder: at(out),
      device: "cpu",
    },
    context,
  );

describe("scoring", () => {
  it("refuses instances of another tokenizer, and a model of another one than theirs", async () => {
    await expect(score("large/model1", "small/pack", "a")).rejects.toThrow(
      /HC4105[\s\S]*small.pack[\s\S]*large.model1/,
    );
    await expect(score("small/model1", "small/pack", "a", "large/tokenizer")).rejects.toThrow("HC4105");
    await expect(score("stranger", "large/pack", "a", "large/tokenizer")).rejects.toThrow(/HC4105[\s\S]*to the model/);
  });

  it("warns of a model that has the same ids and cuts text otherwise", async () => {
    const warnings: string[] = [];
    const report = (event: ProgressEvent) => event.type === "warning" && warnings.push(event.message);
    await score("large/model1", "small/pack", "cut", "small/tokenizer", { ...quietContext("score"), report });
    expect(warnings).toEqual([expect.stringMatching(/large.model1 has the ids of .*small.tokenizer.*merges/s)]);
  });

  it("leaves finished scores of another model, other instances or settings alone, and returns its own at once", async () => {
    const { summary } = await score("large/model1", "large/pack", "scores");
    expect((await score("large/model1", "large/pack", "scores")).summary).toEqual(summary);
    await expect(score("large/model2", "large/pack", "scores")).rejects.toThrow(/HC1053[\s\S]*model: [0-9a-f]{12}/);
    await expect(score("small/model1", "small/pack", "scores")).rejects.toThrow(/HC1053[\s\S]*corpus/);
    expect((await score("large/model1", "large/pack", "scores")).summary).toEqual(summary);
  });
});

describe("training", () => {
  const train = async (heldOut: string, teacher: string, instances = "large/pack") => {
    await writeFile(
      at("train.json"),
      JSON.stringify({
        model: { ...CONFIG, num_attention_heads: 1, max_position_embeddings: 32 },
        steps: 1,
        distill: {},
      }),
    );
    const { distill, ...settings } = await loadTraining(at("train.json"));
    return trainWithSettings(
      {
        settings,
        tokenizer: at("large/tokenizer"),
        instances: at(instances),
        heldOut: [{ name: "held", folder: at(heldOut) }],
        evalEvery: 1,
        documentBarrier: false,
        distillation: await distillationOf(distill!, { folder: at(teacher) }, at("large/tokenizer")),
        seed: 1,
        device: "cpu",
        output: at("student"),
      },
      quietContext("train"),
    );
  };

  it("refuses data, held-out data and teachers of another tokenizer", async () => {
    await expect(train("large/pack", "large/model1", "small/pack")).rejects.toThrow(/HC4105[\s\S]*these instances/);
    await expect(train("small/pack", "large/model1")).rejects.toThrow(/HC4105[\s\S]*these instances/);
    await expect(train("large/pack", "stranger")).rejects.toThrow(/HC4105[\s\S]*to the model/);
    expect((await train("large/pack", "large/model1")).steps).toBe(1);
  });
});

it("takes instances that do not say their tokenizer at their word", async () => {
  const silent = at("silent");
  await cp(at("small", "pack"), silent, { recursive: true });
  await rm(join(silent, "pack.json"));
  const tokenizer = await loadTokenizer(at("large", "tokenizer"));
  await requireInstancesIn(tokenizer, at("large", "tokenizer"), [silent]);
});
