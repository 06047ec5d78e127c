import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readParquet } from "../../src/formats/parquet.ts";
import { lossMask, reduceNll } from "../../src/models/loss_mask.ts";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { readScoreFolder } from "../../src/score/files.ts";
import type { NllRow } from "../../src/score/record.ts";
import { type ScoreInput, scoreModel } from "../../src/score/score.ts";
import { bigramModel, EOS, instanceFolder, randomInstances, temporaryFolder, VOCAB } from "./bigram.ts";

const COUNT = 50;
const data = randomInstances(COUNT, 1);

async function setUp(settings: Partial<ScoreInput> = {}) {
  const folder = await temporaryFolder();
  const model = bigramModel(1);
  const input: ScoreInput = {
    model,
    modelFingerprint: "bigram 1",
    vocabSize: VOCAB,
    ids: { eosId: EOS },
    instances: await instanceFolder(folder, data),
    folder: join(folder, "score"),
    batchTokens: 128,
    shardInstances: 16,
    ...settings,
  };
  return { folder, model, input };
}

async function contents(folder: string): Promise<Map<string, string>> {
  const files = (await readdir(folder)).filter((name) => /^part-.*parquet$|^score\.json$/.test(name)).sort();
  return new Map(
    await Promise.all(files.map(async (name) => [name, (await readFile(join(folder, name))).toString("hex")] as const)),
  );
}

/** A context that records what it is told. */
function recorder(signal?: AbortSignal) {
  const events: ProgressEvent[] = [];
  return {
    events,
    context: { ...quietContext("score"), report: (e: ProgressEvent) => events.push(e), ...(signal ? { signal } : {}) },
  };
}

describe("scoreModel", () => {
  test("asks for a barrier between documents where one is wanted, and needs an EOS for it", async () => {
    const { input, model } = await setUp();
    const asked: unknown[] = [];
    const watched: ScoreInput = {
      ...input,
      model: {
        tokenNll: (sequences, options) => {
          asked.push(options);
          return model.tokenNll(sequences);
        },
      },
    };
    const open = await scoreModel(watched, quietContext());
    expect(new Set(asked)).toEqual(new Set([undefined]));
    const barred = await scoreModel({ ...watched, documentBarrier: true }, quietContext());
    expect(asked.at(-1)).toEqual({ eosId: EOS });
    expect([open.documentBarrier, barred.documentBarrier]).toEqual([false, true]);
    await expect(scoreModel({ ...watched, documentBarrier: true, ids: {} }, quietContext())).rejects.toThrow(/HC3004/);
  });

  test("every instance has its own NLL, in order, whatever batch it was in", async () => {
    const { input, model } = await setUp();
    const summary = await scoreModel(input, quietContext());
    const { rows } = await readScoreFolder(input.folder);
    expect(rows.map((r) => r.instance)).toEqual(data.map((_, i) => i));
    for (const [i, { tokens }] of data.entries()) {
      const [nll] = await bigramModel(1).tokenNll([tokens]);
      const expected = reduceNll(nll!, lossMask(tokens, "miniplm", { eosId: EOS }));
      expect(rows[i]).toEqual({ instance: i, tokens: expected.tokens, nll_sum: expected.sum, nll_mean: expected.mean });
    }
    expect(summary.shards).toEqual([
      "part-00000.parquet",
      "part-00001.parquet",
      "part-00002.parquet",
      "part-00003.parquet",
    ]);
    expect(summary.instances).toBe(COUNT);
    expect(summary.tokens).toBe(data.reduce((sum, d) => sum + d.tokens.length, 0));
    expect(summary.unscoredInstances).toBe(1);
    expect(model.batches.every((b) => b.length === 1 || Math.max(...b) * b.length <= 128)).toBe(true);
  });

  test("batch size does not change the values", async () => {
    const { input, folder } = await setUp();
    await scoreModel(input, quietContext());
    const other = { ...input, folder: join(folder, "other"), batchTokens: 1 };
    await scoreModel(other, quietContext());
    expect((await readScoreFolder(other.folder)).rows).toEqual((await readScoreFolder(input.folder)).rows);
  });

  test("mask all scores every position", async () => {
    const { input } = await setUp({ mask: "all" });
    const summary = await scoreModel(input, quietContext());
    expect(summary.scoredTokens).toBe(data.reduce((sum, d) => sum + d.tokens.length - 1, 0));
    expect(summary.unscoredInstances).toBe(0);
  });

  test("perToken keeps the NLL of every label position", async () => {
    const { input } = await setUp({ perToken: true });
    await scoreModel(input, quietContext());
    const rows = await readParquet<NllRow>(join(input.folder, "part-00001.parquet"));
    for (const row of rows) {
      const [nll] = await bigramModel(1).tokenNll([data[row.instance]!.tokens]);
      expect(Array.from(row.token_nll!)).toEqual(Array.from(nll!));
    }
  });

  test("an instance without a scored position is recorded, warned about and left out of the mean", async () => {
    const { input } = await setUp();
    const { events, context } = recorder();
    const summary = await scoreModel(input, context);
    const { rows } = await readScoreFolder(input.folder);
    expect(rows[3]).toEqual({ instance: 3, tokens: 0, nll_sum: 0, nll_mean: 0 });
    expect(events.filter((e) => e.type === "warning").map((e) => e.message)).toEqual([
      "1 of 50 instances have no scored position: they are never selected",
    ]);
    const scored = rows.filter((r) => r.tokens > 0);
    expect(summary.meanNll).toBeCloseTo(scored.reduce((sum, r) => sum + r.nll_mean, 0) / scored.length, 12);
  });

  test("progress ends at the total", async () => {
    const { input } = await setUp();
    const { events, context } = recorder();
    const { tokens } = await scoreModel(input, context);
    const last = events.filter((e) => e.type === "progress").at(-1);
    expect(last).toMatchObject({ stage: "score", done: tokens, total: tokens, unit: "tokens" });
    expect(last!.tokensPerSecond).toBeGreaterThan(0);
  });
});

