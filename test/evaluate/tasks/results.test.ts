import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readModelTasks } from "../../../src/evaluate/tasks/results_files.ts";
import { folderName } from "../../../src/evaluate/tasks/results_layout.ts";
import { sampleLine } from "../../../src/evaluate/tasks/sample_files.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-results-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const [EARLY, LATE] = ["2026-01-02T03-04-05.678901", "2026-02-02T03-04-05.678901"];

/** A sample in the harness's form, right (1) or wrong (0) by both metrics. */
function sample(docId: number, right: number, choices = 4): Record<string, unknown> {
  const line = sampleLine(
    {
      ...{ docId, doc: { q: "Why?" }, target: 1, values: { acc: right, acc_norm: right } },
      arguments: Array.from({ length: choices }, (_, i) => ["Why?", ` ${i}`]),
      responses: Array.from({ length: choices }, (_, i) => [`-${i + 1}.5`, "False"]),
    },
    "none",
  );
  return line;
}

/** A folder as lm_eval --log_samples leaves it, with one task. */
async function harness(date: string, samples: object[], changes: object = {}): Promise<void> {
  const mean = 0.5;
  const results = {
    results: { sums: { alias: "sums", "acc,none": mean, "acc_stderr,none": "N/A", "acc_norm,none": mean } },
    versions: { sums: 1.0 },
    "n-shot": { sums: 0 },
    higher_is_better: { sums: { acc: true, acc_norm: true } },
    "n-samples": { sums: { original: 9, effective: samples.length } },
    model_name: "org/model",
    pretty_env_info: "much text",
    ...changes,
  };
  await writeFile(join(folder, `results_${date}.json`), JSON.stringify(results));
  await writeFile(
    join(folder, `samples_sums_${date}.jsonl`),
    samples.map((line) => `${JSON.stringify(line)}\n`).join(""),
  );
}

test("a sample is written as the harness writes it", () => {
  expect(sample(3, 1, 2)).toEqual({
    doc_id: 3,
    doc: { q: "Why?" },
    target: "1",
    arguments: { gen_args_0: { arg_0: "Why?", arg_1: " 0" }, gen_args_1: { arg_0: "Why?", arg_1: " 1" } },
    resps: [[["-1.5", "False"]], [["-2.5", "False"]]],
    filtered_resps: [
      ["-1.5", "False"],
      ["-2.5", "False"],
    ],
    filter: "none",
    metrics: ["acc", "acc_norm"],
    // sha256 of json.dumps(doc, indent=2), of the first context and of str(target), by Python.
    doc_hash: "0a9a97a4623a2b3c51460a137a32fb2b6f168071ba5cccdc6476578e319e9348",
    prompt_hash: "5d8a995a6fa7cf7c577cc9d49ca9e00d4aee4d0bcd5e2ad5caff27e2a8097276",
    target_hash: "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
    acc: 1,
    acc_norm: 1,
  });
});

test("the harness's own folder is read, its documents in order", async () => {
  await harness(EARLY, [sample(2, 0, 2), sample(0, 1, 4)]);
  expect(await readModelTasks(folder)).toEqual({
    model: "org/model",
    tasks: [
      {
        ...{ task: "sums", version: 1, fewshot: 0, items: 2, of: 9, cut: null, main: "acc_norm" },
        chance: (1 / 4 + 1 / 2) / 2,
        metrics: [
          { name: "acc", value: 0.5, stderr: null, higherIsBetter: true },
          { name: "acc_norm", value: 0.5, stderr: null, higherIsBetter: true },
        ],
        ...{ perItem: [1, 0], docIds: [0, 2] },
      },
    ],
  });
});

test("of several runs the newest counts", async () => {
  await harness(LATE, [sample(0, 1)]);
  await harness(EARLY, [sample(0, 0), sample(1, 0)]);
  expect((await readModelTasks(folder)).tasks).toMatchObject([{ items: 1, perItem: [1] }]);
});

test.each<[string, string, () => Promise<void>]>([
  ["HC3530", "another folder", () => mkdir(join(folder, "org__model"))],
  ["HC3531", "results of another shape", () => harness(EARLY, [sample(0, 1)], { "n-shot": { sums: "none" } })],
  [
    "HC3534",
    "fewer samples than results say",
    () => harness(EARLY, [sample(0, 1)], { "n-samples": { sums: { original: 9, effective: 2 } } }),
  ],
  ["HC3534", "a document twice", () => harness(EARLY, [sample(4, 1), sample(4, 1)])],
  ["HC3534", "a sample without the main metric", () => harness(EARLY, [{ ...sample(0, 1), metrics: ["acc"] }])],
  ["HC3533", "a line that is no sample", () => harness(EARLY, [{ ...sample(0, 1), doc_id: -1 }])],
  [
    "HC1052",
    "a torn line",
    async () => {
      await harness(EARLY, [sample(0, 1)]);
      await writeFile(join(folder, `samples_sums_${EARLY}.jsonl`), JSON.stringify(sample(0, 1)).slice(0, 60));
    },
  ],
  [
    "HC3532",
    "no samples",
    async () => {
      await harness(EARLY, [sample(0, 1)]);
      await rm(join(folder, `samples_sums_${EARLY}.jsonl`));
    },
  ],
  [
    "HC3535",
    "two filters",
    () => harness(EARLY, [sample(0, 1)], { results: { sums: { "acc,none": 1, "acc,strict": 1 } } }),
  ],
  [
    "HC1007",
    "a task whose name leads elsewhere",
    () =>
      harness(EARLY, [], {
        "n-samples": { "/../../x": { original: 1, effective: 0 } },
        results: { "/../../x": { "acc,none": 1 } },
        higher_is_better: { "/../../x": { acc: true } },
      }),
  ],
])("%s: %s", async (code, _, make) => {
  await make();
  await expect(readModelTasks(folder)).rejects.toMatchObject({ code });
});

test("names of folders are the harness's", () => {
  expect(folderName("hf://org/model")).toBe("hf__org__model");
});
