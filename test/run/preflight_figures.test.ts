import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { add, matmul, reshape, scale } from "../../src/graph/ops/index.ts";
import { input } from "../../src/graph/value.ts";
import { describeCausalModel, forwardFlopsPerToken } from "../../src/models/architecture.ts";
import { lossGraph } from "../../src/models/causal_graphs.ts";
import { inspectModels } from "../../src/run/check_models.ts";
import { Amounts } from "../../src/run/preflight/amounts.ts";
import { computeFindings, computeOf } from "../../src/run/preflight/compute.ts";
import type { Corpus } from "../../src/run/preflight/corpus.ts";
import { sampleFile } from "../../src/run/preflight/corpus_sample.ts";
import { diskFindings, diskUse } from "../../src/run/preflight/disk.ts";
import { peakActivations } from "../../src/run/preflight/graph_memory.ts";
import { memoryFindings, memoryOf } from "../../src/run/preflight/memory_stages.ts";
import { parseRecipe } from "../../src/run/recipe.ts";
import { DataPlan } from "../../src/train/plan.ts";

const model = (size: number) =>
  `{ model_type: llama, hidden_size: ${size}, intermediate_size: ${2 * size}, num_hidden_layers: 2, num_attention_heads: 2, max_position_embeddings: 64 }`;
const recipe = parseRecipe(
  "r.yaml",
  `
name: figures
device: cpu
corpus: { path: text.jsonl }
tokenizer: { train: { vocabSize: 300 } }
pack: { length: 32 }
teacher: { train: { model: ${model(32)}, tokens: 10_000 } }
reference: { train: { model: ${model(8)}, steps: 5 } }
select: { half: { method: difference, ratio: 0.5 }, chance: { method: random, ratio: 0.5 } }
generate: { written: { count: 40 } }
student: { train: { model: ${model(16)}, flopsOf: plain, batch: { instances: 8 } } }
students:
  - { name: plain, selection: chance, seeds: [1, 2], train: { tokens: 20_000 } }
  - { name: ranked, selection: half }
  - { name: beside, selection: chance, distill: { weight: 0.5 } }
  - { name: stored, selection: chance, distill: { from: store, topK: 8 } }
  - { name: copy, selection: written }
  - { name: again, selection: half, baseline: plain, train: { epochs: 4 } }
evaluate: { baseline: plain }
`,
);
const pool = { instances: 1000, tokens: 31_000, positions: 30_000 };
const corpus: Corpus = {
  files: 1,
  fileBytes: 1e5,
  textBytes: 1e5,
  whole: true,
  sampleBytes: 1e5,
  tokensPerByte: new Map([[undefined, 0.3]]),
  pool,
  training: {},
};

describe("FLOPs", () => {
  it("are those of the trainings themselves, and shared work is divided among those that need it", async () => {
    const { models } = await inspectModels(recipe);
    const compute = computeOf(recipe, models, new Amounts(recipe, corpus));
    const of = (name: string) => compute.students.find((student) => student.name === name)!;
    const forward = (name: string) => forwardFlopsPerToken(models.get(name)!, 32);

    // As the trainer plans its steps, over instances of 30 positions each.
    const sizes = { length: 500, size: () => 31 };
    const planned = (length: object, perPosition?: number) => new DataPlan(sizes, 8, 1, length, perPosition).totalSteps;
    expect(of("plain").flopsPerPosition).toBe(3 * forward("plain"));
    expect(of("plain").steps).toBe(planned({ tokens: 20_000 }));
    expect(of("again").steps).toBe(planned({ epochs: 4 }));
    const beside = 3 * forward("beside") + forward("teacher");
    expect(of("beside").flopsPerPosition).toBe(beside);
    expect(of("beside").besideShare).toBeCloseTo(forward("teacher") / beside, 12);
    expect(of("beside").steps).toBe(planned({ flops: of("plain").flops! }, beside));
    for (const name of ["ranked", "beside", "stored", "copy"]) expect(of(name).equalSteps).toBe(of(name).steps);

    const shared = new Map(compute.shared.map((work) => [work.stage, work]));
    expect(shared.get("score/teacher")).toMatchObject({
      flops: 31_000 * forward("teacher"),
      students: ["ranked", "again"],
    });
    expect(shared.get("capture/chance-top8")).toMatchObject({
      flops: 15_000 * forward("teacher"),
      students: ["stored"],
    });
    expect(shared.get("generate/written")).toMatchObject({ flops: 40 * 33 * forward("teacher"), students: ["copy"] });
    expect(shared.get("models/teacher")!.students).toEqual(["ranked", "beside", "stored", "copy", "again"]);
    // Everything that is needed by someone is divided without rest.
    const parts = compute.students.reduce((sum, { sharedFlops, trainings }) => sum + sharedFlops! * trainings, 0);
    const all = compute.shared.reduce((sum, { flops }) => sum + flops!, 0);
    expect(parts / all).toBeCloseTo(1, 12);

    const [unequal] = computeFindings(recipe, compute).filter(({ level }) => level === "warning");
    expect(unequal).toMatchObject({ code: "HC4331", where: "students (again): train" });
  });

  it("are known after packing where nothing is known of the corpus", async () => {
    const { models } = await inspectModels(recipe);
    const { shared, students } = computeOf(recipe, models, new Amounts(recipe, undefined));
    expect(shared.find(({ stage }) => stage === "score/teacher")!.flops).toBeNull();
    expect(students.find(({ name }) => name === "again")!.steps).toBeNull();
    expect(students.find(({ name }) => name === "plain")!.steps).not.toBeNull();
  });
});

