import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { indexedDataset } from "../../src/conformance/indexed_dataset.ts";
import {
  createIndexedDatasetWriter,
  type IndexedDatasetWriterOptions,
  openIndexedDataset,
} from "../../src/formats/indexed_dataset.ts";
import { sha256File } from "../../src/formats/publish.ts";
import { faultSweep, temporaryFolder } from "./faults.ts";

const GOLDEN = join(import.meta.dirname, "../golden");

async function write(
  path: string,
  sequences: number[][],
  options: IndexedDatasetWriterOptions,
  documents: number[] = [],
) {
  const writer = createIndexedDatasetWriter(path, options);
  for (const [i, tokens] of sequences.entries()) {
    await writer.append(tokens);
    if (documents.includes(i + 1)) writer.endDocument();
  }
  return writer.finish();
}

function readAll(path: string): number[][] {
  const set = openIndexedDataset(path);
  const sequences = Array.from({ length: set.count }, (_, i) => [...set.read(i)]);
  expect(sequences.map((tokens) => tokens.length)).toEqual(sequences.map((_, i) => set.length(i)));
  expect(set.totalTokens).toBe(sequences.flat().length);
  set.close();
  return sequences;
}

test("all goldens pass", async () => {
  const results = [];
  for await (const result of indexedDataset({ fixtures: GOLDEN, data: "" })) results.push(result);
  expect(results.filter(({ passed }) => !passed)).toEqual([]);
  expect(results.length).toBe(24);
});

test("the conformance kind sees wrong values, wrong bytes and accepted broken files", async () => {
  const folder = temporaryFolder();
  const expected = JSON.parse(readFileSync(join(GOLDEN, "indexed_dataset/expected.json"), "utf8"));
  mkdirSync(join(folder, "indexed_dataset/megatron"), { recursive: true });
  mkdirSync(join(folder, "indexed_dataset/bad"));
  for (const kind of ["bin", "idx"]) {
    copyFileSync(
      join(GOLDEN, `indexed_dataset/megatron/uint8.${kind}`),
      join(folder, `indexed_dataset/megatron/uint8.${kind}`),
    );
    copyFileSync(
      join(GOLDEN, `indexed_dataset/megatron/uint8.${kind}`),
      join(folder, `indexed_dataset/bad/fine.${kind}`),
    );
  }
  expected.megatron.uint8.sequences[0][0] = 9;
  expected.sha256["megatron/uint8.bin"] = "0".repeat(64);
  writeFileSync(
    join(folder, "indexed_dataset/expected.json"),
    JSON.stringify({ megatron: { uint8: expected.megatron.uint8 }, bad: { fine: "x" }, sha256: expected.sha256 }),
  );
  const notes = [];
  for await (const { passed, note } of indexedDataset({ fixtures: folder, data: "" })) notes.push([passed, note]);
  expect(notes).toEqual([
    [false, expect.stringMatching(/sequences: .*; megatron\/uint8.bin has other bytes/)],
    [false, "accepted although: x"],
  ]);
});

describe("round trips", () => {
  const sequence = (max: number) => fc.array(fc.nat(max), { maxLength: 12 });
  test("MiniPLM, any sequences, shard size and vocabulary", async () => {
    const path = join(temporaryFolder(), "tokens");
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(65499, 65500, 151936),
        fc.integer({ min: 1, max: 5 }),
        fc.func(fc.nat()),
        fc.nat(14),
        async (vocabSize, shardInstances, next, count) => {
          const sequences = Array.from({ length: count }, (_, i) =>
            Array.from({ length: next(i) % 9 }, (__, k) => next(i, k) % vocabSize),
          );
          const files = await write(path, sequences, { dialect: "miniplm", vocabSize, shardInstances });
          expect(readAll(path)).toEqual(sequences);
          expect(readdirSync(path).sort()).toEqual(files.map(({ name }) => name).sort());
          for (const { name, bytes, sha256 } of files)
            expect(await sha256File(join(path, name))).toEqual({ bytes, sha256 });
          const shards = Math.ceil(count / shardInstances);
          expect(files.length).toBe(count === 0 ? 1 : 2 * shards);
          if (count > 0) expect(openIndexedDataset(path).shards[0]!.type).toBe(vocabSize < 65500 ? "uint16" : "int32");
        },
      ),
      { numRuns: 30 },
    );
  });

  test("Megatron, any documents", async () => {
    const path = join(temporaryFolder(), "set");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(sequence(60000), { maxLength: 3 }), { maxLength: 5 }), async (documents) => {
        const writer = createIndexedDatasetWriter(path, { dialect: "megatron", vocabSize: 60001 });
        const ends = [0];
        for (const document of documents) {
          for (const tokens of document) await writer.append(tokens);
          writer.endDocument();
          ends.push(writer.count);
        }
        await writer.finish();
        expect(readAll(path)).toEqual(documents.flat());
        expect([...openIndexedDataset(path).documents!]).toEqual(ends);
      }),
      { numRuns: 40 },
    );
  });

  test("more shards than files kept open", async () => {
    const path = temporaryFolder();
    const sequences = Array.from({ length: 70 }, (_, i) => [i, i + 1]);
    await write(path, sequences, { dialect: "miniplm", vocabSize: 100, shardInstances: 1 });
    const set = openIndexedDataset(path);
    for (const i of [...sequences.keys(), ...[...sequences.keys()].reverse(), 0, 69, 1])
      expect([...set.read(i)]).toEqual(sequences[i]);
    set.close();
  });
});

