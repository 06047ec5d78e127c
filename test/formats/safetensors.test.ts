import {
  closeSync,
  existsSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sha256File } from "../../src/formats/publish.ts";
import {
  type Dtype,
  openSafetensors,
  type TensorSource,
  writeSafetensors,
  writeShardedSafetensors,
} from "../../src/formats/safetensors.ts";
import { temporaryFolder } from "./faults.ts";

const FIXTURES = join(import.meta.dirname, "../../../shared/fixtures/models");

/** A file from its header text and data, with the true or a claimed header length. */
function fileOf(header: string | Uint8Array, data: Uint8Array = new Uint8Array(0), claimed?: bigint): string {
  const path = join(temporaryFolder(), "model.safetensors");
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed ?? BigInt(text.length));
  writeFileSync(path, Buffer.concat([length, text, data]));
  return path;
}
const AB = Buffer.from("ab");
const u8 = (shape: string, offsets: string, dtype = '"U8"') =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;

describe("what the format forbids is refused", () => {
  const two = u8("[2]", "[0,2]");
  const cases: [string, string | Uint8Array, Uint8Array?, bigint?][] = [
    ["header longer than the file", `{"a":${two}}`, AB, 1000n],
    ["header length near 2^64", `{"a":${two}}`, AB, 2n ** 64n - 1n],
    ["header of length 0", "", AB],
    ["space before the brace", ` {"a":${two}}`, AB],
    ["byte order mark", `\ufeff{"a":${two}}`, AB],
    ["not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x7d]), AB],
    ["not JSON", `{"a":${two}`, AB],
    ["text behind the object", `{"a":${two}}x`, AB],
    ["an array", `[${two}]`, AB],
    ["a repeated tensor", `{"a":${two},"a":${two}}`, AB],
    ["a repeated tensor under an escape", `{"a":${two},"\\u0061":${two}}`, AB],
    ["a repeated field", `{"a":{"dtype":"U8","dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, AB],
    ["an unknown field", `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"stride":[1]}}`, AB],
    ["a missing field", `{"a":{"dtype":"U8","shape":[2]}}`, AB],
    ["the array form of a tensor", `{"a":["U8",[2],[0,2]]}`, AB],
    ["an unknown dtype", `{"a":${u8("[2]", "[0,2]", '"I7"')}}`, AB],
    ["a dtype of Object.prototype", `{"a":${u8("[2]", "[0,2]", '"constructor"')}}`, AB],
    ["a dtype that is no string", `{"a":${u8("[2]", "[0,2]", "8")}}`, AB],
    ["a negative size", `{"a":${u8("[-2]", "[0,2]")}}`, AB],
    ["minus zero", `{"a":${u8("[2]", "[-0,2]")}}`, AB],
    ["a decimal size", `{"a":${u8("[2.0]", "[0,2]")}}`, AB],
    ["a size with exponent", `{"a":${u8("[2e0]", "[0,2]")}}`, AB],
    ["a size with a leading zero", `{"a":${u8("[02]", "[0,2]")}}`, AB],
    ["a size beyond 2^53", `{"a":${u8("[9007199254740993]", "[0,2]")}}`, AB],
    ["sizes whose product overflows", `{"a":${u8("[4294967296,4294967296,4294967296]", "[0,2]")}}`, AB],
    ["a product that is 0 only behind an overflow", `{"a":${u8("[4294967296,4294967296,0]", "[0,0]")}}`],
    ["three offsets", `{"a":${u8("[2]", "[0,2,2]")}}`, AB],
    ["offsets the wrong way round", `{"a":${u8("[2]", "[2,0]")}}`, AB],
    ["more bytes than shape and dtype need", `{"a":${u8("[1]", "[0,2]")}}`, AB],
    ["fewer bytes than shape and dtype need", `{"a":${u8("[3]", "[0,2]")}}`, AB],
    ["sub-byte elements that end inside a byte", `{"a":${u8("[3]", "[0,2]", '"F4"')}}`, AB],
    ["a hole at the start", `{"a":${u8("[1]", "[1,2]")}}`, AB],
    ["a hole between tensors", `{"a":${u8("[1]", "[0,1]")},"b":${u8("[1]", "[2,3]")}}`, Buffer.from("abc")],
    ["an overlap", `{"a":${two},"b":${u8("[2]", "[1,3]")}}`, Buffer.from("abc")],
    ["two tensors over the same bytes", `{"a":${two},"b":${two}}`, AB],
    ["an empty tensor inside another", `{"a":${two},"b":${u8("[0]", "[1,1]")}}`, AB],
    ["bytes behind the last tensor", `{"a":${two}}`, Buffer.from("abc")],
    ["bytes without a tensor", "{}", AB],
    ["data cut off", `{"a":${two}}`, Buffer.from("a")],
    ["metadata that is no object", `{"__metadata__":null,"a":${two}}`, AB],
    ["metadata with a number", `{"__metadata__":{"n":1},"a":${two}}`, AB],
    ["nested metadata", `{"__metadata__":{"n":{"m":"x"}},"a":${two}}`, AB],
    ["deep nesting", `{"a":${"[".repeat(100_000)}`, AB],
    ["half a surrogate pair", `{"\\ud800":${two}}`, AB],
  ];
  test.each(cases)("%s", async (_what, header, data, claimed) => {
    const path = fileOf(header, data, claimed);
    await expect(openSafetensors(path)).rejects.toMatchObject({
      name: "HeartcutError",
      code: expect.stringMatching(/^HC101[0-2]$/),
      fault: { where: expect.stringContaining(path) },
    });
  });

  test.each([0, 1, 7, 8])("a file of %i bytes", async (length) => {
    const path = join(temporaryFolder(), "x");
    writeFileSync(path, new Uint8Array(length));
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: expect.stringMatching(/^HC101[01]$/) });
  });

  test.each([
    ["zip", "PK\x03\x04rest of it", "zip archive"],
    ["pickle", "\x80\x02}q\x00X\x01\x00\x00\x00", "pickle"],
    ["GGUF", "GGUF\x03\x00\x00\x00\x00\x00", "GGUF"],
    ["HDF5", "\x89HDF\r\n\x1a\nrest", "HDF5"],
    ["NumPy", "\x93NUMPY\x01\x00v\x00", "NumPy"],
    ["LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "git lfs pull"],
    ["web page", "<!DOCTYPE html><html>Access denied", "web page"],
  ])("%s under a safetensors name, with the way out", async (_kind, content, text) => {
    const path = join(temporaryFolder(), "model.safetensors");
    writeFileSync(path, content, "latin1");
    await expect(openSafetensors(path)).rejects.toMatchObject({
      code: "HC1010",
      message: expect.stringContaining(text),
    });
  });

  test("headers and tensor counts over the limits", async () => {
    const path = fileOf(`{"a":${two},"b":${u8("[0]", "[2,2]")}}`, AB);
    await expect(openSafetensors(path, { limits: { safetensorsHeaderBytes: 20 } })).rejects.toMatchObject({
      code: "HC1006",
    });
    await expect(openSafetensors(path, { limits: { safetensorsTensors: 0 } })).rejects.toMatchObject({
      code: "HC1011",
    });
    await (await openSafetensors(path)).close();
  });
});

test("3000 mutated files are read or refused by code, and every accepted one keeps its promise", async () => {
  const path = join(temporaryFolder(), "model.safetensors");
  const header = `{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"b":{"dtype":"I16","shape":[3],"data_offsets":[16,22]}} `;
  const change = fc.record({
    at: fc.nat(8 + header.length + 21),
    byte: fc.oneof(fc.constantFrom(...Buffer.from('{}[]",:0123456789')), fc.nat(255)),
    kind: fc.constantFrom("set", "set", "insert", "remove", "cut"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), fc.boolean(), async (changes, repair) => {
      const bytes = [...Buffer.concat([Buffer.alloc(8), Buffer.from(header), Buffer.alloc(22, 1)])];
      for (const { at, byte, kind } of changes) {
        if (kind === "cut") bytes.length = Math.min(bytes.length, at);
        else bytes.splice(at, kind === "insert" ? 0 : 1, ...(kind === "remove" ? [] : [byte]));
      }
      const file = Buffer.from(bytes);
      if (repair && file.length >= 30) file.writeBigUInt64LE(BigInt(file.length - 30));
      writeFileSync(path, file);
      const reader = await openSafetensors(path).catch((error: unknown) => error);
      if (reader instanceof Error) {
        expect(reader.name).toBe("HeartcutError");
        return;
      }
      const { tensors, readRaw } = reader as Awaited<ReturnType<typeof openSafetensors>>;
      let total = 0;
      for (const [name, { bytes: size }] of tensors) {
        expect((await readRaw.call(reader, name)).length).toBe(size);
        total += size;
      }
      expect(total).toBe(file.length - 8 - Number(file.readBigUInt64LE(0)));
      await (reader as { close(): Promise<void> }).close();
    }),
    { numRuns: 3000 },
  );
});

describe("written files", () => {
  test("hold tensors by dtype, then name, behind a header padded to 8 bytes", async () => {
    const path = join(temporaryFolder(), "a.safetensors");
    const f32 = Float32Array.of(1, 2);
    await writeSafetensors(
      path,
      [
        { name: "b", dtype: "F32", shape: [2], data: f32 },
        { name: "\u{1d4b3}", dtype: "F32", shape: [], data: Float32Array.of(3) },
        { name: "\uffff", dtype: "F32", shape: [0, 7], data: new Float32Array(0) },
        { name: "z", dtype: "I64", shape: [1], data: BigInt64Array.of(-1n) },
        { name: "a", dtype: "BF16", shape: [2], data: f32 },
        { name: "m", dtype: "BOOL", shape: [1], data: Uint8Array.of(1) },
      ],
      { format: "pt" },
    );
    const file = readFileSync(path);
    const length = Number(file.readBigUInt64LE(0));
    const expected =
      '{"__metadata__":{"format":"pt"},"z":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},' +
      '"\uffff":{"dtype":"F32","shape":[0,7],"data_offsets":[16,16]},"\u{1d4b3}":{"dtype":"F32","shape":[],"data_offsets":[16,20]},' +
      '"a":{"dtype":"BF16","shape":[2],"data_offsets":[20,24]},"m":{"dtype":"BOOL","shape":[1],"data_offsets":[24,25]}}';
    expect(length % 8).toBe(0);
    expect(
      file
        .subarray(8, 8 + length)
        .toString()
        .trimEnd(),
    ).toBe(expected);
    const reader = await openSafetensors(path);
    expect(await reader.readFloat32("a")).toEqual(f32);
    expect(await reader.readFloat32("\u{1d4b3}")).toEqual(Float32Array.of(3));
    expect(await reader.readTyped("z")).toEqual(BigInt64Array.of(-1n));
    expect(await reader.readTyped("m")).toEqual(Uint8Array.of(1));
    await expect(reader.readFloat32("z")).rejects.toMatchObject({ code: "HC1014" });
    await expect(reader.readFloat32("absent")).rejects.toMatchObject({ code: "HC1015" });
    await expect(reader.readFloat32("b", new Float32Array(3))).rejects.toThrow(RangeError);
    await reader.close();
  });

  test("come back as they were, whatever the tensors", async () => {
    const folder = temporaryFolder();
    const arrays: Partial<Record<Dtype, fc.Arbitrary<TensorSource["data"]>>> = {
      F32: fc.float32Array({ maxLength: 40 }),
      F64: fc.float64Array({ maxLength: 40 }),
      I32: fc.int32Array({ maxLength: 40 }),
      I16: fc.int16Array({ maxLength: 40 }),
      U8: fc.uint8Array({ maxLength: 40 }),
      U16: fc.uint16Array({ maxLength: 40 }),
      BF16: fc.uint16Array({ maxLength: 40 }),
      F16: fc.uint16Array({ maxLength: 40 }),
      I64: fc.bigInt64Array({ maxLength: 40 }),
      U64: fc.bigUint64Array({ maxLength: 40 }),
    };
    const tensor = fc.oneof(
      ...Object.entries(arrays).map(([dtype, data]) =>
        fc.record({ name: fc.string({ unit: "grapheme" }), dtype: fc.constant(dtype as Dtype), data: data! }),
      ),
    );
    const distinct = fc
      .uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 8 })
      .filter((list) => !list.some(({ name }) => name === "__metadata__"));
    await fc.assert(
      fc.asyncProperty(
        distinct,
        fc.dictionary(fc.string(), fc.string()),
        fc.integer({ min: 1, max: 300 }),
        async (list, metadata, maxShardBytes) => {
          const sources = list.map((t) => ({
            ...t,
            shape: [(t.data as Uint8Array).length, 1],
            data: async () => t.data as Uint8Array,
          }));
          const target = join(folder, "m");
          for (const name of existsSync(target) ? readdirSync(target) : [])
            renameSync(join(target, name), join(folder, "old"));
          await writeShardedSafetensors(target, sources, { metadata, maxShardBytes });
          const reader = await openSafetensors(target);
          expect(new Set(reader.tensors.keys())).toEqual(new Set(list.map(({ name }) => name)));
          for (const { name, dtype, data } of list) {
            expect(reader.tensors.get(name)).toMatchObject({ dtype, shape: [(data as Uint8Array).length, 1] });
            expect(await reader.readTyped(name)).toEqual(data);
          }
          expect(Object.fromEntries(reader.metadata)).toEqual({ ...metadata });
          await reader.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  test("large BF16, F16 and F64 tensors are converted in pieces without a seam", async () => {
    const path = join(temporaryFolder(), "a.safetensors");
    const values = Float32Array.from({ length: 9_000_001 }, (_, i) => (i % 251) - 125);
    await writeSafetensors(
      path,
      (["BF16", "F16"] as const).map((dtype) => ({ name: dtype, dtype, shape: [values.length], data: values })),
    );
    const reader = await openSafetensors(path);
    const into = new Float32Array(values.length);
    for (const name of ["BF16", "F16"]) {
      expect(await reader.readFloat32(name, into)).toBe(into);
      expect(Buffer.compare(Buffer.from(into.buffer), Buffer.from(values.buffer))).toBe(0);
    }
    await reader.close();
  });

  test("a wrong number of values is refused before anything is published", async () => {
    const path = join(temporaryFolder(), "a.safetensors");
    const bad: TensorSource[] = [
      { name: "a", dtype: "F32", shape: [2], data: new Float32Array(3) },
      { name: "a", dtype: "BF16", shape: [2], data: new Float32Array(1) },
      { name: "a", dtype: "I32", shape: [1], data: new Float32Array(1) },
      { name: "__metadata__", dtype: "F32", shape: [1], data: new Float32Array(1) },
    ];
    for (const tensor of bad) await expect(writeSafetensors(path, [tensor])).rejects.toThrow("internal:");
    expect(existsSync(path)).toBe(false);
  });
});

describe("shards", () => {
  const tensors: TensorSource[] = ["a", "b", "c"].map((name, i) => ({
    name,
    dtype: "F32",
    shape: [2],
    data: Float32Array.of(i, i + 0.5),
  }));
  async function sharded(): Promise<string> {
    const folder = temporaryFolder();
    await writeShardedSafetensors(folder, tensors, { maxShardBytes: 16, metadata: { format: "pt" } });
    return folder;
  }
  const rewriteIndex = (folder: string, change: (index: { weight_map: Record<string, string> }) => void) => {
    const path = join(folder, "model.safetensors.index.json");
    const index = JSON.parse(readFileSync(path, "utf8"));
    change(index);
    writeFileSync(path, JSON.stringify(index));
  };

  test("are named and indexed as transformers does", async () => {
    const folder = await sharded();
    expect(readdirSync(folder).sort()).toEqual([
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ]);
    expect(JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8"))).toEqual({
      metadata: { total_parameters: 6, total_size: 24 },
      weight_map: {
        a: "model-00001-of-00002.safetensors",
        b: "model-00001-of-00002.safetensors",
        c: "model-00002-of-00002.safetensors",
      },
    });
    const reader = await openSafetensors(folder);
    expect(await reader.readFloat32("c")).toEqual(Float32Array.of(2, 2.5));
    await reader.close();
  });

  test.each<[string, (folder: string) => void, string]>([
    [
      "a tensor the file lacks",
      (f) =>
        rewriteIndex(f, (i) => {
          i.weight_map.d = "model-00001-of-00002.safetensors";
        }),
      "HC1013",
    ],
    [
      "a tensor the map lacks",
      (f) =>
        rewriteIndex(f, (i) => {
          delete i.weight_map.a;
        }),
      "HC1013",
    ],
    [
      "a tensor in another file",
      (f) =>
        rewriteIndex(f, (i) => {
          i.weight_map.a = "model-00002-of-00002.safetensors";
        }),
      "HC1013",
    ],
    [
      "a map that is no object",
      (f) => writeFileSync(join(f, "model.safetensors.index.json"), '{"weight_map":[]}'),
      "HC1013",
    ],
    [
      "a file name that is no string",
      (f) => writeFileSync(join(f, "model.safetensors.index.json"), '{"weight_map":{"a":1}}'),
      "HC1013",
    ],
    [
      "a repeated key",
      (f) => writeFileSync(join(f, "model.safetensors.index.json"), '{"weight_map":{"a":"x","a":"y"}}'),
      "HC1020",
    ],
    [
      "a name that leads out",
      (f) =>
        rewriteIndex(f, (i) => {
          i.weight_map.a = "../model.safetensors";
        }),
      "HC1007",
    ],
    ["a hard link", (f) => linkSync(join(f, "model-00001-of-00002.safetensors"), join(f, "other")), "HC1007"],
    ["a missing shard", (f) => renameSync(join(f, "model-00002-of-00002.safetensors"), join(f, "gone")), "HC1004"],
  ])("with %s are refused", async (_what, damage, code) => {
    const folder = await sharded();
    damage(folder);
    await expect(openSafetensors(folder)).rejects.toMatchObject({ code });
  });

  test("a folder without weights says what it looked for", async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "sub"));
    await expect(openSafetensors(folder)).rejects.toMatchObject({
      code: "HC1004",
      fault: { expected: expect.stringContaining("model.safetensors") },
    });
    await expect(openSafetensors(join(folder, "missing"))).rejects.toMatchObject({ code: "HC1004" });
  });
});

test("reads a tensor behind the first 4 GiB (sparse file)", async () => {
  const path = join(temporaryFolder(), "big.safetensors");
  const big = 5 * 2 ** 30;
  const header = Buffer.from(
    `{"a":{"dtype":"U8","shape":[${big}],"data_offsets":[0,${big}]},"b":{"dtype":"F32","shape":[2],"data_offsets":[${big},${big + 8}]}}`,
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, "w");
  writeSync(file, Buffer.concat([length, header]));
  writeSync(file, new Uint8Array(Float32Array.of(1.5, -2).buffer), 0, 8, 8 + header.length + big);
  const reader = await openSafetensors(path);
  expect(await reader.readFloat32("b")).toEqual(Float32Array.of(1.5, -2));
  ftruncateSync(file, big);
  closeSync(file);
  await expect(reader.readFloat32("b")).rejects.toMatchObject({ code: "HC1012" });
  await reader.close();
});

const models = existsSync(FIXTURES) ? readdirSync(FIXTURES) : [];
test.skipIf(models.length === 0)(
  `golden files are written again byte for byte${models.length === 0 ? " (skipped: no shared fixtures)" : ""}`,
  async () => {
    const path = join(temporaryFolder(), "again.safetensors");
    let files = 0;
    for (const model of models) {
      for (const name of ["model.safetensors", "expected.safetensors"]) {
        const golden = join(FIXTURES, model, name);
        if (!existsSync(golden)) continue;
        const reader = await openSafetensors(golden);
        const sources = [...reader.tensors].map(([tensor, { dtype, shape }]) => ({
          name: tensor,
          dtype,
          shape,
          data: () => reader.readTyped(tensor),
        }));
        const metadata = reader.metadata.size > 0 ? Object.fromEntries(reader.metadata) : undefined;
        const written = await writeSafetensors(path, sources.reverse(), metadata);
        expect([golden, written]).toEqual([golden, await sha256File(golden)]);
        await reader.close();
        files++;
      }
    }
    expect(files).toBeGreaterThan(10);
  },
);
