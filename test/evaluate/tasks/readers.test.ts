import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { findExamples, findQuestions } from "../../../src/evaluate/tasks/data_files.ts";
import { readRows } from "../../../src/evaluate/tasks/data_rows.ts";
import { prepareTask } from "../../../src/evaluate/tasks/prepare.ts";
import { TASKS, taskNamed } from "../../../src/evaluate/tasks/registry.ts";
import { writeParquet } from "../../../src/formats/parquet.ts";
import { byteTokenizer, testFolder } from "./stand_ins.ts";

const folder = testFolder();
const tokenizer = byteTokenizer();

/** Questions of a task as its rows make them: contexts, continuations, target. */
async function asked(name: string, rows: unknown, file = `${name}.jsonl`) {
  const data = await folder.write(file, rows);
  const { items } = await prepareTask(taskNamed(name), { tokenizer, maxPositions: 4096, data });
  return items.map(({ requests, target }) => ({
    contexts: [...new Set(requests.map(({ context }) => context))],
    continuations: [...new Set(requests.map(({ continuation }) => continuation))],
    target,
  }));
}

describe("layouts", () => {
  // Expected texts: the preprocessing of lm-evaluation-harness 0.4.13 on these rows.
  test("hellaswag of the published files is cleaned as in the harness", async () => {
    const rows = [
      {
        ind: 4,
        activity_label: "Home and Garden",
        ctx_a: "[header] How to fold a sheet [title] Lay it flat. [step] Begin  at one corner.",
        ctx_b: "",
        endings: [" [substeps] Fold it. ", " keep  on  going", "[a]b[c\nd]e", "x"],
        label: "3",
      },
      {
        activity_label: "Élan",
        ctx_a: "A woman stands.",
        ctx_b: "éCLAIR ΟΔΟΣ Went",
        endings: ["a\u0085", "\ufeffb", "\u001cc", "straße"],
        label: 0,
      },
      { activity_label: "Sport", ctx_a: "He runs.", ctx_b: "ßA and B", endings: ["1", "2", "3", "4"], label: "1" },
    ];
    expect(await asked("hellaswag", rows)).toEqual([
      {
        contexts: ["Home and Garden: How to fold a sheet. Lay it flat. Begin at one corner."],
        continuations: ["  Fold it.", " keep on going", " b[c\nd]e", " x"],
        target: 3,
      },
      {
        contexts: ["Élan: A woman stands. Éclair οδος went"],
        continuations: [" a", " \ufeffb", " c", " straße"],
        target: 0,
      },
      { contexts: ["Sport: He runs. Ssa and b"], continuations: [" 1", " 2", " 3", " 4"], target: 1 },
    ]);
  });

  test("exams in the published, the hub's and the local form are the same questions", async () => {
    const expected = [{ contexts: ["Question: Why?\nAnswer:"], continuations: [" this", " that"], target: 1 }];
    const labels = { text: ["this", "that"], label: ["1", "2"] };
    const stem = labels.text.map((text, i) => ({ text, label: labels.label[i] }));
    expect(await asked("arc_easy", [{ question: { stem: "Why?", choices: stem }, answerKey: "2" }])).toEqual(expected);
    expect(await asked("arc_challenge", [{ question: "Why?", choices: labels, answerKey: "2" }])).toEqual(expected);
    expect(await asked("arc_easy", [{ question: "Why?", choices: labels.text, label: 1 }])).toEqual(expected);
    expect(await asked("openbookqa", [{ question_stem: "Why?", choices: labels.text, answerKey: " B" }])).toEqual([
      { ...expected[0], contexts: ["Why?"] },
    ]);
  });

  test("winogrande, lambada, piqa and social_iqa", async () => {
    const sentence = "Ann beat Bo so _ won.";
    expect(await asked("winogrande", [{ sentence, option1: "Ann", option2: "Bo", answer: "1" }])).toEqual([
      { contexts: ["Ann beat Bo so Ann", "Ann beat Bo so Bo"], continuations: [" won."], target: 0 },
    ]);
    expect(
      await asked("lambada_openai", [{ text: "one two\n\nthree" }, { context: "a b", continuation: "c" }]),
    ).toEqual([
      { contexts: ["one"], continuations: [" two\n\nthree"], target: " two\n\nthree" },
      { contexts: ["a b"], continuations: [" c"], target: " c" },
    ]);
    const goal = { goal: "Open it.", sol1: "Pull", sol2: "Push " };
    await folder.write("labelled-labels.lst", "1\n0\n");
    expect((await asked("piqa", [goal, goal], "labelled.jsonl")).map(({ target }) => target)).toEqual([1, 0]);
    await folder.write("labelled-labels.lst", "1\n");
    await expect(asked("piqa", [goal, goal], "labelled.jsonl")).rejects.toMatchObject({ code: "HC3508" });
    await expect(asked("piqa", [{ ...goal, label: 0 }], "labelled.jsonl")).rejects.toMatchObject({ code: "HC3506" });
    const social = { context: "Al fell.", question: "How is Al?", answerA: "well", answerB: "hurt", answerC: "new" };
    for (const answer of [{ label: "2" }, { label: 2 }, { correct: "B" }]) {
      expect(await asked("social_iqa", [{ ...social, ...answer }])).toEqual([
        { contexts: ["Q: Al fell. How is Al?\nA:"], continuations: [" well", " hurt", " new"], target: 1 },
      ]);
    }
  });

  test("storycloze from CSV, quotes and line breaks in it, and from Parquet", async () => {
    const header =
      "InputStoryid,InputSentence1,InputSentence2,InputSentence3,InputSentence4,RandomFifthSentenceQuiz1,RandomFifthSentenceQuiz2,AnswerRightEnding";
    const csv = `\ufeff${header}\r\n1,"A, b.",B.,"He said ""no"".\nTwice.",D.,E.,F.,2\r\n\r\n`;
    const expected = [{ contexts: ['A, b. B. He said "no".\nTwice. D.'], continuations: [" E.", " F."], target: 1 }];
    expect(await asked("storycloze_2018", csv, "story.csv")).toEqual(expected);
    expect(await asked("storycloze_2018", gzipSync(csv), "story.csv.gz")).toEqual(expected);
    const path = join(folder.path, "piqa.parquet");
    await writeParquet(path, [
      { name: "goal", type: "string", data: ["Open it."] },
      { name: "sol1", type: "string", data: ["Pull"] },
      { name: "sol2", type: "string", data: ["Push"] },
      { name: "label", type: "int32", data: Int32Array.of(1) },
    ]);
    const { items } = await prepareTask(taskNamed("piqa"), { tokenizer, maxPositions: 99, data: path });
    expect(items[0]).toMatchObject({ target: 1, choices: ["Pull", "Push"] });
  });
});

