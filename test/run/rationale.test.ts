import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { HeartcutError } from "../../src/errors.ts";
import { quietContext } from "../../src/progress.ts";
import { Random } from "../../src/random.ts";
import { parseAnyRecipe } from "../../src/run/any_recipe.ts";
import { taskOf } from "../../src/run/rationale/inputs.ts";
import { rationaleStagesOf } from "../../src/run/rationale/plan.ts";
import { parseRationaleRecipe } from "../../src/run/rationale/recipe.ts";
import { formatRecipe } from "../../src/run/recipe.ts";
import { runRecipe } from "../../src/run/run.ts";
import { fingerprint, inputsOfStages } from "../../src/run/stage.ts";
import { readPredictions } from "../../src/tasks/files.ts";

const COLOURS = ["red", "blue", "green", "grey"];
const THINGS = ["box", "hat", "cup", "door", "lamp"];

/** Rows of a small task: the colour of the thing that is asked for. */
function rows(count: number, seed: number): string {
  const random = new Random(seed, "test/rows");
  return Array.from({ length: count }, (_, i) => {
    const things = [...random.permutation(THINGS.length)].slice(0, 2).map((at) => THINGS[at]!);
    const colours = [...random.permutation(COLOURS.length)].slice(0, 2).map((at) => COLOURS[at]!);
    const facts = things.map((thing, at) => `the ${thing} is ${colours[at]}`).join(" and ");
    const reason = `it says the ${things[0]} is ${colours[0]}`;
    return JSON.stringify({ id: `${seed}-${i}`, facts, thing: things[0], answer: colours[0], reason, colours });
  }).join("\n");
}

const MODEL = { model_type: "t5", d_model: 16, d_kv: 8, d_ff: 24, num_layers: 1, num_heads: 2 };
const TRAIN = { model: MODEL, steps: 4, batch: { examples: 8 }, optimizer: { learningRate: 0.01 }, evalEvery: 2 };
const recipeOf = (data: string) => ({
  method: "rationale",
  name: "small",
  device: "cpu",
  task: {
    custom: {
      name: "colours",
      input: "{facts}. what colour is the {thing}?",
      target: "{answer}",
      choices: "colours",
      rationale: "reason",
    },
    train: join(data, "train.jsonl"),
    validation: { share: 0.25 },
    test: join(data, "test.jsonl"),
    studentExamples: 20,
  },
  tokenizer: { train: { vocabSize: 320 } },
  limits: { input: 64, target: 24 },
  teacher: { train: { ...TRAIN, steps: 6 } },
  attribute: { saliency: { method: "gradient" }, chance: { method: "random" } },
  outputs: { topK: 4 },
  rationales: {
    tokens: { source: "saliency", attribution: "saliency", k: 3 },
    llm: { source: "llm" },
  },
  student: { seeds: [1, 2], train: TRAIN },
  students: [
    { name: "standard" },
    { name: "tokens", rationale: "tokens", objective: { layout: "multi_task" } },
    { name: "llm", rationale: "llm", objective: { layout: "label_then_rationale" } },
    { name: "everything", rationale: "tokens", objective: { attention: {}, distillation: {}, attribution: {} } },
  ],
  evaluate: { baseline: "standard", analysis: { faithfulness: 4, overlap: [1, 2] } },
});

const TEXT = stringify(recipeOf("data"));
const parsed = (overrides: string[] = [], text = TEXT) => parseRationaleRecipe("r.yaml", text, overrides);

function faultOf(overrides: string[], text = TEXT): HeartcutError {
  try {
    parsed(overrides, text);
  } catch (error) {
    if (error instanceof HeartcutError) return error;
    throw error;
  }
  throw new Error("the recipe was accepted");
}

