import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkTopLogProbs } from "../../src/distill/store_check.ts";
import { STORE_PRECISIONS } from "../../src/distill/store_precision.ts";
import { StoreShard } from "../../src/distill/store_shard_read.ts";
import { writeStoreShard } from "../../src/distill/store_shard_write.ts";
import { HeartcutError } from "../../src/errors.ts";
import { origin, randomTops, temporaryFolder } from "./store_shards.ts";

/** Largest error of a log-probability, and of KL(teacher || stored) over the k tokens and the rest (Hoeffding: width² / 8). */
const BOUNDS = {
  float32: { logProb: 0, relative: 0, kl: 1e-6 },
  // Relative: of the value, and of the entropy through the scaling back to one distribution.
  float16: { logProb: 0.005, relative: 2 ** -11, kl: 2e-4 },
  step256: { logProb: 1 / 256, relative: 0, kl: 1 / 256 ** 2 / 8 },
  step64: { logProb: 1 / 64, relative: 0, kl: 1 / 64 ** 2 / 8 },
  step16: { logProb: 1 / 16, relative: 0, kl: 1 / 16 ** 2 / 8 },
};

async function roundTrip(path: string) {
  const shard = await StoreShard.open(path);
  const instances = [];
  try {
    for (let i = 0; i < shard.header.instances; i++) instances.push(await shard.read(i));
  } finally {
    await shard.close();
  }
  return { header: shard.header, instances };
}

