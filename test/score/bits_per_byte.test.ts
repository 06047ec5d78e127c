import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { convertInstances } from "../../src/corpus/convert.ts";
import { packCorpus } from "../../src/corpus/pack.ts";
import { quietContext } from "../../src/progress.ts";
import { joinBitsPerByte } from "../../src/score/bits_per_byte.ts";
import { countTextBytes } from "../../src/score/bits_per_byte_count.ts";
import { readTextBytes, scoreUnit } from "../../src/score/bits_per_byte_files.ts";
import { readScoreFolder, readScores } from "../../src/score/files.ts";
import { joinScores } from "../../src/score/join.ts";
import { scoreModel } from "../../src/score/score.ts";
import { TextBytes } from "../../src/tokenizers/text_bytes.ts";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";
import { temporaryFolder } from "./bigram.ts";

const data = resolve(import.meta.dirname, "../../../shared/data/tokenizers");
const shared = existsSync(data);

const SENTENCES = [
  "The cat sat. ",
  "A naïve dog — away! ",
  "Is it so? 🦜 ",
  "Numbers: 1, 2, 3; ok. ",
  "漢字とかな。\n",
];
const TEXTS = Array.from({ length: 40 }, (_, i) =>
  Array.from({ length: 1 + (i % 9) }, (_, k) => SENTENCES[(i * 7 + k * 3) % 5]).join(""),
);

/** A model whose NLL is so many bits for each byte of the target, whatever the tokenizer; special tokens cost nothing. */
function bitsPerByteModel(tokenizer: Tokenizer, bits: number) {
  const counter = new TextBytes(tokenizer);
  // Behind a token, so that no leading space is dropped.
  const anchor = tokenizer.specials.eos!;
  const bytesOf = (id: number) => counter.lengths([anchor, id])[1]!;
  return {
    async tokenNll(sequences: readonly Int32Array[]) {
      return sequences.map((ids) => Float32Array.from(ids.subarray(1), (id) => bits * Math.LN2 * bytesOf(id)));
    },
  };
}

async function world() {
  const root = await temporaryFolder();
  async function* texts() {
    yield* TEXTS;
  }
  for (const vocabSize of [400, 290])
    await trainByteLevelBpe(texts(), { vocabSize, folder: join(root, `bpe-${vocabSize}`) }, quietContext());
  const [large, small] = [await loadTokenizer(join(root, "bpe-400")), await loadTokenizer(join(root, "bpe-290"))];
  const path = join(root, "corpus.jsonl");
  await writeFile(path, TEXTS.map((text, i) => JSON.stringify({ id: `d${i}`, source: "s", text })).join("\n"));
  const pack = (name: string, tokenizer: Tokenizer, options = {}) =>
    packCorpus(
      {
        corpus: { path, id: "id", source: "source" },
        tokenizer,
        folder: join(root, name),
        contextLength: 48,
        keepRemainder: true,
        seed: 1,
        ...options,
      },
      quietContext(),
    );
  /** Scores a folder with a model of so many bits per byte, and counts its bytes. */
  const scored = async (name: string, tokenizer: Tokenizer, bits: number, mask: "miniplm" | "all" = "all") => {
    const [instances, scores, bytes] = [join(root, name), join(root, `${name}-${bits}`), join(root, `${name}-bytes`)];
    await scoreModel(
      {
        model: bitsPerByteModel(tokenizer, bits),
        modelFingerprint: `${bits} bits`,
        vocabSize: tokenizer.vocabSize,
        ids: { eosId: tokenizer.specials.eos, padId: tokenizer.specials.pad },
        instances,
        folder: scores,
        mask,
      },
      quietContext(),
    );
    await countTextBytes({ instances, tokenizer, mask, folder: bytes }, quietContext());
    return { scores, bytes };
  };
  return { root, large, small, pack, scored };
}

