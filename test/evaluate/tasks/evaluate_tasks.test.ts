import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { type CustomEvaluation, customEvaluation } from "../../../src/evaluate/tasks/custom.ts";
import { type EvaluateTasksInput, evaluateTasks } from "../../../src/evaluate/tasks/evaluate_tasks.ts";
import { taskNamed } from "../../../src/evaluate/tasks/registry.ts";
import { readModelTasks } from "../../../src/evaluate/tasks/results_files.ts";
import { RESULTS_NAME } from "../../../src/evaluate/tasks/results_layout.ts";
import { averageOf, modelsTable, resultsText } from "../../../src/evaluate/tasks/results_table.ts";
import type { EvaluationTask } from "../../../src/evaluate/tasks/task.ts";
import { createModel } from "../../../src/models/load.ts";
import { quietContext, type StageContext } from "../../../src/progress.ts";
import { byteTokenizer, testFolder } from "./stand_ins.ts";

const place = testFolder();
const model = createModel(
  {
    ...{ model_type: "llama", vocab_size: 257, hidden_size: 16, intermediate_size: 32, num_hidden_layers: 1 },
    ...{ num_attention_heads: 2, num_key_value_heads: 2, max_position_embeddings: 48, tie_word_embeddings: true },
  },
  3,
  { device: "cpu" },
);

const ROWS = Array.from({ length: 7 }, (_, i) => ({
  text: `The ${["river", "tower", "garden"][i % 3]} of day ${i}.`,
  a: " was quiet",
  b: i === 4 ? ` ${"very ".repeat(12)}loud` : " was loud",
  right: i % 2,
}));

let tasks: EvaluationTask[] = [];
beforeAll(async () => {
  await place.write("rows.jsonl", ROWS);
  const file = join(place.path, "own.yaml");
  const context = "{text}";
  tasks = [
    customEvaluation(
      {
        ...{ type: "multiple_choice", name: "choice", data: "rows.jsonl", context, delimiter: "" },
        ...{ choices: ["{a}", "{b}"], answer: "right" },
      },
      file,
    ),
    customEvaluation({ type: "cloze", name: "cloze", data: "rows.jsonl", context, target: "{a}" }, file),
    customEvaluation(
      { type: "generate", name: "written", data: "rows.jsonl", context, target: "{a}", maxNewTokens: 5 },
      file,
    ),
    customEvaluation({ type: "rolling", name: "texts", data: "rows.jsonl", text: "{text}{b}" }, file),
  ];
});

let folders = 0;
function input(changes: Partial<EvaluateTasksInput> = {}): EvaluateTasksInput {
  const folder = join(place.path, `results-${++folders}`);
  return { model, name: "tiny", modelFingerprint: "m", tokenizer: byteTokenizer(), tasks, folder, ...changes };
}

