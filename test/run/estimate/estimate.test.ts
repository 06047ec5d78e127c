import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { estimateText } from "../../../src/cli/estimate_text.ts";
import { describeCausalModel, forwardFlopsPerToken } from "../../../src/models/architecture.ts";
import { quietContext } from "../../../src/progress.ts";
import { parseAnyRecipe } from "../../../src/run/any_recipe.ts";
import { assumedBytesPerToken } from "../../../src/run/estimate/assumed_corpus.ts";
import { type Batches, measureRate, rateOf, WARM_UP } from "../../../src/run/estimate/calibrate.ts";
import { type EstimateOptions, estimateRecipe } from "../../../src/run/estimate/estimate.ts";
import { describedRate, readHardware } from "../../../src/run/estimate/hardware.ts";
import { Kinds, type Rate } from "../../../src/run/estimate/kinds.ts";
import { measuredSaving } from "../../../src/run/estimate/saving.ts";
import type { StageWork } from "../../../src/run/estimate/stage_work.ts";
import { stageSeconds } from "../../../src/run/estimate/times.ts";
import { measurementWarnings } from "../../../src/run/estimate/warnings.ts";

const root = await mkdtemp(join(tmpdir(), "heartcut-estimate-"));
afterAll(() => rm(root, { recursive: true, force: true }));
const fixed = resolve(import.meta.dirname, "../../../recipes/hardware");

const size = (hidden: number) =>
  `{ model_type: llama, hidden_size: ${hidden}, intermediate_size: ${2 * hidden}, num_hidden_layers: 1, num_attention_heads: 2, max_position_embeddings: 64 }`;
const TEXT = `
name: small
device: cpu
corpus: { demo: { megabytes: 1 } }
tokenizer: { train: { vocabSize: 300 } }
pack: { length: 16 }
teacher: { train: { model: ${size(16)}, tokens: 6400, batch: { instances: 4 } } }
reference: { train: { model: ${size(8)}, steps: 10, batch: { instances: 4 } } }
score: { batchTokens: 128 }
select: { best: { method: difference, ratio: 0.5 }, chance: { method: random, ratio: 0.5 } }
student: { seeds: [1, 2], train: { model: ${size(8)}, steps: 20, batch: { instances: 4, microBatch: 2 } } }
students:
  - { name: ranked, selection: best }
  - { name: plain, selection: chance }
  - { name: beside, selection: chance, distill: { weight: 0.5 } }
evaluate: { baseline: plain }
`;
const recipeOf = (text = TEXT, overrides: string[] = []) => parseAnyRecipe("r.yaml", text, overrides);

/** Every kind at 1 GFLOP/s, half and twice that at the ends, a second to start. */
const steady: typeof measureRate = async (label, { work }) => ({
  label,
  work,
  flopsPerSecond: { median: 1e9, low: 0.5e9, high: 2e9 },
  tokensPerSecond: 1,
  startSeconds: 1,
  batches: 1,
  residentBytes: 1,
});
const options = (more: Partial<EstimateOptions> = {}): EstimateOptions => ({
  folder: join(root, "nowhere"),
  batches: 2,
  measure: steady,
  ...more,
});

describe("calibration", () => {
  const described = describeCausalModel(
    {
      model_type: "llama",
      vocab_size: 64,
      hidden_size: 8,
      intermediate_size: 16,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      max_position_embeddings: 32,
    },
    "model",
  );
  const kind = { work: "score", model: described, length: 16, batchTokens: 64 } as const;

  it("takes the median after warm-up, the tenths as interval, and what the first batch took longer", async () => {
    const durations = [9, 5, 2, 1, 4, 2, 3];
    let [now, batch, disposed] = [0, 0, false];
    const fake = (): Batches => ({
      places: 100,
      run: async () => {
        now += 1000 * durations[batch++]!;
        return 6e9;
      },
      dispose: async () => {
        disposed = true;
      },
    });
    const gauges = { now: () => now, resident: () => 10 * batch };
    const rate = await measureRate("score x", kind, { batches: 5, device: "cpu" }, quietContext(), fake, gauges);
    expect(WARM_UP).toBe(2);
    expect(rate.flopsPerSecond).toEqual({ median: 3e9, low: 1.5e9, high: 6e9 });
    expect(rate).toMatchObject({ tokensPerSecond: 50, startSeconds: 7, batches: 5, residentBytes: 70 });
    expect(disposed).toBe(true);
  });

  it("stops between batches and lets go of the model", async () => {
    const controller = new AbortController();
    let [batches, disposed] = [0, false];
    const fake = (): Batches => ({
      places: 1,
      run: async () => {
        if (++batches === 3) controller.abort();
        return 1;
      },
      dispose: async () => {
        disposed = true;
      },
    });
    const context = { ...quietContext(), signal: controller.signal };
    await expect(measureRate("x", kind, { batches: 50, device: "cpu" }, context, fake)).rejects.toThrow("HC0130");
    expect([batches, disposed]).toEqual([3, true]);
  });

  it("one batch is its own interval", () => {
    expect(rateOf({ first: 3, seconds: [2] }, 8, 4)).toEqual({
      flopsPerSecond: { median: 4, low: 4, high: 4 },
      tokensPerSecond: 2,
      startSeconds: 1,
      batches: 1,
    });
  });

  it("times equal kinds once", () => {
    const kinds = new Kinds();
    expect(kinds.add("score a", kind)).toBe("score a");
    expect(kinds.add("score b", { ...kind })).toBe("score a");
    expect(kinds.add("score c", { ...kind, batchTokens: 32 })).toBe("score c");
  });
});

