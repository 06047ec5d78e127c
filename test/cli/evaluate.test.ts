import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EvaluateOptions, execute } from "../../src/cli/commands/evaluate.ts";
import { readModelTasks } from "../../src/evaluate/tasks/results_files.ts";
import { quietContext } from "../../src/progress.ts";

const shared = resolve(import.meta.dirname, "../../../shared");
const model = join(shared, "data/weights/stories260k-hf");
const data = join(shared, "data/zero_shot_eval");

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-evaluate-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const evaluate = (options: Partial<EvaluateOptions>) => execute({ models: [], ...options }, quietContext());

describe("options", () => {
  it("lists the tasks with their data", async () => {
    const { text } = await evaluate({ tasks: "list" });
    expect(text).toMatch(
      /^hellaswag {2}.*\n {2}metrics {2}acc, acc_norm; by chance 1\/4\n {2}data {5}.*Rowan\/hellaswag, 10,042 questions; worked examples: train\n {2}files/,
    );
    expect(text.match(/^\S/gm)).toHaveLength(10);
    expect(text).toMatch(/^each file as \.jsonl, /m);
  });

  it.each<[string, Partial<EvaluateOptions>]>([
    ["HC4216", { models: ["m"], out: "o" }],
    ["HC4216", { models: ["m"], out: "o", instances: "i", tasks: "piqa" }],
    ["HC4216", { models: ["m"], out: "o", instances: "i", taskFile: ["own.yaml"] }],
    ["HC4217", { tasks: "piqa", out: "o" }],
    ["HC4217", { tasks: "piqa", models: ["m"] }],
    ["HC4211", { tasks: "piqa", models: ["m"], out: "o", seed: 1 }],
    ["HC4211", { instances: "i", models: ["m"], out: "o", limit: 3 }],
    ["HC4211", { tasks: "list", out: "o" }],
    ["HC4211", { tasks: "list", models: ["m"] }],
    ["HC4204", { tasks: "piqa", models: ["a/m", "b/m"], out: "o" }],
    ["HC3501", { tasks: "piqa,piqq", models: ["m"], out: "o" }],
  ])("%s: %j", async (code, options) => {
    await expect(evaluate(options)).rejects.toMatchObject({ code });
  });
});

describe.skipIf(!existsSync(model))("on real data (skipped: no shared fixtures)", () => {
  it("evaluates a model on tasks, its own included", async () => {
    const own = join(folder, "own.yaml");
    await writeFile(join(folder, "texts.jsonl"), '{"text":"Once upon a time."}\n{"text":"The end."}\n');
    await writeFile(own, 'name: stories\ntype: rolling\ndata: texts.jsonl\ntext: "{text}"\n');
    const out = join(folder, "results");
    const options = { models: [model], tasks: "winogrande", taskFile: [own], out, limit: 4 };
    await expect(evaluate(options)).rejects.toMatchObject({ code: "HC3502" });
    // The folder of data is for the known tasks; one's own names its file.
    const { text, data: found } = await evaluate({ ...options, data });
    expect(text).toMatch(/\|winogrande\|[\s\S]*\|stories +\|.*\|bits_per_byte +\|↓/);
    expect(text).toContain("a limited run");
    const read = await readModelTasks(join(out, "stories260k-hf"));
    expect(found).toMatchObject({ models: [{ model: "stories260k-hf", tasks: read.tasks, average: { value: 0.5 } }] });
    expect(read.tasks[1]).toMatchObject({ task: "stories", items: 2, of: 2, main: "bits_per_byte" });
  });

  it("says what is missing", async () => {
    const t5 = join(shared, "fixtures/models/t5");
    const options = { tasks: "piqa", data, out: join(folder, "t5") };
    await expect(evaluate({ ...options, models: [t5] })).rejects.toMatchObject({ code: "HC2001" });
    const given = evaluate({ ...options, models: [t5], tokenizer: model });
    await expect(given).rejects.toMatchObject({ code: "HC1102" });
  });
});