describe("joinBitsPerByte", () => {
  test("a conversion that carries: every instance is compared, piece by piece summed; selection reads the same columns", async () => {
    const { root, large, small, pack, scored } = await world();
    await pack("packed", large);
    const convert = { instances: join(root, "packed"), from: large, to: small };
    const summary = await convertInstances(
      { ...convert, folder: join(root, "carried"), overflow: "carry" },
      quietContext(),
    );
    expect(summary.splitInstances).toBeGreaterThan(5);
    const input = {
      teacher: await scored("packed", large, 1.25),
      reference: await scored("carried", small, 2),
      instances: join(root, "packed"),
      output: join(root, "scores.parquet"),
    };
    const joined = await joinBitsPerByte(input, quietContext());
    expect(joined).toMatchObject({
      teacher: { matchedBy: "instance", tokenizer: large.fingerprint },
      reference: { matchedBy: "conversion", tokenizer: small.fingerprint },
      compared: joined.instances,
      excluded: { differentText: 0, missing: 0, unscored: 0 },
    });
    for (const row of await readScores(input.output)) {
      expect(row.nll_teacher).toBeCloseTo(1.25, 6);
      expect(row.nll_reference).toBeCloseTo(2, 6);
      expect(row.difference).toBeCloseTo(0.75, 6);
    }
    expect(await scoreUnit(input.output)).toBe("bits_per_byte");
    // Bytes of all pieces are the bytes of what they were made from.
    const [whole, pieces] = [await readTextBytes(input.teacher.bytes), await readTextBytes(input.reference.bytes)];
    expect(pieces.summary.bytes).toBe(whole.summary.bytes);
    expect(new Set(pieces.rows.map((row) => row.text_sha256))).toEqual(
      new Set(whole.rows.map((row) => row.text_sha256)),
    );
    // A later join of the same name in nats per token is not taken for it.
    await joinScores(
      {
        teacherFolder: input.teacher.scores,
        referenceFolder: input.teacher.scores,
        instancesFolder: input.instances,
        reduction: "mean",
        output: input.output,
      },
      quietContext(),
    );
    expect(await scoreUnit(input.output)).toBe("nats_per_token");
  });

  test("text cut off by a conversion is refused by name, or excluded and counted", async () => {
    const { root, large, small, pack, scored } = await world();
    await pack("packed", large);
    const cut = await convertInstances(
      { instances: join(root, "packed"), from: large, to: small, folder: join(root, "cut") },
      quietContext(),
    );
    const input = {
      teacher: await scored("packed", large, 1, "miniplm"),
      reference: await scored("cut", small, 2, "miniplm"),
      instances: join(root, "packed"),
      output: join(root, "scores.parquet"),
    };
    await expect(joinBitsPerByte(input, quietContext())).rejects.toThrow(/HC3014[\s\S]*instance \d+/);
    expect(existsSync(input.output)).toBe(false);
    const joined = await joinBitsPerByte({ ...input, onMismatch: "exclude" }, quietContext());
    expect(joined.excluded).toEqual({ differentText: cut.truncatedInstances, missing: 0, unscored: 0 });
    expect(joined.compared).toBe(joined.instances - cut.truncatedInstances);
    const rows = await readScores(input.output);
    expect(rows.filter((row) => row.tokens === 0)).toHaveLength(cut.truncatedInstances);
    for (const row of rows) if (row.tokens > 0) expect(row.difference).toBeCloseTo(1, 6);
  });

  test("documents packed apart with two tokenizers are matched by id; packed ones with several documents are not", async () => {
    const { root, large, small, pack, scored } = await world();
    await pack("documents-large", large, { mode: "document", contextLength: 600 });
    await pack("documents-small", small, { mode: "document", contextLength: 600, seed: 7 });
    const teacher = await scored("documents-large", large, 1);
    const input = {
      teacher,
      reference: await scored("documents-small", small, 1.5),
      instances: join(root, "documents-large"),
      output: join(root, "scores.parquet"),
    };
    const joined = await joinBitsPerByte(input, quietContext());
    expect(joined).toMatchObject({ reference: { matchedBy: "document" }, compared: TEXTS.length });
    // Each side leaves the first token out, a longer one on one side: the rate is that of what it scored.
    for (const row of await readScores(input.output)) expect(row.difference).toBeCloseTo(0.5, 6);
    await pack("packed-small", small);
    const packed = await scored("packed-small", small, 1.5);
    await expect(joinBitsPerByte({ ...input, reference: packed }, quietContext())).rejects.toThrow(
      /HC3013[\s\S]*heartcut convert/,
    );
  });

  test("bytes of other instances, another mask or another tokenizer are refused", async () => {
    const { root, large, small, pack, scored } = await world();
    await pack("packed", large);
    await pack("other", large, { contextLength: 40 });
    const one = await scored("packed", large, 1);
    const other = await scored("other", large, 1);
    const input = {
      teacher: one,
      reference: one,
      instances: join(root, "packed"),
      output: join(root, "scores.parquet"),
    };
    const mixed = { ...input, reference: { scores: one.scores, bytes: other.bytes } };
    await expect(joinBitsPerByte(mixed, quietContext())).rejects.toThrow(/HC3012[\s\S]*corpus/);
    const masked = {
      instances: join(root, "packed"),
      tokenizer: large,
      mask: "miniplm" as const,
      folder: join(root, "masked"),
    };
    await countTextBytes(masked, quietContext());
    const otherMask = { ...input, reference: { scores: one.scores, bytes: masked.folder } };
    await expect(joinBitsPerByte(otherMask, quietContext())).rejects.toThrow(/HC3012[\s\S]*mask/);
    await expect(countTextBytes({ ...masked, tokenizer: small }, quietContext())).rejects.toThrow("HC3011");
    await writeFile(join(one.bytes, "text_bytes.parquet"), "torn");
    await expect(joinBitsPerByte(input, quietContext())).rejects.toThrow("HC3010");
  });
});

describe.skipIf(!shared)(shared ? "across families" : "skipped: no shared fixtures", () => {
  test("scored bytes: byte-level BPE and SentencePiece with byte fallback hold the same text", async () => {
    const { root, large, pack, scored } = await world();
    const llama = await loadTokenizer(join(data, "llama2"));
    await pack("documents", large, { mode: "document", contextLength: 600 });
    await convertInstances(
      {
        instances: join(root, "documents"),
        from: large,
        to: llama,
        folder: join(root, "llama"),
        contextLength: 30,
        overflow: "carry",
      },
      quietContext(),
    );
    const teacher = await scored("documents", large, 1, "miniplm");
    const reference = await scored("llama", llama, 1, "miniplm");
    const [a, b] = [await readTextBytes(teacher.bytes), await readTextBytes(reference.bytes)];
    const bytes = (text: string) => Buffer.byteLength(text, "utf8");
    const total = TEXTS.reduce((sum, text) => sum + bytes(text), 0);
    expect([a.summary.bytes, b.summary.bytes]).toEqual([total, total]);
    // BOS is an input there, so every byte is scored; here the first token of each instance is not.
    expect(b.summary.scoredBytes).toBe(total);
    expect(a.summary.scoredBytes).toBeLessThan(total);
    expect(b.rows.length).toBeGreaterThan(a.rows.length);
    const input = { teacher, reference, instances: join(root, "documents"), output: join(root, "scores.parquet") };
    expect((await joinBitsPerByte(input, quietContext())).compared).toBe(TEXTS.length);
    const { rows } = await readScoreFolder(reference.scores);
    expect(rows.map((row) => row.tokens)).toEqual(b.rows.map((row) => row.tokens));
  });
});