describe("times", () => {
  const rate = (label: string, median: number): Rate => ({
    label,
    work: "train",
    flopsPerSecond: { median, low: median / 2, high: 2 * median },
    tokensPerSecond: 1,
    startSeconds: 3,
    batches: 1,
    residentBytes: null,
  });
  const rates = new Map([
    ["a", rate("a", 10)],
    ["b", rate("b", 100)],
  ]);
  const work = (more: Partial<StageWork>): StageWork => ({
    stage: "x",
    parts: [],
    textBytes: 0,
    fixedSeconds: 0,
    byData: false,
    remote: null,
    ...more,
  });

  it("are FLOPs with padding over speed, and the start of each kind's graphs", () => {
    const parts = [
      { kind: "a", flops: 200, padding: 1.5 },
      { kind: "b", flops: 1000, padding: 1 },
    ];
    expect(stageSeconds(work({ parts }), rates, true)).toEqual({ expected: 46, low: 26, high: 86 });
    // Amounts that were assumed widen what depends on them.
    expect(stageSeconds(work({ parts, byData: true }), rates, true)!.high).toBeCloseTo(6 + 1.2 * 80, 9);
    expect(stageSeconds(work({ textBytes: 7e6, fixedSeconds: 1 }), rates, false)).toEqual({
      expected: 3,
      low: 1.5,
      high: 6,
    });
  });

  it("are not known where amounts, speeds or servers are not", () => {
    expect(stageSeconds(work({ parts: [{ kind: "a", flops: null, padding: 1 }] }), rates, false)).toBeNull();
    expect(stageSeconds(work({ parts: [{ kind: "c", flops: 1, padding: 1 }] }), rates, false)).toBeNull();
    expect(stageSeconds(work({ remote: { requests: 1, tokens: 1 } }), rates, false)).toBeNull();
  });
});

