import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type AnalyzeInput, analyzeSelection } from "../../src/analyze/analyze.ts";
import { meanPooled } from "../../src/analyze/embedding.ts";
import { findNearDuplicates } from "../../src/analyze/near_duplicates.ts";
import { openInstances, writeInstances } from "../../src/corpus/instances.ts";
import { writeParquet } from "../../src/formats/parquet.ts";
import { createModel } from "../../src/models/load.ts";
import { quietContext, type StageContext } from "../../src/progress.ts";
import { Random } from "../../src/random.ts";

const COUNT = 120;
const VOCABULARY = 60;
const tokenizer = {
  vocabSize: VOCABULARY,
  fingerprint: "letters",
  decode: (ids: ArrayLike<number>) => Array.from(ids, (id) => String.fromCharCode(48 + id)).join(""),
};

/** Even instances are news of few words, odd ones web of many. */
async function corpus() {
  const root = await mkdtemp(join(tmpdir(), "heartcut-analyze-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const random = new Random(1, "test/analyze");
  const instances = Array.from({ length: COUNT }, (_, i) => ({
    tokens: Int32Array.from({ length: i % 2 === 0 ? 30 : 40 }, () => random.below(i % 2 === 0 ? 8 : VOCABULARY)),
    source: i % 2 === 0 ? "news" : "web",
    firstDocument: `${i}`,
    lastDocument: `${i}`,
  }));
  // An exact repeat across the selection's border.
  instances[3]!.tokens = instances[1]!.tokens;
  instances[1]!.source = "web";
  const folder = join(root, "instances");
  await writeInstances(folder, instances, { vocabSize: VOCABULARY });
  const reader = await openInstances(folder);
  const duplicates = await findNearDuplicates(reader, { seed: 1 }, quietContext());
  reader.close();
  const analyze = async (
    name: string,
    kept: number[],
    change: Partial<AnalyzeInput> = {},
    context: StageContext = quietContext(),
  ) => {
    const selection = join(root, `${name}.parquet`);
    await writeParquet(selection, [
      { name: "instance", type: "int32", data: kept },
      { name: "tokens", type: "int32", data: kept.map((i) => instances[i]!.tokens.length) },
    ]);
    return analyzeSelection(
      {
        name,
        instances: folder,
        selection,
        tokenizer,
        duplicates,
        folder: join(root, name),
        draws: 40,
        sampleInstances: 30,
        sampleTokens: 900,
        seed: 1,
        ...change,
      },
      context,
    );
  };
  return { root, analyze };
}

const indices = Array.from({ length: COUNT }, (_, i) => i);

test("a selection of the poor half is told as less diverse, of one domain, shorter, without duplicates", async () => {
  const { analyze } = await corpus();
  const analysis = await analyze(
    "poor",
    indices.filter((i) => i % 2 === 0),
  );
  expect(analysis).toMatchObject({ instances: { all: COUNT, kept: 60 }, tokens: { all: 4200, kept: 1800 }, draws: 40 });
  for (const { measure, kept, random, all, higherIsMoreDiverse } of analysis.diversity) {
    const [low, high] = random;
    expect(low).toBeLessThanOrEqual(all);
    expect(all).toBeLessThanOrEqual(high);
    expect(higherIsMoreDiverse ? kept < low : kept > high, measure).toBe(true);
  }
  expect(analysis.domains.bySource).toEqual([
    { source: "news", shareAll: 3 / 7, shareKept: 1 },
    { source: "web", shareAll: expect.closeTo(4 / 7, 12), shareKept: 0 },
  ]);
  expect(analysis.domains.totalVariation).toBeCloseTo(4 / 7, 12);
  expect(analysis.domains.totalVariation).toBeGreaterThan(analysis.domains.random.totalVariation[1]);
  expect(analysis.lengths).toEqual({
    mean: { all: 35, kept: 30, dropped: 40 },
    median: { all: 35, kept: 30, dropped: 40 },
    ks: 1,
  });
  expect(analysis.duplicates).toMatchObject({
    share: { all: 2 / COUNT, kept: 0, dropped: 2 / 60 },
    pairs: { keptKept: 0, droppedDropped: 1, mixed: 0 },
    keptWithDropped: 0,
  });
});

test("a random selection lies in the ranges of random selections", async () => {
  const { analyze } = await corpus();
  let inside = 0;
  let figures = 0;
  for (let r = 0; r < 12; r++) {
    const order = new Random(r, "test/random").permutation(COUNT).subarray(0, 60).sort();
    const { diversity, domains } = await analyze(`random-${r}`, Array.from(order));
    const values = [
      ...diversity.map(({ kept, random }): [number, [number, number]] => [kept, random]),
      [domains.totalVariation, domains.random.totalVariation] as [number, [number, number]],
    ];
    inside += values.filter(([kept, [low, high]]) => kept >= low && kept <= high).length;
    figures += values.length;
  }
  expect(inside / figures).toBeGreaterThan(0.85);
});

test("keeping everything has no dropped part, and every range is a point where nothing is drawn", async () => {
  const { analyze } = await corpus();
  const { lengths, duplicates, domains } = await analyze("all", indices);
  expect(lengths.mean.dropped).toBeNull();
  expect(lengths.ks).toBeNull();
  expect(duplicates.share.dropped).toBeNull();
  expect(domains.random.totalVariation).toEqual([0, 0]);
});

test("the same input gives the same bytes; a finished file is given back, another input replaces it once it is done", async () => {
  const { root, analyze } = await corpus();
  const kept = indices.filter((i) => i % 3 === 0);
  const first = await analyze("third", kept);
  const bytes = await readFile(join(root, "third/analysis.json"));
  let drawn = 0;
  const counting = { ...quietContext(), report: () => void drawn++ };
  expect(await analyze("third", kept, {}, counting)).toEqual(first);
  expect(drawn).toBe(0);
  await writeFile(join(root, "third/analysis.json"), bytes.subarray(0, 50));
  await analyze("third", kept, {}, counting);
  expect(drawn).toBe(40);
  expect(await readFile(join(root, "third/analysis.json"))).toEqual(bytes);
  const stopped = { ...quietContext(), signal: AbortSignal.abort() };
  await expect(analyze("third", kept, { seed: 2 }, stopped)).rejects.toThrow(/HC0130/);
  expect(await readFile(join(root, "third/analysis.json"))).toEqual(bytes);
  expect((await analyze("third", kept, { seed: 2 })).diversity[1]!.kept).not.toBe(first.diversity[1]!.kept);
});

test("refuses what cannot be analysed, and stops on request", async () => {
  const { analyze } = await corpus();
  await expect(analyze("none", [])).rejects.toThrow(/HC3604/);
  await expect(analyze("unordered", [4, 2])).rejects.toThrow(/HC3602/);
  await expect(analyze("few", [1, 2], { draws: 5 })).rejects.toThrow(/HC3603[\s\S]*draws = 5/);
  const stopped = new AbortController();
  stopped.abort();
  await expect(analyze("stopped", [1, 2], {}, { ...quietContext(), signal: stopped.signal })).rejects.toThrow(/HC0130/);
});

test("embeddings are the mean hidden states, whatever the batch, and give measures of their own", async () => {
  const model = createModel(
    {
      model_type: "llama",
      vocab_size: VOCABULARY,
      hidden_size: 16,
      intermediate_size: 32,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 2,
      max_position_embeddings: 64,
      tie_word_embeddings: true,
    },
    3,
    { device: "cpu", threads: 1 },
  );
  onTestFinished(() => model.dispose());
  const random = new Random(5, "test/embedding");
  const sequences = [1, 2, 9, 33].map((length) => Int32Array.from({ length }, () => random.below(VOCABULARY)));
  const pooled = await meanPooled(model, sequences);
  expect([...pooled[0]!]).toEqual(new Array(16).fill(0));
  for (const [i, tokens] of sequences.entries()) {
    if (tokens.length < 2) continue;
    expect([...(await meanPooled(model, [tokens]))[0]!]).toEqual([...pooled[i]!].map((x) => expect.closeTo(x, 5)));
    // The tied head is linear: the mean of the logits is the head times the mean state.
    const [logits] = await model.logits(tokens.slice(0, -1));
    const table = model.weights.get("model.embed_tokens.weight")!;
    for (const v of [0, 7, 59]) {
      let mean = 0;
      for (let t = 0; t < tokens.length - 1; t++) mean += logits![t * VOCABULARY + v]! / (tokens.length - 1);
      const product = pooled[i]!.reduce((sum, x, d) => sum + x * table[v * 16 + d]!, 0);
      expect(product).toBeCloseTo(mean, 4);
    }
  }
  const { analyze } = await corpus();
  const embedder = { fingerprint: "tiny", embed: (some: readonly Int32Array[]) => meanPooled(model, some) };
  const { diversity } = await analyze(
    "embedded",
    indices.filter((i) => i % 2 === 1),
    { embedder },
  );
  expect(diversity.map(({ measure }) => measure)).toContain("vendi_embedding");
  for (const { kept } of diversity) expect(Number.isFinite(kept)).toBe(true);
});