describe("memory", () => {
  it("counts values from the op that makes them to the last that reads them", () => {
    const x = input("x", "float32", [10, 10]);
    const a = matmul(x, x);
    const b = scale(a, 2);
    const c = scale(b, 3);
    // a is gone when c is made; the result is not counted; a reshape shares memory.
    expect(peakActivations({ y: scale(reshape(c, [100]), 4) })).toBe(800);
    expect(peakActivations({ y: add(c, a) })).toBe(1200);
    expect(peakActivations({ y: a })).toBe(0);
  });

  it("grows with rows", () => {
    const config = {
      model_type: "llama",
      vocab_size: 64,
      hidden_size: 16,
      intermediate_size: 32,
      num_hidden_layers: 4,
      num_attention_heads: 2,
      max_position_embeddings: 64,
    };
    const d = describeCausalModel(config, "model");
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 2, max: 48 }), (B, T) => {
        const one = peakActivations(lossGraph(d, { B, T }));
        expect(peakActivations(lossGraph(d, { B: B + 1, T }))).toBeGreaterThan(one);
      }),
      { numRuns: 15 },
    );
  });

  it("is estimated for each stage with a model, and warned of above four fifths of the machine's", async () => {
    const { models } = await inspectModels(recipe);
    const { stages, faults } = memoryOf(recipe, models);
    expect(faults).toEqual([]);
    expect(stages.map(({ stage }) => stage)).toEqual([
      "models/teacher",
      "score/teacher",
      "models/reference",
      "score/reference",
      "generate/written",
      "capture/chance-top8",
      ...["plain", "ranked", "beside", "stored", "copy", "again"].map((name) => `students/${name}`),
    ]);
    const bytes = (name: string) => stages.find(({ stage }) => stage === name)!.bytes;
    expect(bytes("students/beside")).toBeGreaterThan(bytes("students/stored"));
    const largest = Math.max(...stages.map((stage) => stage.bytes));
    expect(memoryFindings(recipe, stages, largest * 1.3).map(({ level }) => level)).toEqual(["ok"]);
    const [first] = memoryFindings(recipe, stages, largest);
    expect(first).toMatchObject({ level: "warning", code: "HC4340" });
  });
});

describe("a sample of a file", () => {
  it("is scaled up by what its rows take of the file, packed or not", async () => {
    const folder = await mkdtemp(join(tmpdir(), "heartcut-sample-"));
    try {
      // Texts no two of which are alike, so that every part of the file packs as well as the others.
      const texts = Array.from(
        { length: 4000 },
        (_, i) => `${i * 7919} of ${i ** 3 % 104729}: ${(i * 2654435761) % 4294967296}`,
      );
      const lines = texts.map((text, i) => JSON.stringify({ id: i, text, label: "x".repeat(20) }));
      const bytes = texts.reduce((sum, { length }) => sum + length, 0);
      await writeFile(join(folder, "a.jsonl"), `${lines.join("\n")}\n`);
      await writeFile(join(folder, "a.jsonl.gz"), gzipSync(`${lines.join("\n")}\n`));
      for (const name of ["a.jsonl", "a.jsonl.gz"]) {
        const path = join(folder, name);
        const file = { path, name, format: "jsonl" } as const;
        const { size } = await stat(path);
        const part = await sampleFile({ path }, file, size, bytes / 4);
        expect(part.whole).toBe(false);
        expect(part.documents.length).toBeLessThan(1200);
        expect(part.textBytes / bytes).toBeGreaterThan(0.95);
        expect(part.textBytes / bytes).toBeLessThan(1.05);
        expect(await sampleFile({ path }, file, size, 2 * bytes)).toMatchObject({ whole: true, textBytes: bytes });
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("disk", () => {
  it("adds up what is written, and refuses what does not fit", async () => {
    const { models } = await inspectModels(recipe);
    const amounts = new Amounts(recipe, corpus);
    const uses = diskUse(recipe, models, amounts, computeOf(recipe, models, amounts));
    const bytes = (kind: string) => uses.find((use) => use.kind === kind)!.bytes!;
    const count = (name: string) => models.get(name)!.parameterCount;
    expect(bytes("models")).toBe(4 * (count("teacher") + count("reference") + 7 * count("plain")));
    // Two bytes a token below 65,500 ids: pool, held-out set, two halves, the teacher's texts.
    expect(bytes("instances")).toBeGreaterThan(2 * (31_000 + 2 * 15_500 + 40 * 33));
    const folder = join(tmpdir(), "heartcut-not-there", "run");
    expect((await diskFindings(uses, folder)).findings.map(({ level }) => level)).toEqual(["ok"]);
    const { findings } = await diskFindings([{ kind: "models", bytes: 1e18 }], folder);
    expect(findings).toMatchObject([{ level: "error", code: "HC4341" }]);
  });
});