describe("finding files", () => {
  test("each task's file by its usual names, in the folder or in one of the task's own", async () => {
    const root = join(folder.path, "data");
    await mkdir(join(root, "arc_challenge"), { recursive: true });
    for (const name of [
      "hellaswag_val.jsonl.gz",
      "hellaswag_train.jsonl",
      "winogrande_xl_dev.jsonl",
      "ARC-Easy-Test.jsonl",
      "openbookqa.parquet",
      "arc_challenge/test-00000-of-00001.parquet",
      "arc_challenge/train.jsonl.zst",
      "piqa_valid.jsonl",
      "piqa.csv",
      "lambada_test.jsonl",
    ])
      await folder.write(`data/${name}`, "");
    const found = async (name: string) => (await findQuestions(taskNamed(name), root)).slice(root.length + 1);
    expect(await found("hellaswag")).toBe("hellaswag_val.jsonl.gz");
    expect(await found("winogrande")).toBe("winogrande_xl_dev.jsonl");
    expect(await found("arc_easy")).toBe("ARC-Easy-Test.jsonl");
    expect(await found("openbookqa")).toBe("openbookqa.parquet");
    expect(await found("arc_challenge")).toBe("arc_challenge/test-00000-of-00001.parquet");
    const examples = (name: string, given?: string) =>
      findExamples(taskNamed(name), { data: root, examples: given, questions: "asked.jsonl" });
    expect(await examples("hellaswag")).toBe(join(root, "hellaswag_train.jsonl"));
    expect(await examples("arc_challenge")).toBe(join(root, "arc_challenge/train.jsonl.zst"));
    expect(await examples("lambada_openai")).toBe("asked.jsonl");
    await expect(examples("winogrande")).rejects.toMatchObject({ code: "HC3502" });
    await expect(found("piqa")).rejects.toMatchObject({
      code: "HC3503",
      fault: { found: `${join(root, "piqa.csv")}\n${join(root, "piqa_valid.jsonl")}` },
    });
    for (const name of ["social_iqa", "storycloze_2018"])
      await expect(found(name)).rejects.toMatchObject({
        code: "HC3502",
        fault: {
          where: root,
          expected: expect.stringContaining(`${name}_`),
          fix: expect.stringContaining(`huggingface.co/datasets/${taskNamed(name).dataset!.path}`),
        },
      });
    await expect(findQuestions(taskNamed("piqa"), undefined)).rejects.toMatchObject({ code: "HC3502" });
    await expect(findQuestions(taskNamed("piqa"), join(root, "none"))).rejects.toMatchObject({ code: "HC1004" });
  });

  test("an unknown task is answered with the nearest", () => {
    expect(() => taskNamed("helaswag")).toThrow(/did you mean "hellaswag"/);
    expect(new Set(TASKS.map(({ name }) => name)).size).toBe(9);
  });
});