describe("a recipe of token rationales", () => {
  it("is the same after writing and reading again, and is chosen by its method", () => {
    const recipe = parsed();
    expect(parsed([], formatRecipe(recipe))).toEqual(recipe);
    expect(parseAnyRecipe("r.yaml", TEXT)).toEqual(recipe);
    expect(() => parseAnyRecipe("r.yaml", TEXT, ["method=rationales"])).toThrow(/HC4003.*rationale/s);
  });

  it.each([
    [["task.custom.target='{answr'"], "HC6020", /brace/],
    [["attribute.saliency.nrm=l2"], "HC6101", /write norm/],
    [["attribute.chance.norm=l2"], "HC6101", /takes no option norm/],
    [["attribute.chance.file={train: a}"], "HC4004", /no effect/],
    [["rationales.tokens.attribution=null"], "HC4005", /by which attribution/],
    [["rationales.tokens.attribution=salency"], "HC4006", /did you mean saliency/],
    [["rationales.llm.k=3"], "HC6201", /llm/],
    [["students.1.rationale=token"], "HC4006", /did you mean tokens/],
    [["students.1.rationale=null"], "HC4005", /names none/],
    [["students.0.rationale=tokens"], "HC4004", /no effect with layout: standard/],
    [["students.1.objective.lambd=2"], "HC6301", /lambda/],
    [["students.0.objective.lambda=2"], "HC6302", /no effect/],
    [["students.2.name=tokens"], "HC4006", /two students/],
    [["outputs=null"], "HC4005", /outputs: \{ topK/],
    [["attribute.saliency.target=predicted", "attribute.chance.target=predicted"], "HC4006", /could be kept with/],
    [["students.1.objective={layout: rationale_input}"], "HC4006", /gold answers of the test split/],
    [["tokenizer=null"], "HC4005", /tokenizer/],
    [["teacher.train.epochs=2"], "HC4004", /beside steps/],
    [["teacher.train.model.num_layer=2"], "HC4002", /num_layers/],
    [["student.train.from=x"], "HC4004", /no effect beside model/],
    [["evaluate.baseline=standrd"], "HC4006", /did you mean standard/],
    [["limits.inptu=3"], "HC4002", /did you mean input/],
  ])("with %s is refused", (overrides, code, words) => {
    const fault = faultOf(overrides);
    expect(fault.code).toBe(code);
    expect(fault.message).toMatch(words);
  });
});

/** Fingerprints of a plan's stages, without touching a disk. */
function prints(overrides: string[] = []): Map<string, string> {
  const recipe = parsed(overrides);
  const files = { task: [], tokenizer: [], models: new Map(), attributions: { saliency: [], chance: [] } };
  const stages = rationaleStagesOf({ recipe, places: new Map(), folder: "run", task: taskOf(recipe), files });
  return new Map([...inputsOfStages(stages)].map(([name, inputs]) => [name, fingerprint(name, inputs)]));
}

describe("the plan", () => {
  const changed = (...overrides: string[]) => {
    const [before, after] = [prints(), prints(overrides)];
    return [...before.keys()].filter((name) => before.get(name) !== after.get(name));
  };
  it("does again what depends on a change, and nothing else", () => {
    expect([...prints().keys()].slice(0, 6)).toEqual([
      "task",
      "task-students",
      "tokenizer",
      "models/teacher",
      "evaluate/teacher",
      "attribute/saliency",
    ]);
    const results = ["evaluate/evaluation", "cards", "report"];
    expect(changed("evaluate.baseline=tokens")).toEqual(results);
    expect(changed("students.1.objective.lambda=2")).toEqual([
      "students/tokens-seed1",
      "students/tokens-seed2",
      ...results,
    ]);
    expect(changed("rationales.llm.keepWrong=false")).toEqual([
      "rationales/llm",
      "students/llm-seed1",
      "students/llm-seed2",
      ...results,
    ]);
    expect(changed("task.studentExamples=10")).not.toContain("models/teacher");
    expect(changed("attribute.chance.method=gradient")).toEqual(["attribute/chance", "evaluate/analysis", ...results]);
    expect(changed("teacher.train.steps=7")).toEqual(
      expect.arrayContaining(["models/teacher", "attribute/saliency", "rationales/tokens"]),
    );
    expect(changed("teacher.train.steps=7")).not.toContain("students/llm-seed1");
    expect(changed("name=other", "task.train=elsewhere/train.jsonl")).toEqual([]);
  });
});

describe("a whole run", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "heartcut-rationale-"));
    await mkdir(join(folder, "data"));
    await writeFile(join(folder, "data", "train.jsonl"), rows(60, 1));
    await writeFile(join(folder, "data", "test.jsonl"), rows(16, 2));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const options = (name: string) => ({
    folder: join(folder, name),
    heartcutVersion: "test",
    commands: { rerun: "rerun", elsewhere: "elsewhere" },
  });
  const made = () => parseRationaleRecipe("r.yaml", stringify(recipeOf(join(folder, "data"))));

  it("goes from questions to a report, and ends with the same bytes when it was stopped everywhere", async () => {
    const { evaluation, table, summary } = await runRecipe(made(), options("a"), quietContext("run"));
    expect(evaluation.students.map(({ name, seeds }) => [name, seeds.length])).toEqual(
      ["standard", "tokens", "llm", "everything"].map((name) => [name, 2]),
    );
    expect(evaluation.comparisons).toHaveLength(3);
    expect(evaluation.overlap.map(({ name }) => name)).toContain("chance");
    expect(table).toContain("standard");
    expect(summary.task.name).toBe("colours");
    const predictions = await readPredictions(join(folder, "a", "students/tokens-seed1/predictions.jsonl"));
    expect(predictions.map(({ id }) => id)).toEqual(Array.from({ length: 16 }, (_, i) => `2-${i}`));
    expect(parse(summary.recipe)).toMatchObject({ method: "rationale" });

    // Stopped at every fifth event, and started again until it is through.
    for (let attempt = 0, through = false; !through; attempt++) {
      if (attempt > 400) throw new Error("the run does not get on");
      const stop = new AbortController();
      let events = 0;
      try {
        await runRecipe(made(), options("b"), {
          signal: stop.signal,
          report: () => {
            if (++events === 5 + attempt) stop.abort();
          },
        });
        through = true;
      } catch (error) {
        if (!(error instanceof HeartcutError && error.name === "Interrupted")) throw error;
      }
    }
    const names = (await readdir(join(folder, "a"), { recursive: true })).filter((name) =>
      /\.(jsonl|safetensors)$|predictions|evaluation\.json|rationales\.json$/.test(name),
    );
    expect(names.length).toBeGreaterThan(40);
    for (const name of names.filter((each) => !/manifest|events|log/.test(each)))
      expect(await readFile(join(folder, "b", name)), name).toEqual(await readFile(join(folder, "a", name)));
  }, 600_000);
});
