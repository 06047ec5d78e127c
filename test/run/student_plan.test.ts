import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { studentLineage } from "../../src/run/lineage.ts";
import { stagesOf } from "../../src/run/plan.ts";
import { parseRecipe } from "../../src/run/recipe.ts";
import { maskOrigin, teacherTextOrigin } from "../../src/run/stages/origins.ts";
import { lossInWords, studentPlan } from "../../src/run/student_plan.ts";

async function recipeOf(name: string, overrides: string[] = []) {
  return parseRecipe(name, await readFile(new URL(`../../recipes/${name}`, import.meta.url), "utf8"), overrides);
}

const baselines = await recipeOf("distillation-baselines.yaml");
const families = await recipeOf("families.yaml");

function stagesOfRecipe(recipe: typeof baselines) {
  const files = { corpus: [], packages: [], tokenizer: [], teacher: [], reference: [], tasks: [] };
  const tokenizers = Object.fromEntries(Object.keys(recipe.tokenizers).map((name) => [name, []]));
  const corpus = { path: "run/corpus/corpus.jsonl" };
  return stagesOf({ recipe, places: new Map(), folder: "run", corpus, tasks: [], files: { ...files, tokenizers } });
}

const planOf = (recipe: typeof baselines, name: string) =>
  studentPlan(recipe, recipe.students.find((student) => student.name === name)!);

describe("what a student learns", () => {
  it.each([
    ["plain", "LM", "the plain language-modelling loss"],
    ["vanilla-kd", "vanilla KD", "0.5 · language-modelling loss + 0.5 · cross-entropy to the teacher"],
    [
      "stored-kd",
      "stored top-32 KD",
      "0.5 · language-modelling loss + 0.5 · cross-entropy to the teacher's stored outputs",
    ],
    ["seqkd", "SeqKD", "the plain language-modelling loss"],
    ["minillm", "MiniLLM", "0.5 · language-modelling loss + 0.5 · reverse KL to the teacher (on text of its own)"],
    [
      "gkd",
      "GKD",
      "0.5 · language-modelling loss + 0.5 · generalised JSD to the teacher (50 % of it on text of its own)",
    ],
    [
      "token-mask",
      "LM + token mask",
      "the plain language-modelling loss, on the tokens that the mask “learnable” keeps",
    ],
    ["miniplm-kd", "vanilla KD", "0.5 · language-modelling loss + 0.5 · cross-entropy to the teacher"],
  ])("%s has the field's name", (name, method, loss) => {
    const student = baselines.students.find((one) => one.name === name)!;
    expect(planOf(baselines, name)).toMatchObject({ family: "llama", method });
    expect(lossInWords(student)).toBe(loss);
  });

  it("names losses and matched states that differ from the usual", () => {
    const [student] = baselines.students.filter(({ distill }) => distill?.from === "teacher");
    const distill = {
      ...student!.distill!,
      weight: 1,
      loss: "skew_forward_kl" as const,
      coefficient: 0.2,
      temperature: 2,
      hidden: { weight: 0.1, loss: "mse" as const },
    };
    const changed = { ...student!, distill };
    expect(studentPlan(baselines, changed).method).toBe("KD by skew forward KL with hidden states");
    expect(lossInWords(changed)).toBe(
      "1 · skew forward KL to the teacher (coefficient 0.2, temperature 2) + 0.1 · MSE of the hidden states",
    );
  });

  it("knows the twin, the tokenizer and whose FLOPs it has", () => {
    expect(planOf(families, "small-vocabulary-difference")).toMatchObject({
      family: "llama",
      tokenizer: "small",
      baseline: "small-vocabulary-random",
    });
    expect(planOf(families, "mamba-random")).not.toHaveProperty("baseline");
    expect(planOf(baselines, "miniplm")).toMatchObject({ baseline: "plain", flopsOf: "plain" });
    expect(planOf(baselines, "plain")).not.toHaveProperty("baseline");
  });
});

describe("the records a student learns from", () => {
  const scores = ["models/teacher", "models/reference", "score/teacher", "score/reference"];

  it.each([
    ["plain", []],
    ["vanilla-kd", ["models/teacher"]],
    ["stored-kd", ["models/teacher", "capture/random-top32"]],
    ["seqkd", ["models/teacher", "generate/teacher-text"]],
    ["perplexity", ["models/teacher", "score/teacher"]],
    ["miniplm", scores],
    ["token-mask", scores],
    ["miniplm-kd", scores],
  ])("of %s", (name, records) => {
    expect(planOf(baselines, name).records).toEqual(records);
  });

  it("are stages that come before it", () => {
    for (const recipe of [baselines, families]) {
      const names = stagesOfRecipe(recipe).map((stage) => stage.name);
      for (const student of recipe.students)
        for (const record of studentPlan(recipe, student).records) {
          expect(names).toContain(record);
          expect(names.indexOf(record)).toBeLessThan(names.indexOf(`students/${student.name}-seed1`));
        }
    }
  });

  it("leave out models that are brought along", async () => {
    const brought = await recipeOf("quickstart.yaml", ["teacher={path: big}"]);
    expect(studentPlan(brought, brought.students[0]!).records).toEqual([
      "models/reference",
      "score/teacher",
      "score/reference",
    ]);
  });
});

describe("model cards", () => {
  it("are written from what the students' data and tokenizers are", () => {
    const reads = (recipe: typeof baselines) => stagesOfRecipe(recipe).find(({ name }) => name === "cards")!.reads;
    expect(reads(baselines)).toEqual(
      expect.arrayContaining(["generate/teacher-text", "select/random", "select/difference"]),
    );
    expect(reads(families)).toEqual(expect.arrayContaining(["tokenizer", "tokenizers/small"]));
  });

  it("say who wrote the text", () => {
    expect(studentLineage(baselines, "seqkd", 1).sentence).toBe(
      'This student was trained from scratch with the plain language-modelling loss, on text that the teacher wrote: "teacher-text".',
    );
    const summary = {
      teacher: { name: "models/teacher", fingerprint: "0" },
      tokenizer: "0",
      corpus: "0",
      promptTokens: 16,
      length: 129,
      afterEos: "next" as const,
      temperature: 0.7,
      topK: 40,
      topP: null,
      seed: 1,
      instances: 10,
      tokens: 1200,
      generatedTokens: 1040,
      ended: 2,
    };
    expect(teacherTextOrigin("essays", summary)).toEqual({
      role: "text",
      text: "essays, written by the teacher: 1040 of 1200 tokens in 10 instances, each behind the first 16 tokens of an instance of the corpus; sampled at temperature 0.7, among the 40 likeliest tokens",
    });
    expect(maskOrigin("learnable", { share: 0.6, scope: "instance" }).text).toBe(
      "learnable: the 60 % of the scored tokens of each instance on which the teacher is furthest ahead of the reference",
    );
  });
});
