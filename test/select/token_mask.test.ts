import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { readScoreGolden } from "../../src/conformance/score_golden.ts";
import { writeInstances } from "../../src/corpus/instances.ts";
import { writeParquet } from "../../src/formats/parquet.ts";
import { lossMask } from "../../src/models/loss_mask.ts";
import { quietContext } from "../../src/progress.ts";
import { Random } from "../../src/random.ts";
import { scoreModel } from "../../src/score/score.ts";
import { type TokenMaskInput, writeTokenMask } from "../../src/select/token_mask.ts";
import { openTokenMask } from "../../src/select/token_mask_files.ts";
import { KthLargest } from "../../src/select/token_mask_threshold.ts";

const fixtures = resolve(import.meta.dirname, "../../../shared/fixtures");
const shared = existsSync(fixtures);
const EOS = 0;

/** Instances scored by two models that answer from a table. */
async function scoredFolder(sequences: Int32Array[], teacher: Float32Array[], reference: Float32Array[], eos = EOS) {
  const folder = await mkdtemp(join(tmpdir(), "heartcut-mask-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const instances = join(folder, "instances");
  const origin = { source: "s", firstDocument: "d", lastDocument: "d" };
  await writeInstances(
    instances,
    sequences.map((tokens) => ({ tokens, ...origin })),
    { vocabSize: 600 },
  );
  for (const [name, rows] of [["teacher", teacher] as const, ["reference", reference] as const]) {
    const answers = new Map(sequences.map((tokens, i) => [tokens.join(), rows[i]!]));
    await scoreModel(
      {
        model: { tokenNll: async (asked) => asked.map((tokens) => answers.get(tokens.join())!) },
        modelFingerprint: name,
        vocabSize: 600,
        ids: { eosId: eos },
        instances,
        folder: join(folder, name),
        perToken: true,
        shardInstances: 7,
      },
      quietContext(),
    );
  }
  const input = (changes: Partial<TokenMaskInput> = {}): TokenMaskInput => ({
    teacher: join(folder, "teacher"),
    reference: join(folder, "reference"),
    instances,
    scored: (tokens) => lossMask(tokens, "miniplm", { eosId: eos }),
    share: 0.6,
    folder: join(folder, "mask"),
    ...changes,
  });
  return { folder, input };
}

function randomScores(count: number) {
  const random = new Random(5, "test/token-mask");
  const sequences = Array.from({ length: count }, () =>
    Int32Array.from({ length: 1 + random.below(30) }, () => random.below(50)),
  );
  // Coarse values, so that there are many ties.
  const nll = () =>
    sequences.map((tokens) => Float32Array.from({ length: tokens.length - 1 }, () => random.below(12) / 4));
  return { sequences, teacher: nll(), reference: nll() };
}

/** The rule in its shortest form: sort all scored positions by excess, ties to the earlier. */
function expected(
  sequences: Int32Array[],
  teacher: Float32Array[],
  reference: Float32Array[],
  share: number,
  numbers = [...sequences.keys()],
  eos = EOS,
): number[][] {
  const all = numbers.flatMap((i) =>
    Array.from(lossMask(sequences[i]!, "miniplm", { eosId: eos })).flatMap((on, t) =>
      on === 1 ? [{ i, t, excess: Math.fround(reference[i]![t]! - teacher[i]![t]!) }] : [],
    ),
  );
  const kept = all.toSorted((a, b) => b.excess - a.excess).slice(0, Math.floor(share * all.length));
  return numbers.map((i) =>
    Array.from(sequences[i]!.subarray(1), (_, t) => (kept.some((k) => k.i === i && k.t === t) ? 1 : 0)),
  );
}

const masks = async (folder: string) => {
  const mask = await openTokenMask(folder);
  return Array.from({ length: mask.summary.instances }, (_, i) => Array.from(mask.mask(i)));
};

describe("writeTokenMask", () => {
  test("corpus scope keeps the top share of all scored positions, ties to the earlier; the reader gives the same bits", async () => {
    const { sequences, teacher, reference } = randomScores(60);
    const { input } = await scoredFolder(sequences, teacher, reference);
    for (const share of [0, 0.3, 0.6, 1]) {
      const summary = await writeTokenMask(input({ share }), quietContext());
      const wanted = expected(sequences, teacher, reference, share);
      expect(await masks(input().folder)).toEqual(wanted);
      expect(summary.kept).toBe(Math.floor(share * summary.scored));
      expect(summary.emptyInstances).toBe(wanted.filter((row) => !row.includes(1)).length);
      if (share === 0) expect(summary.threshold).toBeNull();
      else expect(summary.meanExcess.kept).toBeGreaterThanOrEqual(summary.meanExcess.all);
      expect((await openTokenMask(input().folder)).summary).toEqual(summary);
    }
  });

  test("instance scope keeps the share of each", async () => {
    const { sequences, teacher, reference } = randomScores(30);
    const { input } = await scoredFolder(sequences, teacher, reference);
    await writeTokenMask(input({ scope: "instance" }), quietContext());
    const wanted = sequences.map((_, i) => expected(sequences, teacher, reference, 0.6, [i])[0]);
    expect(await masks(input().folder)).toEqual(wanted);
  });

  test("a selection: the mask is numbered as the refined instances, the cut goes through them alone", async () => {
    const { sequences, teacher, reference } = randomScores(40);
    const { folder, input } = await scoredFolder(sequences, teacher, reference);
    const kept = [1, 2, 9, 22, 39];
    const selection = join(folder, "selection.parquet");
    await writeParquet(selection, [{ name: "instance", type: "int32", data: kept }]);
    const refined = join(folder, "refined");
    const origin = { source: "s", firstDocument: "d", lastDocument: "d" };
    await writeInstances(
      refined,
      kept.map((i) => ({ tokens: sequences[i]!, ...origin })),
      { vocabSize: 600 },
    );
    await writeTokenMask(input({ instances: refined, selection }), quietContext());
    expect(await masks(input().folder)).toEqual(expected(sequences, teacher, reference, 0.6, kept));
    await expect(writeTokenMask(input({ instances: refined }), quietContext())).rejects.toThrow("HC3110");
    await expect(writeTokenMask(input({ selection }), quietContext())).rejects.toThrow(/HC3110[\s\S]*selection of 5/);
  });

  test("written again it has the same bytes; damaged it is refused, and mended by writing it again", async () => {
    const { sequences, teacher, reference } = randomScores(20);
    const { input } = await scoredFolder(sequences, teacher, reference);
    const { folder } = input();
    const contents = async () =>
      Promise.all(
        (await readdir(folder)).sort().map(async (name) => (await readFile(join(folder, name))).toString("hex")),
      );
    await writeTokenMask(input(), quietContext());
    const first = await contents();
    await writeFile(join(folder, "token_mask.bin"), "torn");
    await expect(openTokenMask(folder)).rejects.toThrow("HC3112");
    await writeTokenMask(input(), quietContext());
    expect(await contents()).toEqual(first);
  });

  test("bad input", async () => {
    const { sequences, teacher, reference } = randomScores(20);
    const { folder, input } = await scoredFolder(sequences, teacher, reference);
    const other = await scoredFolder(sequences.slice(1), teacher.slice(1), reference.slice(1));
    const write = (changes: Partial<TokenMaskInput>) => writeTokenMask(input(changes), quietContext());
    await expect(write({ share: 1.5 })).rejects.toThrow("HC3101");
    await expect(write({ reference: other.input().reference })).rejects.toThrow(/HC3110[\s\S]*across tokenizers/);
    await expect(write({ instances: other.input().instances })).rejects.toThrow("HC3110");
    const everywhere = (tokens: Int32Array) => lossMask(tokens, "all", {});
    await expect(write({ scored: everywhere })).rejects.toThrow("HC3111");
    const model = {
      tokenNll: async (asked: readonly Int32Array[]) => asked.map((t) => new Float32Array(t.length - 1)),
    };
    const plain = { modelFingerprint: "plain", vocabSize: 600, ids: { eosId: EOS }, instances: input().instances };
    await scoreModel({ model, ...plain, folder: join(folder, "plain") }, quietContext());
    await expect(write({ reference: join(folder, "plain") })).rejects.toThrow(/HC3109[\s\S]*--per-token/);
    expect(existsSync(input().folder)).toBe(false);
  });
});

test("KthLargest equals sorting, for any float32 values", () => {
  const value = fc.oneof(fc.float({ noNaN: true }), fc.constantFrom(0, -0, 1, -1, 0.25));
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 80 }), fc.nat(), (values, at) => {
      const k = 1 + (at % values.length);
      const kth = new KthLargest();
      for (const x of values) kth.addUpper(x);
      kth.fix(k);
      for (const x of values) kth.addLower(x);
      const wanted = values.toSorted((a, b) => b - a)[k - 1]!;
      const result = kth.result(k);
      expect(result.value + 0).toBe(wanted + 0);
      expect(result.equal).toBe(k - values.filter((x) => x > wanted).length);
    }),
  );
});

test.skipIf(!shared)("golden: excess loss of the fixtures, sign and all", async () => {
  const golden = await readScoreGolden(join(fixtures, "difference_sampling"), "scores_packed");
  const { sequences, nllTeacher, nllReference, tokenDifference, lossMasks } = golden;
  const { input } = await scoredFolder(sequences, nllTeacher, nllReference, golden.settings.eos);
  const scored = (tokens: Int32Array) => lossMasks[sequences.findIndex((own) => own.join() === tokens.join())]!;
  const { threshold, kept } = await writeTokenMask(input({ scored, share: 0.7 }), quietContext());
  const all = tokenDifference.flatMap((row, i) => Array.from(row).filter((_, t) => lossMasks[i]![t] === 1));
  const sorted = Float32Array.from(all).sort().reverse();
  expect(kept).toBe(Math.floor(0.7 * all.length));
  expect(threshold).toBeCloseTo(sorted[kept - 1]!, 5);
});