test("2000 mutated indexes are read or refused by code, and accepted ones stay inside the data", () => {
  const prefix = join(temporaryFolder(), "set");
  const idx = readFileSync(join(GOLDEN, "indexed_dataset/megatron/uint16.idx"));
  const bin = readFileSync(join(GOLDEN, "indexed_dataset/megatron/uint16.bin"));
  writeFileSync(`${prefix}.bin`, bin);
  const change = fc.record({
    at: fc.nat(idx.length - 1),
    byte: fc.oneof(fc.constantFrom(0, 1, 2, 127, 128, 255), fc.nat(255)),
    kind: fc.constantFrom("set", "set", "set", "cut", "grow"),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      let bytes = Buffer.from(idx);
      for (const { at, byte, kind } of changes) {
        if (kind === "cut") bytes = bytes.subarray(0, at);
        else if (kind === "grow") bytes = Buffer.concat([bytes, Buffer.of(byte)]);
        else if (at < bytes.length) bytes[at] = byte;
      }
      writeFileSync(`${prefix}.idx`, bytes);
      try {
        expect(readAll(prefix).flat().length * 2).toBeLessThanOrEqual(bin.length);
      } catch (error) {
        expect(error).toMatchObject({ name: "HeartcutError", code: expect.stringMatching(/^HC10(06|60|62)$/) });
      }
    }),
    { numRuns: 2000 },
  );
});

