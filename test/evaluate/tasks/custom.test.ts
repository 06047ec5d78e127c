import { describe, expect, test } from "vitest";
import { type CustomEvaluation, customEvaluation } from "../../../src/evaluate/tasks/custom.ts";
import { prepareGeneration, prepareTask } from "../../../src/evaluate/tasks/prepare.ts";
import { loadCustomEvaluation } from "../../../src/run/custom_evaluation.ts";
import { byteTokenizer, testFolder } from "./stand_ins.ts";

const folder = testFolder();
const tokenizer = byteTokenizer();
const options = { tokenizer, maxPositions: 500 };

describe("tasks of one's own", () => {
  test("multiple choice from YAML, its data beside it, worked examples from the same file", async () => {
    await folder.write("questions.jsonl", [
      { id: 1, meta: { q: "2 + 2?" }, options: ["3", "4"], right: "B" },
      { id: 2, meta: { q: "1 + 1?" }, options: ["2", "5", "7"], right: "A" },
    ]);
    const file = await folder.write(
      "sums.yaml",
      [
        "name: sums",
        "type: multiple_choice",
        "data: questions.jsonl",
        "examples: questions.jsonl",
        'context: "{{{id}}} {meta.q} ="',
        "choices: options",
        "answer: right",
        "answerAs: letter",
        "metrics: [acc]",
      ].join("\n"),
    );
    const task = await loadCustomEvaluation(file);
    if (task.outputType !== "multiple_choice") throw new Error(task.outputType);
    const prepared = await prepareTask(task, { ...options, fewshot: 1 });
    expect(prepared).toMatchObject({ task: "sums", version: 0, main: "acc", chance: (1 / 2 + 1 / 3) / 2 });
    expect(prepared.items.map(({ target }) => target)).toEqual([1, 0]);
    expect(prepared.items[0]!.requests.map(({ context, continuation }) => context + continuation)).toEqual([
      "{2} 1 + 1? = 2\n\n{1} 2 + 2? = 3",
      "{2} 1 + 1? = 2\n\n{1} 2 + 2? = 4",
    ]);
  });

  test.each([
    ["index", 1],
    ["number", 2],
    ["number", "2"],
    ["letter", "B"],
    ["text", " no"],
  ] as const)("answers as %s", async (answerAs, right) => {
    const data = await folder.write("rows.jsonl", [{ q: "So?", a: " yes", b: " no", right }]);
    const definition = { type: "multiple_choice", name: "own", context: "{q}", choices: ["{a}", "{b}"] } as const;
    const task = customEvaluation(
      { ...definition, choices: [...definition.choices], answer: "right", answerAs, delimiter: "" },
      "own.yaml",
    );
    if (task.outputType !== "multiple_choice") throw new Error(task.outputType);
    const { items } = await prepareTask(task, { ...options, data });
    expect(items[0]).toMatchObject({ target: 1, choices: [" yes", " no"] });
    expect(items[0]!.requests[1]).toMatchObject({ context: "So?", continuation: " no" });
  });

  test("cloze and generate", async () => {
    const data = await folder.write("rows.jsonl", [{ q: "one", n: 1 }]);
    const base = { name: "own", context: "{q} =", target: "{n}" };
    const cloze = customEvaluation({ ...base, type: "cloze" }, "own.yaml");
    if (cloze.outputType !== "loglikelihood") throw new Error(cloze.outputType);
    const prepared = await prepareTask(cloze, { ...options, data });
    expect(prepared).toMatchObject({ main: "acc", chance: null, items: [{ target: " 1" }] });
    expect(prepared.items[0]!.requests[0]).toMatchObject({ context: "one =", continuation: " 1" });
    const generate = customEvaluation({ ...base, type: "generate", until: ["\n"], maxNewTokens: 9 }, "own.yaml");
    if (generate.outputType !== "generate_until") throw new Error(generate.outputType);
    const { items, main } = await prepareGeneration(generate, { tokenizer, data });
    expect(main).toBe("exact_match");
    expect(items[0]).toMatchObject({ context: "one =", target: "1", until: ["\n"], maxNewTokens: 9 });
    expect(tokenizer.decode(items[0]!.ids)).toBe("<s>one =");
  });

  test.each<[string, Partial<CustomEvaluation>, string]>([
    ["a name of a known task", { name: "piqa" }, "HC3520"],
    ["a name that is no file name", { name: "a/b" }, "HC3520"],
    ["a context without a field", { context: "q" }, "HC3520"],
    ["an answer without a field", { target: "yes" }, "HC3520"],
    ["an empty stop string", { type: "generate", until: [""] }, "HC3520"],
    ["no metric", { type: "cloze", metrics: [] }, "HC3520"],
    ["one choice", { type: "multiple_choice", choices: ["{a}"], answer: "b" }, "HC3520"],
    ["a stray brace", { context: "{q" }, "HC3522"],
  ])("contradictions: %s", (_, change, code) => {
    const definition = { name: "own", type: "cloze", context: "{q}", target: "{a}", ...change } as CustomEvaluation;
    expect(() => customEvaluation(definition, "own.yaml")).toThrow(expect.objectContaining({ code }));
  });

  test("rows and files that do not fit the definition", async () => {
    const task = customEvaluation({ name: "own", type: "cloze", context: "{q}", target: "{a}" }, "own.yaml");
    if (task.outputType !== "loglikelihood") throw new Error(task.outputType);
    const prepare = async (row: object) =>
      prepareTask(task, { ...options, data: await folder.write("rows.jsonl", [row]) });
    await expect(prepare({ q: "x" })).rejects.toMatchObject({ code: "HC3521", message: expect.stringMatching(/"a"/) });
    await expect(prepare({ q: "x", a: [1] })).rejects.toMatchObject({ code: "HC3506" });
    await expect(prepareTask(task, options)).rejects.toMatchObject({ code: "HC3502" });
    const data = await folder.write("few.jsonl", [{ q: "x", a: "y" }]);
    const file = await folder.write("own.yaml", 'name: own\ntype: cloze\ncontext: "{q}"\ntarget: "{a}"\nuntil: [x]\n');
    await expect(prepareTask(task, { ...options, data, fewshot: 2 })).rejects.toMatchObject({
      code: "HC3502",
      fault: { why: expect.stringContaining("--fewshot 2"), fix: expect.stringContaining("(examples: FILE)") },
    });
    const typo = await folder.write("typo.yaml", 'name: own\ntype: cloze\ncontext: "{q}"\ntargt: "{a}"\n');
    await expect(loadCustomEvaluation(typo)).rejects.toMatchObject({
      code: "HC4002",
      fault: { where: `${typo}:4:1`, fix: "did you mean target?" },
    });
    const bare = await folder.write("bare.yaml", "name: own\ntype: cloze\n");
    await expect(loadCustomEvaluation(bare)).rejects.toMatchObject({
      code: "HC4009",
      fault: { what: "the task file has 2 mistakes", found: expect.stringContaining("write target: a text") },
    });
    await expect(loadCustomEvaluation(file)).rejects.toMatchObject({
      code: expect.stringMatching(/^HC40/),
      fault: { where: `${file}:5:1` },
    });
  });
});
