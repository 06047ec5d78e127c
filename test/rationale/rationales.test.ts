import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { AttributionRow, AttributionSummary } from "../../src/attribute/record.ts";
import { Interrupted } from "../../src/errors.ts";
import { publishJsonl } from "../../src/formats/jsonl.ts";
import { openManifest } from "../../src/formats/manifest.ts";
import { publishJson } from "../../src/formats/publish.ts";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { readRationales } from "../../src/rationale/files.ts";
import { makeRationales, type RationalesInput } from "../../src/rationale/rationales.ts";
import { SPLITS, type Span, type Split, type TaskExample, type TaskSummary } from "../../src/tasks/record.ts";
import { attributed, multipleChoice } from "./examples.ts";

const COUNTS: Record<Split, number> = { train: 12, validation: 4, test: 1 };

function example(split: Split, i: number): TaskExample {
  const made = multipleChoice(
    `${split}-${i}`,
    `Where does animal${i} of ${split} sleep?`,
    [`zoo ${i}`, "a desk"],
    `zoo ${i}`,
  );
  if (split === "test") return made;
  const answer = i % 3 === 0 ? "a desk" : made.target;
  const llm = { text: i === 5 ? "  " : `Animals sleep in zoo ${i}.`, answer };
  // Example 2 has neither a language model's nor a human rationale, examples 0 and 1 are marked, back to front.
  if (i === 2) return made;
  const marked: Span[] = [
    [11, 18],
    [0, 5],
  ];
  return { ...made, rationales: { llm, human: i < 2 ? { spans: marked } : { text: " because " } } };
}

const scored = (item: TaskExample, i: number): AttributionRow => ({
  ...attributed(item, [1, 2, 9, 3, 4, 5]),
  correct: i % 4 !== 0,
});