describe("estimateRecipe", () => {
  it("adds up stages, money and break-even points, and leaves finished stages out", async () => {
    const folder = join(root, "run");
    await mkdir(join(folder, "stages/models"), { recursive: true });
    await writeFile(join(folder, "stages/models/teacher.json"), JSON.stringify({ status: "finished" }));
    await writeFile(join(folder, "stages/models/reference.json"), JSON.stringify({ status: "started" }));
    const asked: string[] = [];
    const measure: typeof measureRate = async (label, ...rest) => {
      asked.push(label);
      return steady(label, ...rest);
    };
    const before = await readdir(folder, { recursive: true });
    const estimate = await estimateRecipe(recipeOf(), options({ folder, measure, pricePerHour: 36 }), quietContext());
    expect(await readdir(folder, { recursive: true })).toEqual(before);

    const of = (stage: string) => estimate.stages.find((each) => each.stage === stage)!;
    expect(of("models/teacher")).toMatchObject({ done: true, seconds: { expected: 0, low: 0, high: 0 } });
    expect(of("models/reference").done).toBe(false);
    // Students of one shape and objective are one kind, and the finished teacher is timed for its scores alone.
    expect(asked).not.toContain("train teacher");
    expect(asked.filter((label) => label.startsWith("train"))).toEqual([
      "train reference",
      "train ranked",
      "train beside",
    ]);
    expect(new Set(asked).size).toBe(asked.length);

    const seconds = estimate.stages.map((each) => each.seconds!);
    expect(estimate.total.open).toEqual([]);
    expect(estimate.total.seconds.expected).toBeCloseTo(
      seconds.reduce((sum, each) => sum + each.expected, 0),
      9,
    );
    expect(estimate.cost!.expected).toBeCloseTo(estimate.total.seconds.expected / 100, 9);
    expect(estimate.total.seconds.low).toBeLessThan(estimate.total.seconds.expected);
    // 300 ids: about 1.8 bytes to a token.
    const tokens = (1e6 * 0.98) / assumedBytesPerToken(300);
    const described = (hidden: number) =>
      describeCausalModel(
        {
          model_type: "llama",
          vocab_size: 300,
          hidden_size: hidden,
          intermediate_size: 2 * hidden,
          num_hidden_layers: 1,
          num_attention_heads: 2,
        },
        "model",
      );
    const teacher = described(16);
    expect(of("score/teacher").flops! / (tokens * forwardFlopsPerToken(teacher, 16))).toBeCloseTo(1, 3);

    expect(estimate.breakEven.map(({ student }) => student)).toEqual(new Array(8).fill("ranked"));
    const work = (stage: string) => of(stage).flops!;
    const own = 3 * forwardFlopsPerToken(described(8), 16);
    const [beside, plain] = estimate.breakEven;
    const read = forwardFlopsPerToken(teacher, 16);
    expect(beside!.tokens! / ((work("score/teacher") + work("score/reference")) / read)).toBeGreaterThan(1);
    expect(beside!.tokens! / plain!.tokens!).toBeCloseTo((0.1 * own) / read, 9);
  });

  it("measures a recipe on this machine: every kind, without a file", async () => {
    const { measure: _measure, ...real } = options({ folder: join(root, "none"), batches: 1 });
    const text = TEXT.replace(
      "evaluate:",
      "  - { name: stored, selection: chance, distill: { from: store, topK: 4 } }\n  - { name: own, selection: chance, distill: { onPolicy: { promptTokens: 4 } } }\n  - { name: copy, selection: written }\ngenerate: { written: { count: 3, promptTokens: 4 } }\nevaluate:",
    );
    const estimate = await estimateRecipe(recipeOf(text), real, quietContext());
    expect(estimate.rates.map(({ work }) => work)).toEqual(
      expect.arrayContaining(["train", "score", "capture", "generate"]),
    );
    for (const rate of estimate.rates) expect(rate.flopsPerSecond.median).toBeGreaterThan(0);
    expect(estimate.total.open).toEqual([]);
    await expect(readdir(join(root, "none"))).rejects.toThrow("ENOENT");
  }, 120_000);

  it("counts what a server is asked, and calls none", async () => {
    const text = TEXT.replace(/^teacher: .*$/m, "teacher: { endpoint: { url: http://127.0.0.1:9 } }").replace(
      /^ {2}- \{ name: beside.*\n/m,
      "",
    );
    const estimate = await estimateRecipe(recipeOf(text), options({ pricePerMillionTokens: 2 }), quietContext());
    expect(estimate.remote.map(({ stage }) => stage)).toEqual(["score/teacher", "evaluate/teacher"]);
    const [scored] = estimate.remote;
    expect(scored!.price).toBeCloseTo((2 * scored!.tokens!) / 1e6, 9);
    expect(scored!.tokens! / scored!.requests!).toBeGreaterThan(10);
    expect(estimate.total.open).toEqual(["score/teacher", "evaluate/teacher"]);
    await expect(estimateRecipe(recipeOf(), options({ pricePerMillionTokens: 2 }), quietContext())).rejects.toThrow(
      "HC4353",
    );
  });

  it("warns where a machine is too small, and refuses to measure what this one cannot hold", async () => {
    const hardware = await readHardware(join(fixed, "xeon-2-cores.yaml"));
    const small = { ...hardware, memoryBytes: 1e8, diskBytes: 1e5 };
    const { findings } = await estimateRecipe(recipeOf(), options({ hardware: small }), quietContext());
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(["HC4340", "HC4341"]));
    const huge = [`student.train.model.hidden_size=200000`, "student.train.model.intermediate_size=400000"];
    await expect(estimateRecipe(recipeOf(TEXT, huge), options(), quietContext())).rejects.toThrow("HC4352");
  });

  it("names what is known only in the run, and inputs that are not here", async () => {
    const more = `${TEXT.trimEnd().slice(0, -2)}, tasks: { data: nowhere, during: {} }, scaling: {} }\nanalyze: {}\n`;
    const estimate = await estimateRecipe(recipeOf(more), options({ batches: 20 }), quietContext());
    expect(estimate.total.open).toEqual(
      expect.arrayContaining(["analyze/best", "evaluate/scaling", "tasks/plain-seed1"]),
    );
    expect(estimateText(estimate)).toMatch(/left out, as what they take is not known before the run: .*tasks\/plain, /);
    expect(estimate.assumptions.join()).toContain("asked during training");
    const away = TEXT.replace(/^teacher: .*$/m, "teacher: { path: models/away }").replace(
      /^corpus: .*$/m,
      "corpus: { path: away/*.jsonl }",
    );
    await expect(estimateRecipe(recipeOf(away), options(), quietContext())).rejects.toThrow(
      /HC4357[\s\S]*away[\s\S]*config\.json; corpus\.path: .*away/,
    );
  });

  it("warns of few batches and of a busy machine", async () => {
    expect(measurementWarnings({ batches: 20, load: 2, cores: 2 })).toEqual([]);
    expect(measurementWarnings({ batches: 4, load: 3.14, cores: 2 })).toEqual([
      expect.stringContaining("only 4 batches"),
      expect.stringContaining("3.1 processes for 2 cores"),
    ]);
    const hardware = await readHardware(join(fixed, "xeon-2-cores.yaml"));
    expect((await estimateRecipe(recipeOf(), options({ hardware }), quietContext())).warnings).toEqual([]);
  });

  it("refuses recipes of token rationales", async () => {
    const rationale = { method: "rationale", name: "r" } as unknown as ReturnType<typeof recipeOf>;
    await expect(estimateRecipe(rationale, options(), quietContext())).rejects.toThrow("HC4351");
  });
});