describe("a shard", () => {
  test.each(STORE_PRECISIONS)(
    "%s: ids are exact, values within the stated bound, one distribution each",
    async (precision) => {
      const path = join(await temporaryFolder(), "part.topk");
      const bound = BOUNDS[precision];
      await fc.assert(
        fc.asyncProperty(
          fc.nat(),
          fc.integer({ min: 2, max: 300 }),
          fc.nat(),
          fc.array(fc.nat(12), { minLength: 1, maxLength: 4 }),
          async (seed, V, kSeed, lengths) => {
            const k = 1 + (kSeed % V);
            const tops = lengths.map((n, i) => randomTops(seed + i, n, V, k));
            for (const [i, top] of tops.entries())
              checkTopLogProbs(top, { positions: lengths[i]!, topK: k, vocabSize: V }, "test");
            await writeStoreShard(path, origin(V, k, precision), tops);
            const { instances } = await roundTrip(path);
            expect(instances.map(({ rest }) => rest.length)).toEqual(lengths);
            for (const [i, { ids, logProbs, rest }] of instances.entries()) {
              const top = tops[i]!;
              expect(ids).toEqual(top.ids);
              if (precision === "float32") expect(logProbs).toEqual(top.logProbs.map((x) => Math.min(0, x) + 0));
              for (let t = 0; t < rest.length; t++) {
                const at = (j: number) => t * k + j;
                let [mass, stored, kl] = [0, rest[t]!, 0];
                for (let j = 0; j < k; j++) {
                  const [p, q] = [top.logProbs[at(j)]!, logProbs[at(j)]!];
                  expect(Math.abs(p - q)).toBeLessThanOrEqual(
                    bound.logProb + (bound.relative + 4e-6) * (1 + Math.abs(p)),
                  );
                  if (j > 0) expect(q).toBeLessThanOrEqual(logProbs[at(j - 1)]!);
                  mass += Math.exp(p);
                  stored += Math.exp(q);
                  kl += Math.exp(p) * (p - q);
                }
                const left = Math.max(0, 1 - mass);
                if (k === V) expect(rest[t]).toBe(0);
                else {
                  expect(rest[t]).toBeGreaterThan(0);
                  if (left > 1e-6) kl += left * Math.log(left / rest[t]!);
                }
                expect(stored).toBeCloseTo(1, 5);
                expect(kl).toBeLessThanOrEqual(bound.kl + 3e-6);
              }
            }
          },
        ),
        { numRuns: 40 },
      );
    },
  );

  test("is laid out as docs/teacher-store.md says: a second reader, made from that page alone, gives the same", async () => {
    const path = join(await temporaryFolder(), "part.topk");
    const [V, k, lengths] = [700, 5, [3, 0, 20]];
    const tops = lengths.map((n, i) => randomTops(i, n, V, k));
    await writeStoreShard(path, origin(V, k, "step64"), tops);
    const bytes = await readFile(path);
    expect(bytes.toString("latin1", 0, 8)).toBe("hctopk\r\n");
    expect(bytes.readUInt32LE(8)).toBe(1);
    const headerEnd = 16 + bytes.readUInt32LE(12);
    const header = JSON.parse(bytes.toString("utf8", 16, headerEnd)) as Record<string, number>;
    expect(header).toEqual({ ...origin(V, k, "step64"), instances: 3, ids: header.ids });
    const bitsOf = (part: Buffer) =>
      [...part].flatMap((byte) => [0, 1, 2, 3, 4, 5, 6, 7].map((bit) => (byte >> bit) & 1));
    const number = (bits: number[]) => bits.reduce((sum, bit, i) => sum + bit * 2 ** i, 0);
    const tableEnd = headerEnd + Math.ceil((header.ids! * 10) / 8);
    const tableBits = bitsOf(bytes.subarray(headerEnd, tableEnd));
    const table = Array.from({ length: header.ids! }, (_, r) => number(tableBits.slice(10 * r, 10 * r + 10)));
    let at = tableEnd + 3 * 8;
    for (const [i, n] of lengths.entries()) {
      expect(bytes.readUInt32LE(tableEnd + 8 * i)).toBe(n);
      const end = at + bytes.readUInt32LE(tableEnd + 8 * i + 4);
      const classesEnd = at + 4 + bytes.readUInt32LE(at);
      const classes = inflateRawSync(bytes.subarray(at + 4, classesEnd));
      const bits = bitsOf(bytes.subarray(classesEnd, end));
      const numbers = [...classes].map((c) => (c === 0 ? 0 : 2 ** (c - 1) + number(bits.splice(0, c - 1))));
      expect(numbers.length).toBe(n * (2 * k + 1));
      const ids = tops[i]!.ids.map((_, x) => table[numbers[(x % k) * n + Math.floor(x / k)]!]!);
      expect(ids).toEqual(tops[i]!.ids);
      for (let t = 0; t < n; t++) {
        let code = 0;
        for (let j = 0; j < k; j++) {
          code += numbers[(k + j) * n + t]!;
          expect(Math.abs(code / 64 + tops[i]!.logProbs[t * k + j]!)).toBeLessThanOrEqual(1 / 128 + 1e-6);
        }
      }
      at = end;
    }
    expect(at).toBe(bytes.length);
  });

  test("is never more than a named error when bytes are flipped, cut off or added", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "part.topk");
    await writeStoreShard(
      path,
      origin(60, 4, "step64"),
      [9, 3, 0].map((n, i) => randomTops(i, n, 60, 4)),
    );
    const whole = await readFile(path);
    const damagedPath = join(folder, "damaged.topk");
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("flip", "cut", "add"),
        fc.nat(whole.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (how, place, value) => {
          const bytes =
            how === "cut"
              ? whole.subarray(0, place)
              : how === "add"
                ? Buffer.concat([whole, Buffer.alloc(value)])
                : Buffer.from(whole);
          if (how === "flip") bytes[place]! ^= value;
          await writeFile(damagedPath, bytes);
          try {
            await roundTrip(damagedPath);
            expect(how).toBe("flip");
          } catch (error) {
            refused++;
            expect(error).toBeInstanceOf(HeartcutError);
            expect((error as HeartcutError).code).toMatch(/^HC341[012]$/);
          }
        },
      ),
      { numRuns: 800 },
    );
    expect(refused).toBeGreaterThan(250);
  });

  test.each([
    ["k = 2^31", { topK: 2 ** 31 }, /HC3411[\s\S]*topK/],
    ["a k beyond the vocabulary", { topK: 61 }, /HC3411[\s\S]*topK is larger/],
    ["a vocabulary beyond the limits", { vocabSize: 2 ** 30 }, /HC3411[\s\S]*vocabSize/],
    ["more instances than there are bytes", { instances: 2 ** 19 }, /HC3411[\s\S]*cut off/],
    ["more ids than the vocabulary", { ids: 70 }, /HC3411[\s\S]*more ids/],
    ["an unknown key", { note: 1 }, /HC3411[\s\S]*note/],
    ["an unknown precision", { precision: "step7" }, /HC3411[\s\S]*precision/],
  ])("with a header of %s is refused before room is made", async (_, change, message) => {
    const path = join(await temporaryFolder(), "part.topk");
    await writeStoreShard(path, origin(60, 4, "step64"), [randomTops(1, 9, 60, 4)]);
    const bytes = await readFile(path);
    const end = 16 + bytes.readUInt32LE(12);
    const header = Buffer.from(JSON.stringify({ ...JSON.parse(bytes.toString("utf8", 16, end)), ...change }));
    const prefix = Buffer.from(bytes.subarray(0, 16));
    prefix.writeUInt32LE(header.length, 12);
    await writeFile(path, Buffer.concat([prefix, header, bytes.subarray(end)]));
    await expect(StoreShard.open(path)).rejects.toThrow(message);
  });

  test("with overlong counts, another version or no magic is refused", async () => {
    const path = join(await temporaryFolder(), "part.topk");
    await writeStoreShard(path, origin(60, 4, "step64"), [randomTops(1, 9, 60, 4)]);
    const whole = await readFile(path);
    const index =
      16 +
      whole.readUInt32LE(12) +
      Math.ceil((6 * JSON.parse(whole.toString("utf8", 16, 16 + whole.readUInt32LE(12))).ids) / 8);
    const cases: [number, number, RegExp][] = [
      [12, 2 ** 20, /HC3412[\s\S]*bytes of header/],
      [8, 2, /HC3410[\s\S]*version 2/],
      [0, 0, /HC3410[\s\S]*no shard/],
      [index, 2 ** 31, /HC3412[\s\S]*label positions/],
      [index, 2 ** 24, /HC3411|HC3412/],
      [index, 8, /HC3411/],
      [index + 4, 2 ** 31, /HC3411/],
    ];
    for (const [at, value, message] of cases) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt32LE(value, at);
      await writeFile(path, bytes);
      await expect(StoreShard.open(path).then((shard) => shard.read(0).finally(() => shard.close()))).rejects.toThrow(
        message,
      );
    }
  });
});