/** Name and content of all files. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const)),
  );
}

test("all kinds of tasks; what is written is what is read back", async () => {
  const given = input();
  const result = await evaluateTasks(given, quietContext());
  expect(result.tasks.map(({ task, items, of, main, cut }) => [task, items, of, main, cut])).toEqual([
    // Row 4 has a choice that is longer than the context.
    ["choice", 6, 7, "acc_norm", 0],
    ["cloze", 7, 7, "acc", 0],
    ["written", 7, 7, "exact_match", 0],
    ["texts", 7, 7, "bits_per_byte", 0],
  ]);
  expect(result.skipped[0]).toEqual({ task: "choice", docIds: [4] });
  const { skipped, ...tasksOnly } = result;
  expect(await readModelTasks(given.folder)).toEqual(tasksOnly);
  const written = JSON.parse((await contentOf(given.folder))[RESULTS_NAME]!);
  expect(written.config.limit).toBeNull();
  expect(written["n-samples"].choice).toEqual({ original: 7, effective: 6 });
  expect(Object.keys(written.results.texts)).toContain("word_perplexity_stderr,none");
  expect(written.results.written["exact_match,strip"]).toBe(0);
  expect(JSON.stringify(written)).not.toContain(place.path);
});

test("a stopped evaluation goes on behind the last call it kept and ends with the same bytes", async () => {
  await place.write(
    "many.jsonl",
    Array.from({ length: 3 }, () => ROWS)
      .flat()
      .concat(Array.from({ length: 30 }, () => ROWS[0]!)),
  );
  const own = (definition: object) => customEvaluation(definition as CustomEvaluation, join(place.path, "own.yaml"));
  // 51 texts: two calls.
  const many = [...tasks, own({ type: "rolling", name: "many", data: "many.jsonl", text: "{text}" })];
  const whole = input({ tasks: many });
  await evaluateTasks(whole, quietContext());
  const wanted = await contentOf(whole.folder);
  // Stops within the task of each of these questions: 6 + 7 + 7 + 7 + 51 in all.
  for (const at of [3, 8, 15, 22, 30, 59]) {
    const part = input({ tasks: many });
    const stop = new AbortController();
    const stopping: StageContext = {
      ...quietContext(),
      signal: stop.signal,
      report: (event) => event.type === "progress" && event.done >= at && stop.abort(),
    };
    await expect(evaluateTasks(part, stopping)).rejects.toMatchObject({ name: "Interrupted" });
    expect(await readdir(part.folder)).not.toContain(RESULTS_NAME);
    if (at === 59) {
      const kept = join(part.folder, "unfinished", "many.jsonl");
      expect((await readFile(kept, "utf8")).trim().split("\n")).toHaveLength(33);
      // A call that was not kept whole, its last line torn.
      await appendFile(kept, `${(await readFile(kept, "utf8")).split("\n")[1]}\n{"doc`);
    }
    // What a kill leaves half written is in nobody's way.
    await writeFile(join(part.folder, `.${RESULTS_NAME}.part`), "{");
    let first: number | undefined;
    await evaluateTasks(part, {
      ...quietContext(),
      report: (event) => {
        if (event.type === "progress" && event.done > 27) first ??= event.done;
      },
    });
    if (at === 59) expect(first).toBeGreaterThanOrEqual(27 + 32);
    expect(await contentOf(part.folder)).toEqual(wanted);
  }
});

test("a finished folder keeps its tasks: they are asked again or added to; other settings are refused by name", async () => {
  const first = input({ tasks: tasks.slice(0, 1) });
  await evaluateTasks(first, quietContext());
  const before = await contentOf(first.folder);
  const added = await evaluateTasks({ ...first, tasks: tasks.slice(1, 2) }, quietContext());
  expect(added.tasks.map(({ task }) => task)).toEqual(["cloze"]);
  const after = await contentOf(first.folder);
  const samples = Object.keys(before).find((name) => name.startsWith("samples_choice"))!;
  expect(after[samples]).toBe(before[samples]);
  const together = input({ tasks: tasks.slice(0, 2) });
  await evaluateTasks(together, quietContext());
  expect(after[RESULTS_NAME]).toBe((await contentOf(together.folder))[RESULTS_NAME]);
  for (const asked of [tasks.slice(0, 1), tasks.slice(1, 2), [tasks[1]!, tasks[0]!]]) {
    const again = await evaluateTasks({ ...first, tasks: asked }, quietContext());
    expect(again.tasks.map(({ task }) => task)).toEqual(asked.map(({ name }) => name));
  }
  expect(await contentOf(first.folder)).toEqual(after);

  for (const [changes, found, expected] of [
    [{ limit: 3 }, "limit: none", "limit: 3"],
    [{ modelFingerprint: "other" }, "model: m", "model: other"],
    [{ tasks: tasks.slice(2, 3), limit: 3 }, "limit: none", "limit: 3"],
    [
      { tasks: tasks.slice(0, 1), fewshotSeed: 5 },
      "seed of the worked examples: 1234",
      "seed of the worked examples: 5",
    ],
  ] as const)
    await expect(evaluateTasks({ ...first, ...changes }, quietContext())).rejects.toMatchObject({
      code: "HC1053",
      fault: { found, expected },
    });
  expect(await contentOf(first.folder)).toEqual(after);

  await writeFile(join(first.folder, samples), "{}\n");
  await expect(readModelTasks(first.folder)).rejects.toMatchObject({ code: "HC3534" });
  await evaluateTasks(first, quietContext());
  expect((await contentOf(first.folder))[samples]).toBe(before[samples]);
  expect((await readModelTasks(first.folder)).tasks.map(({ task }) => task)).toEqual(["choice", "cloze"]);
});

test("what a stopped call finished is kept for another call of equal settings", async () => {
  const part = input();
  const stop = new AbortController();
  const report: StageContext["report"] = (event) => event.type === "progress" && event.done >= 8 && stop.abort();
  await expect(evaluateTasks(part, { ...quietContext(), signal: stop.signal, report })).rejects.toThrow();
  await evaluateTasks({ ...part, tasks: tasks.slice(3) }, quietContext());
  expect((await readdir(part.folder)).filter((name) => name.startsWith("samples_choice"))).toHaveLength(1);
});

test("a file of another size than the published task is marked, not refused", async () => {
  const data = await place.write("piqa.jsonl", [{ goal: "Open it.", sol1: "Pull", sol2: "Push", label: 0 }]);
  const given = input({ tasks: [taskNamed("piqa")], data });
  const warnings: string[] = [];
  const report: StageContext["report"] = (event) => event.type === "warning" && warnings.push(event.message);
  const result = await evaluateTasks(given, { ...quietContext(), report });
  expect(warnings).toEqual([expect.stringContaining("piqa: 1 questions in the file, 1838 published")]);
  expect(result.tasks).toMatchObject([{ of: 1, published: 1838 }]);
  expect(await readModelTasks(given.folder)).toMatchObject({ tasks: [{ of: 1, published: 1838 }] });
  const written = JSON.parse((await contentOf(given.folder))[RESULTS_NAME]!);
  expect(written.heartcut.tasks.piqa).toMatchObject({ published: 1838, otherSize: expect.any(String) });
  expect(resultsText(result)).toMatch(/another size.*piqa: 1 questions in the file, 1838 published/);
  const several = { ...given, tasks: [taskNamed("piqa"), taskNamed("winogrande")] };
  await expect(evaluateTasks(several, quietContext())).rejects.toMatchObject({ code: "HC3539" });
  expect(modelsTable([result, { ...result, model: "other" }])).toMatch(
    /\|Tasks\|Metric +\| +\| +tiny\| +other\|\n.*\n\|piqa/,
  );
});

test("a part of a task is marked wherever it is shown", async () => {
  const given = input({ tasks: tasks.slice(1, 3), limit: 2 });
  const result = await evaluateTasks(given, quietContext());
  const written = JSON.parse((await contentOf(given.folder))[RESULTS_NAME]!);
  expect(written.config).toMatchObject({ limit: 2, limited: "a limited run: not a result of the task" });
  expect(written.heartcut.tasks.cloze).toMatchObject({ limited: "a limited run: not a result of the task" });
  expect(result.tasks).toMatchObject([
    { items: 2, of: 7 },
    { items: 2, of: 7 },
  ]);
  const lines = resultsText(result).split("\n");
  expect(lines[1]).toMatch(/^\|Tasks +\|Version\|n-shot\|Metric +\| {3}\| +Value\| {3}\| +Stderr\|$/);
  expect(lines.filter((line) => line.startsWith("|")).map((line) => line.length)).toEqual(
    Array(5).fill(lines[1]!.length),
  );
  expect(lines.at(-1)).toBe(
    "a limited run: not a result of the task (cloze: 2 of 7 questions, written: 2 of 7 questions)",
  );
  expect(averageOf(result.tasks)).toMatchObject({ tasks: ["cloze", "written"] });
});

test("no task, and a task named twice", async () => {
  for (const names of [[], [tasks[0]!, tasks[0]!]])
    await expect(evaluateTasks(input({ tasks: names }), quietContext())).rejects.toMatchObject({ code: "HC3537" });
});
