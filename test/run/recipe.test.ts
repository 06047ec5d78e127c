import { readdir, readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { closest } from "../../src/did_you_mean.ts";
import { HeartcutError } from "../../src/errors.ts";
import { describeModel, MODEL_TYPES } from "../../src/models/architecture.ts";
import { loadAnyRecipe } from "../../src/run/any_recipe.ts";
import { checkModels } from "../../src/run/check_models.ts";
import { formatRecipe, loadRecipe, parseRecipe } from "../../src/run/recipe.ts";
import { RecipeSource } from "../../src/run/recipe_source.ts";

const recipes = new URL("../../recipes/", import.meta.url);
const quickstart = await readFile(new URL("quickstart.yaml", recipes), "utf8");

const minimal = `name: small
corpus: { path: texts }
tokenizer: { path: teacher }
teacher: { path: teacher }
reference: { path: reference }
select:
  half: { method: difference }
students:
  - name: a
    selection: half
    train: { model: { model_type: llama }, steps: 10 }
`;

function faultOf(text: string, overrides: string[] = []): HeartcutError {
  try {
    parseRecipe("r.yaml", text, overrides);
  } catch (error) {
    if (error instanceof HeartcutError) return error;
    throw error;
  }
  throw new Error("the recipe was accepted");
}

describe("a recipe", () => {
  it("gets its defaults", () => {
    const recipe = parseRecipe("r.yaml", minimal);
    expect(recipe.select.half).toEqual({ method: "difference", ratio: 0.5, perSource: false });
    expect(recipe.students[0]!.train.optimizer).toStrictEqual({
      learningRate: 6e-4,
      minLearningRate: 6e-5,
      warmupShare: 0.02,
      betas: [0.9, 0.98],
      epsilon: 1e-6,
      weightDecay: 0.01,
      clip: 1,
    });
    expect(recipe.students[0]!.seeds).toEqual([1]);
    expect(recipe.pack).toEqual({ length: 1024, documentBarrier: false });
  });

  it("reads grouped integers", () => {
    expect(parseRecipe("r.yaml", minimal.replace("steps: 10", "tokens: 2_000_000")).students[0]!.train.tokens).toBe(
      2e6,
    );
  });

  it("is the same after writing and reading again", () => {
    for (const text of [minimal, quickstart]) {
      const recipe = parseRecipe("r.yaml", text);
      expect(parseRecipe("again.yaml", formatRecipe(recipe))).toEqual(recipe);
    }
  });

  it("lays what students share under each of them", () => {
    const recipe = parseRecipe("q.yaml", quickstart);
    expect(recipe.students.map((student) => student.seeds)).toEqual([
      [1, 2],
      [1, 2],
    ]);
    expect(recipe).not.toHaveProperty("student");
  });

  it("is valid for every recipe that is shipped", async () => {
    const files = (await readdir(recipes)).filter((file) => file.endsWith(".yaml"));
    expect(files.length).toBeGreaterThanOrEqual(7);
    for (const file of files) await loadAnyRecipe(new URL(file, recipes).pathname);
  });
});

describe("a mistake in a recipe", () => {
  it.each([
    // [text to replace, replacement, code, line:column, words]
    ["name: small", "nmae: small", "HC4009", "r.yaml", "r.yaml:1:1  unknown key nmae; did you mean name?"],
    ["corpus: { path: texts }", "corpus: { pth: texts }", "HC4002", "r.yaml:2:11", "did you mean path?"],
    [
      "corpus: { path: texts }",
      "corpus: { path: texts, formt: jsonl }",
      "HC4002",
      "r.yaml:2:24",
      "did you mean format?",
    ],
    [
      "corpus: { path: texts }",
      "corpus: { path: texts, format: jsnl }",
      "HC4003",
      "r.yaml:2:32",
      "did you mean jsonl?",
    ],
    ["corpus: { path: texts }", "corpus: {}", "HC4005", "r.yaml:2:1", "one of"],
    ["corpus: { path: texts }", "corpus: { path: texts, demo: {} }", "HC4004", "r.yaml:2:24", "no effect"],
    [
      "corpus: { path: texts }",
      "corpus: { path: texts, format: text, id: x }",
      "HC4004",
      "r.yaml:2:38",
      "no effect with format: text",
    ],
    ["corpus: { path: texts }", "corpus: 7", "HC4005", "r.yaml:2:1", "corpus.path"],
    ["teacher: { path: teacher }", "teacher: { path: t, train: {} }", "HC4004", "r.yaml:4:21", "no effect"],
    [
      "method: difference",
      "method: all, ratio: 0.3",
      "HC4004",
      "r.yaml:7:24",
      "select.half.ratio has no effect with method: all",
    ],
    ["method: difference", "method: diference", "HC4003", "r.yaml:7:19", "did you mean difference?"],
    ["method: difference", "ratio: 0.3", "HC4005", "r.yaml:7:3", "difference, random"],
    ["method: difference", "method: difference, ratio: 1.5", "HC4003", "r.yaml:7:38", "below 1"],
    ["method: difference", "method: difference, raio: 0.5", "HC4002", "r.yaml:7:31", "did you mean ratio?"],
    [
      "method: difference",
      "method: difference, ratio: 0.5, tokens: 9",
      "HC4004",
      "r.yaml:7:43",
      "no effect beside ratio",
    ],
    ["method: difference", "method: random, threshold: 0", "HC4004", "r.yaml:7:27", "no effect with method: random"],
    ["selection: half", "selection: hlf", "HC4006", "r.yaml:10:16", "did you mean half?"],
    ["steps: 10", "steps: 10, tokens: 5", "HC4004", "r.yaml:11:44", "no effect beside tokens"],
    [", steps: 10", "", "HC4005", "r.yaml:11:5", "tokens, steps, epochs"],
    ["steps: 10", "steps: ten", "HC4003", "r.yaml:11:51", "a number"],
    ["steps: 10", "steps: 10, optimizer: { learningrate: 1 }", "HC4002", "r.yaml:11:68", "did you mean learningRate?"],
    ["steps: 10", "steps: 10, batch: { instances: 4, microBatch: 8 }", "HC4004", "r.yaml:11:78", "no effect"],
    ["model_type: llama", "hidden_size: 4", "HC4005", "r.yaml:11:14", "model_type"],
    ["model_type: llama", "model_type: llama, hiden_size: 130", "HC4002", "r.yaml:11:42", "did you mean hidden_size?"],
    [
      "model_type: llama",
      "model_type: llama, rope_parameters: { rope_thta: 1e6 }",
      "HC4002",
      "r.yaml:11:61",
      "did you mean rope_theta?",
    ],
    ["  - name: a", "  - name: ../a", "HC4003", "r.yaml:9:11", "folder"],
    ["name: small\n", "name: small\nname: other\n", "HC4001", "r.yaml:2:1", "unique"],
    ["name: small\n", "name: [small\n", "HC4001", "r.yaml", "YAML"],
    [
      "name: small\n",
      "name: small\nevaluate: { sets: { high: { where: { qualty: [a] } } } }\n",
      "HC4006",
      "r.yaml:2:46",
      "corpus.tags",
    ],
    ["name: small\n", "name: small\nevaluate: { baseline: b }\n", "HC4006", "r.yaml:2:23", "students"],
    ["name: small\n", "name: small\nevaluate: { sets: {} }\n", "HC4003", "r.yaml:2:19", "at least one"],
  ])("%s -> %s", (old, text, code, where, words) => {
    const error = faultOf(minimal.replace(old, text));
    expect(error.code).toBe(code);
    expect(error.fault.where).toContain(where);
    expect(error.message).toContain(words);
  });

  it("is named where the recipe is missing or empty", async () => {
    for (const text of ["", "# nothing yet\n"]) {
      const error = faultOf(text);
      expect(error.code).toBe("HC4001");
      expect(error.message).toContain("the recipe is empty");
      expect(error.fault.where).toBe("r.yaml");
    }
    await expect(loadRecipe("nowhere.yaml")).rejects.toMatchObject({
      code: "HC4000",
      fault: { found: "no such file" },
    });
  });

  it("is not made of a key that the settled config of a model has", () => {
    const small = { hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 1, vocab_size: 9 };
    const t5 = { d_model: 8, d_kv: 4, d_ff: 8, num_layers: 1, num_heads: 1, vocab_size: 9 };
    for (const model_type of MODEL_TYPES) {
      const sizes: Record<string, object> = {
        t5,
        gpt2: { n_embd: 8, n_layer: 1, n_head: 1, n_positions: 8, vocab_size: 9 },
        mamba: { hidden_size: 8, num_hidden_layers: 1, vocab_size: 9 },
      };
      const { json } = describeModel({ model_type, ...(sizes[model_type] ?? small) }, "test");
      const text = minimal.replace("{ model_type: llama }", JSON.stringify(json));
      expect(parseRecipe("r.yaml", text).students[0]!.train.model).toEqual(json);
    }
  });

  it("is found under `student` where students share it", () => {
    const error = faultOf(quickstart.replace("  seeds: [1, 2]", "  seeds: [1, x]"));
    const line = quickstart.split("\n").findIndex((text) => text.startsWith("  seeds")) + 1;
    expect(error.message).toContain(`r.yaml:${line}:14`);
  });

  it("never stops at the first", () => {
    const error = faultOf(
      minimal.replace("texts", "texts, a: 1").replace("llama", "llama, x: 1").replace("steps", "stps"),
    );
    expect(error.code).toBe("HC4009");
    expect(error.message.match(/r\.yaml:\d+:\d+/g)).toHaveLength(2);
  });

  it("is always a coded error, whatever the tree", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 4 }),
        fc.constantFrom("corpus", "teacher", "select", "students", "pack", "student"),
        (value, key) => {
          const tree = { ...parse(minimal), [key]: value };
          try {
            parseRecipe("r.yaml", JSON.stringify(tree));
          } catch (error) {
            expect(error).toBeInstanceOf(HeartcutError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("cannot hide in anchors or in __proto__", () => {
    const bomb = `a: &a [${"x,".repeat(50)}x]\n${"bcdefg".replace(/./g, (c, i) => `${c}: &${c} [${`*${"abcdef"[i]},`.repeat(50)}*${"abcdef"[i]}]\n`)}`;
    expect(faultOf(bomb).code).toBe("HC4001");
    expect(faultOf(`${minimal}__proto__: { seed: 5 }\n`).code).toBe("HC4002");
    expect(faultOf(minimal, ["__proto__.polluted=1"]).code).toBe("HC4002");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe("--set", () => {
  it("takes YAML values at any depth", () => {
    const recipe = parseRecipe("q.yaml", quickstart, [
      "select.difference.ratio=0.3",
      "student.seeds=[7]",
      "students.1.seeds=[8, 9]",
      "report.examples=0",
      "score.perToken=true",
      "student.train.tokens=1_000",
      "teacher.train.tokens=null",
      "teacher.train.steps=7",
    ]);
    expect(recipe.select.difference).toMatchObject({ ratio: 0.3 });
    expect(recipe.students.map((student) => student.seeds)).toEqual([[7], [8, 9]]);
    expect(recipe.score.perToken).toBe(true);
    expect(recipe.students[0]!.train.tokens).toBe(1000);
    expect("train" in recipe.teacher && recipe.teacher.train).toMatchObject({ steps: 7 });
    expect("train" in recipe.teacher && recipe.teacher.train).not.toHaveProperty("tokens");
  });

  it.each([
    ["scor.perToken=true", "HC4002", "did you mean score?"],
    ["score.perTokn=true", "HC4002", "did you mean perToken?"],
    ["score.perToken=maybe", "HC4003", "--set score.perToken=maybe"],
    ["score", "HC4007", "KEY=VALUE"],
    ["=3", "HC4007", "KEY=VALUE"],
    ["students.5.name=x", "HC4007", "position"],
    ["name.x=1", "HC4007", "inside a value"],
    ["name=[", "HC4007", "YAML"],
    ["teacher.path=x", "HC4004", "no effect"],
  ])("%s is refused", (override, code, words) => {
    const error = faultOf(quickstart, [override]);
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });

  it("leaves the rest alone", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.integer(), { minKeys: 1 }),
        fc.integer(),
        (map, value) => {
          const [key] = Object.keys(map);
          expect(new RecipeSource("x", JSON.stringify(map), [`${key}=${value}`]).tree).toEqual({
            ...map,
            [key!]: value,
          });
        },
      ),
    );
  });
});

describe("closest", () => {
  it("finds slips, swaps and case, and nothing far", () => {
    expect(closest("lenght", ["length", "mode"])).toBe("length");
    expect(closest("Ratio", ["ratio"])).toBe("ratio");
    expect(closest("completely", ["ratio", "mode"])).toBeUndefined();
    expect(closest("x", [])).toBeUndefined();
  });
});

describe("mistakes", () => {
  const URL_WITH_PASSWORD = "http://me:hush-hush@gpu-7:8000";

  it("never repeat what is secret in an address", () => {
    const { message } = faultOf(minimal, [`teacher={endpoint: {url: "${URL_WITH_PASSWORD}"}}`]);
    expect(message).toContain("http://…@gpu-7:8000");
    expect(message).not.toMatch(/me:|hush/);
    const long = `http://user:${"hush".repeat(40)}@gpu-7:8000?api_key=hush`;
    expect(faultOf(minimal, [`teacher={endpoint: {url: "${long}"}}`]).message).not.toContain("hush");
  });

  it("of what students share are told once, where they were written", () => {
    const shared = minimal.replace(
      "students:\n",
      "student:\n  train: { steps: 10, batsh: { instances: 4 } }\nstudents:\n  - { name: b, selection: half, train: { model: { model_type: llama } } }\n",
    );
    const line = shared.split("\n").findIndex((text) => text.includes("batsh")) + 1;
    expect(faultOf(shared).fault).toMatchObject({
      what: "unknown key student.train.batsh",
      where: `r.yaml:${line}:23`,
      fix: "did you mean batch?",
    });
    expect(faultOf(shared.replace("batsh", "batch"), ["student.train.recompute=often"]).fault).toMatchObject({
      what: 'student.train.recompute cannot be "often"',
      where: "--set student.train.recompute=often",
    });
  });

  it("say where a key stands that is known one level up", () => {
    const wrong = minimal.replace("steps: 10", "steps: 10, distill: {}");
    expect(faultOf(wrong).fault.fix).toBe("distill stands under students.0, beside train");
  });

  it("include prompts that leave nothing to write", () => {
    const text = `${minimal.replace("selection: half", "selection: told")}pack: { length: 128 }\ngenerate: { told: { promptTokens: 300 } }\n`;
    expect(faultOf(text)).toMatchObject({ code: "HC4006", fault: { where: expect.stringContaining("r.yaml:") } });
    expect(() => parseRecipe("r.yaml", text.replace("300", "128"))).not.toThrow();
  });
});

it("takes the students of the README as they stand there", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const [, students] = /```yaml\n(tokenizers:[\s\S]*?)```/.exec(readme)!;
  const text = quickstart.replace(/^student:[\s\S]*?^evaluate:/m, `${students}\nevaluate:`);
  const recipe = parseRecipe("r.yaml", text, ["evaluate.baseline=null"]);
  expect(recipe.students.map(({ name }) => name)).toEqual(["llama", "gpt2", "mamba"]);
  await checkModels(recipe);
});