describe("checkTopLogProbs", () => {
  const good = () => ({ ids: Int32Array.of(3, 1, 4, 1, 5, 9), logProbs: Float32Array.of(-0.5, -2, -2, -0.1, -3, -8) });
  const shape = { positions: 2, topK: 3, vocabSize: 10 };

  test("takes a list of likeliest tokens, and a log-probability a rounding above 0", () => {
    checkTopLogProbs(good(), shape, "here");
    checkTopLogProbs(
      { ids: Int32Array.of(2), logProbs: Float32Array.of(1e-4) },
      { positions: 1, topK: 1, vocabSize: 10 },
      "here",
    );
  });

  test.each([
    ["HC3403", "one value too few", { logProbs: new Float32Array(5) }],
    ["HC3403", "a position too many", { ids: new Int32Array(9), logProbs: new Float32Array(9) }],
    ["HC3404", "an id outside the vocabulary", { ids: Int32Array.of(3, 1, 4, 1, 5, 10) }],
    ["HC3404", "an id below 0", { ids: Int32Array.of(3, 1, -1, 1, 5, 9) }],
    ["HC3404", "an id twice", { ids: Int32Array.of(3, 1, 4, 5, 5, 9) }],
    ["HC3405", "NaN", { logProbs: Float32Array.of(-0.5, -2, Number.NaN, -0.1, -3, -8) }],
    ["HC3405", "-Infinity", { logProbs: Float32Array.of(-0.5, -2, -2, -0.1, -3, Number.NEGATIVE_INFINITY) }],
    ["HC3405", "a positive value", { logProbs: Float32Array.of(0.5, -2, -2, -0.1, -3, -8) }],
    ["HC3406", "a rising row", { logProbs: Float32Array.of(-2, -0.5, -2, -0.1, -3, -8) }],
    ["HC3407", "more than the whole mass", { logProbs: Float32Array.of(-0.5, -0.6, -2, -0.1, -3, -8) }],
  ])("%s for %s", (code, _, change) => {
    expect(() => checkTopLogProbs({ ...good(), ...change }, shape, "here")).toThrow(code);
  });
});