describe("folders of shards", () => {
  const four = [[1], [2, 3], [4], [5]];
  const shardedBy = async (shardInstances: number) => {
    const folder = temporaryFolder();
    await write(folder, four, { dialect: "miniplm", vocabSize: 10, shardInstances });
    return folder;
  };

  test("end at the first number that is not whole, and tell what lies behind it", async () => {
    const folder = await shardedBy(1);
    rmSync(join(folder, "data_2.idx"));
    const set = openIndexedDataset(folder);
    expect(set.count).toBe(2);
    expect(set.leftOver).toEqual(["data_2.bin", "data_3.bin", "data_3.idx"]);
    writeFileSync(join(folder, "data_2.bin"), "");
    expect(openIndexedDataset(folder).leftOver).toEqual(["data_3.bin", "data_3.idx"]);
  });

  test("without a first shard are refused, but for MiniPLM's empty set", async () => {
    const folder = await shardedBy(4);
    rmSync(join(folder, "data_0.idx"));
    expect(() => openIndexedDataset(folder)).toThrow(expect.objectContaining({ code: "HC1061" }));
    expect(() => openIndexedDataset(temporaryFolder())).toThrow(expect.objectContaining({ code: "HC1061" }));
    expect(() => openIndexedDataset(join(folder, "nothing"))).toThrow(expect.objectContaining({ code: "HC1004" }));
    writeFileSync(join(folder, "data_0.bin"), "");
    expect(openIndexedDataset(folder)).toMatchObject({ count: 0, totalTokens: 0, leftOver: [] });
  });

  test("do not keep shards of a longer earlier set; other splits are left alone", async () => {
    const folder = await shardedBy(1);
    writeFileSync(join(folder, "data_x.bin"), "mine");
    await write(folder, [[7]], { dialect: "miniplm", vocabSize: 10, split: "valid" });
    await write(folder, [[9], [8]], { dialect: "miniplm", vocabSize: 10, shardInstances: 1 });
    expect(readAll(folder)).toEqual([[9], [8]]);
    expect(openIndexedDataset(folder, { split: "valid" }).count).toBe(1);
    expect(readdirSync(folder).sort()).toEqual([
      "data_0.bin",
      "data_0.idx",
      "data_1.bin",
      "data_1.idx",
      "data_x.bin",
      "valid_0.bin",
      "valid_0.idx",
    ]);
  });

  test("nothing shows before finish, nothing is left after abort", async () => {
    const folder = temporaryFolder();
    const writer = createIndexedDatasetWriter(folder, { dialect: "miniplm", vocabSize: 10, shardInstances: 1 });
    await writer.append([1]);
    await writer.append([2]);
    expect(readdirSync(folder).every((name) => name.startsWith("."))).toBe(true);
    await writer.abort();
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(["ENOSPC", "SHORT"] as const)(
    "with %s at any operation a reader finds the earlier set, the new one, or none",
    async (kind) => {
      const outcomes = new Set<string>();
      const faults = await faultSweep(kind, async (fileSystem) => {
        const folder = await shardedBy(1);
        const writer = createIndexedDatasetWriter(folder, {
          dialect: "miniplm",
          vocabSize: 10,
          shardInstances: 1,
          fileSystem,
        });
        const error = await (async () => {
          for (const tokens of [[6], [7], [8]]) await writer.append(tokens);
          await writer.finish();
        })().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error !== undefined) {
          expect(error).toMatchObject({ name: "HeartcutError", code: "HC1001" });
          await writer.abort();
        }
        let found = "none";
        try {
          found = JSON.stringify(readAll(folder));
        } catch (reason) {
          expect(reason).toMatchObject({ code: "HC1061" });
        }
        expect(["none", "[[1],[2,3],[4],[5]]", "[[6],[7],[8]]"]).toContain(found);
        if (error === undefined) expect(found).toBe("[[6],[7],[8]]");
        outcomes.add(found);
      });
      expect(faults).toBeGreaterThan(50);
      expect(outcomes.size).toBe(kind === "SHORT" ? 1 : 3);
    },
  );
});

test("ids that are no 32-bit integers are refused by name", async () => {
  const int64 = openIndexedDataset(join(GOLDEN, "indexed_dataset/megatron/int64"));
  expect(() => int64.read(0)).toThrow(
    expect.objectContaining({ code: "HC1062", message: expect.stringContaining("1099511627776") }),
  );
  expect([...int64.read(1)]).toEqual([-1]);
  expect(int64.readStored(0)).toEqual(BigInt64Array.of(1n, 1099511627776n, 3n));
  const float32 = openIndexedDataset(join(GOLDEN, "indexed_dataset/megatron/float32"));
  expect(() => float32.read(0)).toThrow("floating-point");
  expect(() => float32.read(3)).toThrow(RangeError);
});

test("the writer refuses ids outside the vocabulary and sequences outside documents", async () => {
  const path = join(temporaryFolder(), "set");
  const writer = createIndexedDatasetWriter(path, { dialect: "megatron", vocabSize: 100 });
  for (const tokens of [[100], [-1], [Number.NaN]]) await expect(writer.append(tokens)).rejects.toThrow("internal:");
  await writer.append([99]);
  await expect(writer.finish()).rejects.toThrow("no document");
  await writer.abort();
  expect(existsSync(`${path}.idx`)).toBe(false);
});

test("reads behind the first 4 GiB of .bin (sparse file)", () => {
  const prefix = join(temporaryFolder(), "set");
  const lengths = [1_200_000_000, 3];
  const idx = Buffer.alloc(34 + 24 + 8);
  idx.write("MMIDIDX\0\0", "latin1");
  idx.writeBigUInt64LE(1n, 9);
  idx[17] = 4;
  idx.writeBigUInt64LE(2n, 18);
  idx.writeBigUInt64LE(1n, 26);
  for (const [i, length] of lengths.entries()) idx.writeInt32LE(length, 34 + 4 * i);
  idx.writeBigInt64LE(4_800_000_000n, 34 + 8 + 8);
  writeFileSync(`${prefix}.idx`, idx);
  const file = openSync(`${prefix}.bin`, "w");
  ftruncateSync(file, 4_800_000_000);
  writeSync(file, new Uint8Array(Int32Array.of(7, 8, 9).buffer), 0, 12, 4_800_000_000);
  closeSync(file);
  const set = openIndexedDataset(prefix);
  expect([...set.read(1)]).toEqual([7, 8, 9]);
  expect(set.length(0)).toBe(1_200_000_000);
  set.close();
});
