import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SelectionAnalysis } from "../../src/analyze/record.ts";
import type { ScalingEvaluation } from "../../src/evaluate/scaling/record.ts";
import { readTaskEvaluation } from "../../src/evaluate/task_comparison_files.ts";
import { taskNamed } from "../../src/evaluate/tasks/registry.ts";
import { readModelTasks } from "../../src/evaluate/tasks/results_files.ts";
import { readJsonFile } from "../../src/formats/json_file.ts";
import { readJsonl } from "../../src/formats/jsonl.ts";
import { loadModel } from "../../src/models/load.ts";
import { Random } from "../../src/random.ts";
import { parseRecipe } from "../../src/run/recipe.ts";
import { runRecipe } from "../../src/run/run.ts";
import { taskProbe } from "../../src/run/task_probe.ts";
import type { MetricsLine } from "../../src/train/record.ts";

const WORDS = "the a grey red old small cat dog bird sat ran slept on under near mat tree door and then".split(" ");

/** Sentences by chance: enough text for models that only have to run. */
function sentences(count: number, stream: string): string[] {
  const random = new Random(7, stream);
  const words = (n: number) => Array.from({ length: n }, () => WORDS[random.below(WORDS.length)]!).join(" ");
  return Array.from({ length: count }, () => `${words(12)}. ${words(9)}.`);
}

const model = (hidden: number) => ({
  model_type: "llama",
  hidden_size: hidden,
  intermediate_size: 2 * hidden,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
});

let folder = "";
const recipe = (extra: object = {}) =>
  parseRecipe(
    "r.yaml",
    JSON.stringify({
      name: "science",
      device: "cpu",
      corpus: { path: join(folder, "texts.jsonl"), source: "kind", heldOutShare: 0.2 },
      tokenizer: { train: { vocabSize: 300 } },
      pack: { length: 32 },
      teacher: { train: { model: model(16), steps: 4, batch: { instances: 8 } } },
      reference: { train: { model: model(8), steps: 4, batch: { instances: 8 } } },
      select: { difference: { method: "difference" }, random: { method: "random" } },
      student: { seeds: [1, 2], train: { model: model(8), steps: 12, batch: { instances: 8 } } },
      students: [
        { name: "difference", selection: "difference" },
        { name: "random", selection: "random" },
      ],
      evaluate: {
        every: 2,
        baseline: "random",
        tasks: { data: join(folder, "tasks"), names: ["piqa"], own: [join(folder, "own.yaml")], during: { items: 5 } },
        scaling: { resamples: 20 },
      },
      analyze: { draws: 20, embedder: "reference" },
      ...extra,
    }),
  );