describe("bad rows", () => {
  const row = { goal: "Open it.", sol1: "Pull", sol2: "Push", label: 0 };

  test.each([
    ["an answer out of range", [row, { ...row, label: 2 }], "HC3506", "piqa.jsonl:2", /"label"/],
    ["no answer", [{ ...row, label: null }], "HC3505", "piqa.jsonl:1", /layout/],
    ["a number for a text", [{ ...row, sol1: 3 }], "HC3506", "piqa.jsonl:1", /"sol1"/],
    ["a list for a row", [[row]], "HC3506", "piqa.jsonl:1", /no JSON object/],
    ["another task's row", [{ text: "a b" }], "HC3505", "piqa.jsonl:1", /piqa/],
    ["no row", [], "HC3504", "piqa.jsonl", /no rows/],
    ["no JSON", "{\n", "HC1052", "piqa.jsonl:1", /JSON/],
    ["bytes", Buffer.from([0xff, 0xfe, 10]), "HC1050", "piqa.jsonl:1", /UTF-8/],
  ])("%s", async (_, rows, code, where, what) => {
    await expect(asked("piqa", rows)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(what),
      fault: { where: expect.stringContaining(where) },
    });
  });

  test.each([
    ["a quote that is never closed", 'a,b\n1,"2\n3,4\n', 2],
    ["too few values", "a,b\n1,2\n3\n", 3],
    ["a quote within a value", 'a,b\n1,2"3"\n', 2],
    ["a name twice in the header", "a,a\n1,2\n", 1],
  ])("CSV: %s", async (_, text, line) => {
    const path = await folder.write("broken.csv", text);
    await expect(readRows(path)).rejects.toMatchObject({ code: "HC3509", fault: { where: `${path}:${line}` } });
  });

  test("limit and first", async () => {
    const data = await folder.write("piqa_part.jsonl", [row, row, { ...row, label: 9 }]);
    const prepare = (options: object) =>
      prepareTask(taskNamed("piqa"), { tokenizer, maxPositions: 99, data, ...options });
    // A row that is not asked need not be right.
    expect(await prepare({ first: 1, limit: 1 })).toMatchObject({ of: 3, items: [{ docId: 1 }] });
    for (const options of [{ first: 3 }, { limit: 0 }, { first: -1 }, { limit: 0.5 }])
      await expect(prepare(options)).rejects.toMatchObject({ code: "HC3513" });
  });
});