describe("resume", () => {
  test("finished shards are not scored again, a damaged one is", async () => {
    const { input, model } = await setUp();
    await scoreModel(input, quietContext());
    const before = await contents(input.folder);
    model.batches.length = 0;
    await scoreModel(input, quietContext());
    expect(model.batches).toEqual([]);

    const victim = join(input.folder, "part-00002.parquet");
    const bytes = await readFile(victim);
    bytes[40]! ^= 1;
    await writeFile(victim, bytes);
    await expect(readScoreFolder(input.folder)).rejects.toThrow(/HC3006[\s\S]*part-00002/);
    await scoreModel(input, quietContext());
    expect(model.batches.flat().length).toBe(16);
    expect(await contents(input.folder)).toEqual(before);
  });

  test("a stop keeps the committed shards and the same call ends with the same bytes", async () => {
    const whole = await setUp();
    await scoreModel(whole.input, quietContext());
    const { input, model } = await setUp();
    const stop = new AbortController();
    const stopping = {
      async tokenNll(sequences: readonly Int32Array[]) {
        if (model.batches.length === 7) stop.abort();
        return model.tokenNll(sequences);
      },
    };
    const { context } = recorder(stop.signal);
    await expect(scoreModel({ ...input, model: stopping }, context)).rejects.toThrow("HC0130");
    await expect(readScoreFolder(input.folder)).rejects.toThrow("HC3005");
    await scoreModel(input, quietContext());
    expect(await contents(input.folder)).toEqual(await contents(whole.input.folder));
  });

  test.each([
    ["model", { modelFingerprint: "bigram 2" }],
    ["mask", { mask: "all" }],
    ["eos", { ids: { eosId: 7 } }],
    ["pad", { ids: { eosId: EOS, padId: 9 } }],
    ["batches", { batchTokens: 64 }],
    ["per-token values", { perToken: true }],
    ["barrier", { documentBarrier: true }],
  ] satisfies [string, Partial<ScoreInput>][])("another %s: nothing is reused", async (_, change) => {
    const { input, model } = await setUp();
    await scoreModel(input, quietContext());
    model.batches.length = 0;
    await scoreModel({ ...input, ...change }, quietContext());
    expect(model.batches.flat().length).toBe(COUNT);
  });

  test("one changed token re-scores its shard only; fewer instances start anew and leave no stale shard", async () => {
    const { input, model, folder } = await setUp();
    await scoreModel(input, quietContext());
    model.batches.length = 0;
    const edited = data.map((d, i) => (i === 20 ? { ...d, tokens: Int32Array.of(1, 2, 3) } : d));
    await scoreModel({ ...input, instances: await instanceFolder(folder, edited, "edited") }, quietContext());
    expect(model.batches.flat().length).toBe(16);

    const { events, context } = recorder();
    const few = await instanceFolder(folder, data.slice(0, 10), "few");
    await scoreModel({ ...input, instances: few }, context);
    expect([...(await contents(input.folder)).keys()]).toEqual(["part-00000.parquet", "score.json"]);
    expect(events.some((e) => e.type === "warning" && e.message.includes("larger corpus"))).toBe(true);
  });
});

describe("refusals", () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, -0.5])(
    "%s from the model names the instance and stores nothing of its shard",
    async (bad) => {
      const { input, model } = await setUp();
      const broken = {
        async tokenNll(sequences: readonly Int32Array[]) {
          const answers = await model.tokenNll(sequences);
          const at = sequences.findIndex(
            (s) => s.length === data[20]!.tokens.length && s.every((id, t) => id === data[20]!.tokens[t]),
          );
          if (at >= 0) answers[at]![1] = bad;
          return answers;
        },
      };
      await expect(scoreModel({ ...input, model: broken }, quietContext())).rejects.toThrow(
        /HC3003[\s\S]*instance 20, position 1/,
      );
      expect([...(await contents(input.folder)).keys()]).toEqual(["part-00000.parquet"]);
    },
  );

  test("a model that answers with too few values or rows is refused", async () => {
    const { input, model } = await setUp();
    const short = {
      tokenNll: async (s: readonly Int32Array[]) => (await model.tokenNll(s)).map((row) => row.subarray(1)),
    };
    await expect(scoreModel({ ...input, model: short }, quietContext())).rejects.toThrow("HC3002");
    const none = { tokenNll: async () => [] };
    await expect(scoreModel({ ...input, model: none }, quietContext())).rejects.toThrow("HC3002");
  });

  test("an id beyond the model's vocabulary is found before the model runs", async () => {
    const { input, model } = await setUp({ vocabSize: 10 });
    await expect(scoreModel(input, quietContext())).rejects.toThrow(
      /HC3001[\s\S]*instance 0, position \d+[\s\S]*0 … 9/,
    );
    expect(model.batches).toEqual([]);
  });

  test("a shard that vanished is named", async () => {
    const { input } = await setUp();
    await scoreModel(input, quietContext());
    await rm(join(input.folder, "part-00001.parquet"));
    await expect(readScoreFolder(input.folder)).rejects.toThrow(/HC3006[\s\S]*part-00001/);
  });
});