const run = (out: string, extra?: object) =>
  runRecipe(
    recipe(extra),
    { folder: join(folder, out), heartcutVersion: "0", commands: { rerun: "again", elsewhere: "elsewhere" } },
    { report: () => {}, signal: new AbortController().signal },
  );

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-science-"));
  const rows = ["one", "two"].flatMap((kind) => sentences(150, kind).map((text) => JSON.stringify({ text, kind })));
  await writeFile(join(folder, "texts.jsonl"), rows.join("\n"));
  await mkdir(join(folder, "tasks"));
  const [goals, answers] = [sentences(12, "goals"), sentences(24, "answers")];
  const questions = goals.map((goal, i) =>
    JSON.stringify({ goal, sol1: answers[2 * i], sol2: answers[2 * i + 1], label: i % 2 }),
  );
  await writeFile(join(folder, "tasks/piqa_valid.jsonl"), questions.join("\n"));
  await writeFile(join(folder, "where.jsonl"), goals.map((text) => JSON.stringify({ text, right: "mat" })).join("\n"));
  await writeFile(
    join(folder, "own.yaml"),
    'type: cloze\nname: where\ndata: where.jsonl\ncontext: "{text} the cat sat on the"\ntarget: " {right}"\n',
  );
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a run that asks tasks, fits its curves and looks at its selections", () => {
  it("writes all of it, and the report reads it", { timeout: 240_000 }, async () => {
    await run("whole");
    const at = (path: string) => join(folder, "whole", path);
    const evaluation = await readTaskEvaluation(at("evaluate/tasks.json"));
    expect(evaluation.limited).toBe(false);
    expect(evaluation.scores.map(({ student, task, items }) => [student, task, items])).toEqual([
      ["difference", "piqa", 12],
      ["difference", "where", 12],
      ["random", "piqa", 12],
      ["random", "where", 12],
    ]);
    expect(evaluation.others.map(({ model }) => model)).toContain("reference");
    expect(evaluation.comparisons.every(({ a, b }) => a === "random" && b === "difference")).toBe(true);
    const scaling = (await readJsonFile(at("evaluate/scaling.json"), {
      wholeNumbers: "rounded",
    })) as unknown as ScalingEvaluation;
    expect(scaling.fits.length + scaling.skipped.length).toBe(2);
    const analysis = (await readJsonFile(at("analyze/difference/analysis.json"), {
      wholeNumbers: "rounded",
    })) as unknown as SelectionAnalysis;
    expect(analysis.diversity.map(({ measure }) => measure)).toContain("vendi_embedding");
    const page = await readFile(at("report.html"), "utf8");
    for (const shown of ["piqa", "where", "Scaling"]) expect(page).toContain(shown);
    const card = await readFile(at("students/difference-seed1/README.md"), "utf8");
    expect(card).toMatch(/piqa/);
  });

  it("asks a student on its way what it is asked at the end", { timeout: 120_000 }, async () => {
    const student = join(folder, "whole/students/random-seed2");
    const lines: MetricsLine[] = [];
    for await (const { value } of readJsonl<MetricsLine>(join(student, "metrics.jsonl"))) lines.push(value);
    const asked = lines.flatMap((line) => (line.type === "task" ? [line] : []));
    // At the beginning, every second step, and for each of the two tasks.
    expect(asked.map(({ step }) => step)).toEqual([0, 2, 4, 6, 8, 10, 12].flatMap((step) => [step, step]));
    const probe = taskProbe({
      tasks: [taskNamed("piqa")],
      data: join(folder, "tasks"),
      files: [],
      items: 5,
      fewshot: 0,
      tokenizer: student,
    });
    const finished = await loadModel(student, { device: "cpu" });
    const [point] = await probe.measure(finished, new AbortController().signal);
    await finished.dispose();
    const last = asked.findLast(({ task }) => task === "piqa")!;
    expect(point).toEqual({ task: "piqa", metric: last.metric, value: last.value, items: 5 });
    const { tasks } = await readModelTasks(join(folder, "whole/tasks/random-seed2"));
    const first = tasks.find(({ task }) => task === "piqa")!.perItem.slice(0, 5);
    expect(last.value).toBeCloseTo(first.reduce((sum, x) => sum + x, 0) / 5, 12);
  });

  it("trains the same weights with questions and without", { timeout: 240_000 }, async () => {
    await run("plain", { evaluate: { every: 2, baseline: "random" }, analyze: undefined });
    const weights = async (out: string) =>
      createHash("sha256")
        .update(await readFile(join(folder, out, "students/random-seed1/model.safetensors")))
        .digest("hex");
    expect(await weights("plain")).toBe(await weights("whole"));
  });

  it("stops before anything is done where a task's data are missing, and says where to get them", async () => {
    const missing = { evaluate: { tasks: { data: join(folder, "tasks"), names: ["hellaswag"] } } };
    await expect(run("missing", missing)).rejects.toMatchObject({ code: "HC3502" });
  });

  it("refuses tasks asked on the way that are not asked at all", async () => {
    const other = {
      evaluate: { tasks: { data: join(folder, "tasks"), names: ["piqa"], during: { names: ["winogrande"] } } },
    };
    await expect(run("other", other)).rejects.toMatchObject({ code: "HC4012" });
  });

  it("refuses to ask nothing, and an embedder that reads other tokens", () => {
    expect(() => recipe({ evaluate: { tasks: { data: "d", names: [] } } })).toThrow(/asks nothing/);
    const foreign = {
      tokenizers: { own: { train: { vocabSize: 280 } } },
      reference: { train: { model: model(8), steps: 4 }, tokenizer: "own" },
    };
    expect(() => recipe(foreign)).toThrow(/other tokens/);
  });
});