describe("machines that are described", () => {
  it("turns measured tokens into the FLOPs that stages count", async () => {
    const hardware = await readHardware(join(fixed, "xeon-2-cores.yaml"));
    // 43.7M parameters, tied: 669 tokens/s in training.
    expect(hardware.flopsPerSecond.train! / 1e9).toBeGreaterThan(160);
    expect(hardware.flopsPerSecond.train! / 1e9).toBeLessThan(200);
    const rate = describedRate(hardware, "train x", "train", 1e9)!;
    expect(rate.flopsPerSecond.low).toBeCloseTo(0.8 * hardware.flopsPerSecond.train!, 0);
    expect(rate.tokensPerSecond).toBeCloseTo(hardware.flopsPerSecond.train! / 1e9, 9);
    const assumed = await readHardware(join(fixed, "h100-assumed.yaml"));
    expect(assumed.flopsPerSecond.train).toBe(2e13);
  });

  it("gives FLOPs over speed, and leaves open what nothing is said of", async () => {
    const file = join(root, "machine.yaml");
    await writeFile(
      file,
      "name: m\nsource: s\ntrain: { gflops: 2 }\nscore: { gflops: 4 }\nspread: 0\nmemoryGB: 64\ndiskGB: 64\npricePerHour: 7.2\ncurrency: EUR\n",
    );
    const hardware = await readHardware(file);
    const estimate = await estimateRecipe(recipeOf(), options({ hardware }), quietContext());
    const score = estimate.stages.find(({ stage }) => stage === "evaluate/teacher")!;
    expect(score.seconds!.expected).toBeCloseTo(score.flops! / 4e9, 9);
    expect(score.seconds!.low).toBeLessThan(score.seconds!.high);
    expect(estimate.cost).toMatchObject({ perHour: 7.2, currency: "EUR" });
    expect(describedRate(hardware, "x", "generate", 1)).toBeUndefined();
  });

  it("names the key that is wrong", async () => {
    const file = join(root, "bad.yaml");
    const good = "name: m\nsource: s\ntrain: { gflops: 2 }\nscore: { gflops: 4 }\nmemoryGB: 64\ndiskGB: 64\n";
    for (const [text, where] of [
      [good.replace("gflops: 2", "gflops: -2"), "train"],
      [`${good}speed: 3\n`, "speed"],
      [good.replace("source: s\n", ""), "source"],
      ["- a", "bad.yaml"],
      ["a: [", "bad.yaml"],
    ] as const) {
      await writeFile(file, text);
      const error = await readHardware(file).then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      expect(error?.message).toContain("HC4350");
      expect(error?.message).toContain(where);
    }
    await expect(readHardware(join(root, "missing.yaml"))).rejects.toThrow("HC4350");
  });
});

describe("a saving that a run has measured", () => {
  it("is the mean over sets and students, negative where the baseline was ahead", async () => {
    const folder = join(root, "finished");
    await mkdir(join(folder, "evaluate"), { recursive: true });
    const pair = (better: string, other: string, mine: number, theirs: number) => ({
      better,
      other,
      spent: { better: { flops: mine, tokens: 1 }, other: { flops: theirs, tokens: 1 } },
    });
    const publish = (computeSaved: object[]) =>
      writeFile(join(folder, "evaluate/evaluation.json"), JSON.stringify({ computeSaved }));
    await publish([pair("ranked", "plain", 60, 100), pair("plain", "ranked", 80, 100), pair("kd", "plain", 1, 100)]);
    expect(await measuredSaving(folder, "plain", ["ranked"])).toBeCloseTo((0.4 - 0.25) / 2, 12);
    await publish([]);
    await expect(measuredSaving(folder, "plain", ["ranked"])).rejects.toThrow("HC4354");
  });
});