async function prepared(change: (rows: AttributionRow[], split: Split) => AttributionRow[] = (rows) => rows) {
  const folder = await mkdtemp(join(tmpdir(), "heartcut-rationale-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const task = join(folder, "task");
  const attributions = join(folder, "attributions");
  const manifest = await openManifest(attributions);
  const splits: Record<string, TaskSummary["splits"]["train"]> = {};
  const attributedSplits: AttributionSummary["splits"] = {};
  for (const split of SPLITS) {
    const examples = Array.from({ length: COUNTS[split] }, (_, i) => example(split, i));
    const { sha256 } = await publishJsonl(join(task, `${split}.jsonl`), examples);
    splits[split] = { examples: examples.length, rationales: { llm: 0, humanText: 0, humanSpans: 0 }, sha256 };
    const rows = change(examples.map(scored), split);
    const published = await publishJsonl(join(attributions, `${split}.jsonl`), rows);
    await manifest.commit({ name: `${split}.jsonl`, ...published, fingerprint: "" });
    attributedSplits[split] = { examples: rows.length, tokens: 1, truncatedExamples: 0, sha256: published.sha256 };
  }
  await publishJson(join(task, "task.json"), {
    task: "animals",
    metric: "exact_match",
    fingerprint: "",
    settings: {},
    splits: splits as TaskSummary["splits"],
    answerInInput: 1,
    sharedInputs: { trainValidation: 0, trainTest: 0, validationTest: 0 },
  } satisfies TaskSummary);
  const summary: AttributionSummary = { method: "gradient", settings: {}, model: "teacher", splits: attributedSplits };
  const published = await publishJson(join(attributions, "attribution.json"), summary);
  await manifest.commit({ name: "attribution.json", ...published, fingerprint: "" });
  const events: ProgressEvent[] = [];
  const make = (input: Partial<RationalesInput>) => {
    const source = input.source ?? "saliency";
    const needs = source !== "llm" && source !== "human";
    return makeRationales(
      {
        source,
        task,
        ...(needs ? { attributions } : {}),
        splits: ["train", "validation"],
        seed: 1,
        folder: join(folder, source),
        ...input,
      },
      { ...quietContext("rationales"), report: (event) => events.push(event) },
    );
  };
  const read = async (source: string, split: Split) => [
    ...(await readRationales(join(folder, source), split)).values(),
  ];
  return { folder, events, make, read };
}

describe("makeRationales", () => {
  test("saliency: a line for each example, and a summary of how they were made", async () => {
    const { folder, make, read } = await prepared();
    const summary = await make({ options: { k: 3 } });
    expect(summary.settings).toEqual({
      k: 3,
      unit: "word",
      merge: "max",
      deduplicate: true,
      stopWords: false,
      scaffolding: true,
      punctuation: true,
      order: "input",
      keepWrong: true,
      separator: " ",
    });
    const { sha256, ...train } = summary.splits.train!;
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(train).toEqual({ examples: 12, rationales: 12, dropped: {}, unitsPerRationale: 3, textEqualsUnits: 1 });
    const rows = await read("saliency", "train");
    expect(rows).toHaveLength(12);
    expect(rows[7]).toEqual({
      id: "train-7",
      text: "animal7 train sleep",
      units: [
        { text: "animal7", span: [11, 18], score: 9 },
        { text: "train", span: [22, 27], score: 4 },
        { text: "sleep", span: [28, 33], score: 5 },
      ],
    });
    const bytes = await readFile(join(folder, "saliency/train.jsonl"));
    await make({ options: { k: 3 } });
    expect(await readFile(join(folder, "saliency/train.jsonl"))).toEqual(bytes);
  });

  test("examples without a rationale are counted by reason and not written", async () => {
    const { make, read } = await prepared();
    const judge = (item: TaskExample, answer: string) => ({ correct: answer === item.target });
    const llm = await make({ source: "llm", options: { keepWrong: false }, judge });
    expect(llm.settings).toEqual({ keepWrong: false });
    expect(llm.splits.train).toMatchObject({
      rationales: 6,
      dropped: { teacher_wrong: 4, missing: 1, empty: 1 },
      textEqualsUnits: 0,
    });
    expect((await read("llm", "train"))[0]).toEqual({ id: "train-1", text: "Animals sleep in zoo 1.", units: [] });
    const right = await make({ options: { keepWrong: false } });
    expect(right.splits.train).toMatchObject({ rationales: 9, dropped: { teacher_wrong: 3 } });
    expect((await read("saliency", "train")).map((row) => row.id)).not.toContain("train-4");
  });

  test("human: marked stretches in input order, else text", async () => {
    const { make, read } = await prepared();
    const { settings, splits } = await make({ source: "human", options: { separator: " … " } });
    expect(settings).toEqual({ separator: " … " });
    expect(splits.train).toMatchObject({ rationales: 11, dropped: { missing: 1 } });
    const rows = await read("human", "train");
    expect(rows[0]).toEqual({
      id: "train-0",
      text: "Where … animal0",
      units: [
        { text: "Where", span: [0, 5], score: 1 },
        { text: "animal0", span: [11, 18], score: 1 },
      ],
    });
    expect(rows[2]).toEqual({ id: "train-3", text: "because", units: [] });
  });

  test("shuffled: everyone has another one's, each once, by seed", async () => {
    const { make, read } = await prepared();
    await make({});
    const own = await read("saliency", "train");
    const summary = await make({ source: "shuffled" });
    expect(summary.settings).toMatchObject({ k: 5, seed: 1 });
    const exchanged = await read("shuffled", "train");
    expect(exchanged.map((row) => row.id)).toEqual(own.map((row) => row.id));
    expect(exchanged.map((row) => row.text).sort()).toEqual(own.map((row) => row.text).sort());
    for (const [i, row] of exchanged.entries()) expect(row.text).not.toBe(own[i]!.text);
    await make({ source: "shuffled", seed: 2 });
    expect(await read("shuffled", "train")).not.toEqual(exchanged);
    await expect(make({ source: "shuffled", splits: ["test"] })).rejects.toThrow(/HC6206[\s\S]*test: 1 missing/);
  });

  test("a split without any is told, a record without any is an error", async () => {
    const { events, make, read } = await prepared();
    const { splits } = await make({ source: "human", splits: SPLITS });
    expect(splits.test).toMatchObject({ examples: 1, rationales: 0, dropped: { missing: 1 } });
    expect(await read("human", "test")).toEqual([]);
    expect(events.filter((event) => event.type === "warning")).toHaveLength(1);
    await expect(make({ source: "human", splits: ["test"] })).rejects.toThrow(/HC6206[\s\S]*1 missing/);
  });

  test("other ids than the task's are named", async () => {
    const renamed = await prepared((rows) => rows.map((row, i) => (i === 1 ? { ...row, id: "stranger" } : row)));
    await expect(renamed.make({})).rejects.toThrow(
      /HC6203[\s\S]*1 ids the task does not have: stranger[\s\S]*1 examples without attributions: train-1/,
    );
  });

  test("what a source needs, and nothing it does not", async () => {
    const { folder, make } = await prepared();
    await expect(make({ attributions: undefined })).rejects.toThrow(/HC6202[\s\S]*no attributions/);
    await expect(make({ source: "human", attributions: folder })).rejects.toThrow(/HC6202[\s\S]*leave out/);
    await expect(make({ source: "llm", options: { keepWrong: false } })).rejects.toThrow(/HC6202[\s\S]*judge/);
  });

  test("stops when asked to, before anything is written", async () => {
    const { folder } = await prepared();
    const context = { ...quietContext(), signal: AbortSignal.abort() };
    const input = { task: join(folder, "task"), splits: ["train"] as const, seed: 1, folder: join(folder, "none") };
    await expect(makeRationales({ ...input, source: "human" }, context)).rejects.toThrow(Interrupted);
    await expect(readRationales(join(folder, "none"), "train")).rejects.toThrow(/HC6207[\s\S]*no such file/);
  });
});

describe("readRationales", () => {
  test("refuses another split, a torn file and a file of an interrupted call", async () => {
    const { folder, make, read } = await prepared();
    await make({});
    await expect(read("saliency", "test")).rejects.toThrow(/HC6208[\s\S]*train, validation/);
    const path = join(folder, "saliency/train.jsonl");
    const text = await readFile(path, "utf8");
    await writeFile(path, text.slice(0, -20));
    await expect(read("saliency", "train")).rejects.toThrow(/HC6207[\s\S]*differs from rationales\.json/);
    await rm(path);
    await expect(read("saliency", "train")).rejects.toThrow(/HC6207/);
    await writeFile(join(folder, "saliency/rationales.json"), `{"source":"guess"}`);
    await expect(read("saliency", "train")).rejects.toThrow(/HC6207[\s\S]*source[\s\S]*one of: saliency/);
  });
});
