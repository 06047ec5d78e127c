import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonlLog, publishJsonl, readJsonl } from "../../src/formats/jsonl.ts";
import { readLines } from "../../src/formats/lines.ts";
import { faultSweep, temporaryFolder } from "./faults.ts";

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
const values = async (path: string) => (await collect(readJsonl(path))).map(({ value }) => value);

describe("reading", () => {
  test("gives values with line numbers, from plain and gzip files, whatever ends the lines", async () => {
    const path = join(temporaryFolder(), "a.jsonl");
    const text = '\ufeff{"a":1}\r\n\n  \n[2]\n"\u2028ü"';
    for (const bytes of [Buffer.from(text), gzipSync(text)]) {
      writeFileSync(path, bytes);
      expect((await collect(readJsonl(path))).map(({ line, value }) => [line, value])).toEqual([
        [1, { a: 1 }],
        [4, [2]],
        [5, "\u2028ü"],
      ]);
    }
    writeFileSync(path, "");
    expect(await values(path)).toEqual([]);
  });

  test("lines of any length around the size of a chunk come out whole", async () => {
    const path = join(temporaryFolder(), "a.txt");
    const chunk = 256 * 1024;
    const lines = [chunk - 1, chunk, chunk + 1, 0, 1, 3 * chunk, 2].map((length, i) => String(i).repeat(length));
    writeFileSync(path, lines.join("\n"));
    const read = await collect(readLines(path));
    expect(read.map(({ text }) => text)).toEqual(lines);
    expect(read.at(-1)!.end).toBe(readFileSync(path).length);
  });

  test("faults name the line", async () => {
    const path = join(temporaryFolder(), "a.jsonl");
    writeFileSync(path, '{"a":1}\n{"a":\n');
    await expect(values(path)).rejects.toMatchObject({ code: "HC1052", fault: { where: `${path}:2` } });
    writeFileSync(path, Buffer.from([0x31, 0x0a, 0xff, 0x0a]));
    await expect(values(path)).rejects.toMatchObject({ code: "HC1050", fault: { where: `${path}:2` } });
    writeFileSync(path, `1\n"${"x".repeat(1000)}"\n`);
    await expect(collect(readJsonl(path, { limits: { jsonlLineBytes: 100 } }))).rejects.toMatchObject({
      code: "HC1006",
      fault: { where: `${path}:2` },
    });
    writeFileSync(path, gzipSync("1\n2\n").subarray(0, 15));
    await expect(values(path)).rejects.toMatchObject({ code: "HC1051" });
    expect(await collect(readLines(path, { name: "a" })).catch((error) => error.fault.where)).toBe("a:3");
    writeFileSync(`${path}.gz`, "1\n");
    await expect(values(`${path}.gz`)).rejects.toMatchObject({ code: "HC1051" });
    writeFileSync(path, Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00]));
    await expect(values(path)).rejects.toMatchObject({ code: "HC1051" });
    await expect(values(`${path}.missing`)).rejects.toMatchObject({ code: "HC1004" });
  });

  test("zstd is told by content; lines that are not UTF-8 are marked on request", async () => {
    const path = join(temporaryFolder(), "a.jsonl");
    // One frame of a raw block of 4 bytes.
    writeFileSync(path, Buffer.from("28b52ffd2004210000310aff0a", "hex"));
    expect((await collect(readLines(path, { notUtf8: "mark" }))).map(({ text, utf8 }) => [text, utf8])).toEqual([
      ["1", true],
      ["\ufffd", false],
    ]);
    await expect(collect(readLines(path))).rejects.toMatchObject({ code: "HC1050", fault: { where: `${path}:2` } });
  });

  test("a zstd bomb without newlines stops at the line limit", async () => {
    const path = join(temporaryFolder(), "bomb.zst");
    // 16,000 blocks that repeat one byte 131,072 times each: 2 GiB in 64 kB.
    const block = Buffer.from([0x02, 0x00, 0x10, 0x61]);
    const frame = [Buffer.from("28b52ffd0038", "hex"), ...new Array<Buffer>(16_000).fill(block)];
    writeFileSync(path, Buffer.concat(frame));
    const before = process.memoryUsage().arrayBuffers;
    await expect(values(path)).rejects.toMatchObject({ code: "HC1006" });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(300 * 2 ** 20);
  });

  test("a gzip bomb without newlines stops at the line limit", async () => {
    const path = join(temporaryFolder(), "bomb.gz");
    writeFileSync(path, gzipSync(Buffer.alloc(100 * 2 ** 20, "a")));
    const before = process.memoryUsage().arrayBuffers;
    await expect(values(path)).rejects.toMatchObject({ code: "HC1006" });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200 * 2 ** 20);
  });
});

test("published values come back", async () => {
  const path = join(temporaryFolder(), "a.jsonl");
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue({ maxDepth: 2 })), async (list) => {
      await publishJsonl(path, list);
      expect(await values(path)).toEqual(JSON.parse(JSON.stringify(list)));
    }),
    { numRuns: 50 },
  );
  await publishJsonl(path, [1]);
  await expect(publishJsonl(path, [2, undefined])).rejects.toThrow("internal:");
  expect(await values(path)).toEqual([1]);
});

describe("JsonlLog", () => {
  type Step = { step: number; text: string };
  const step = (n: number): Step => ({ step: n, text: "ü".repeat(n) });

  test("appends over restarts and is cut back to a checkpoint", async () => {
    const path = join(temporaryFolder(), "sub", "metrics.jsonl");
    const log = await JsonlLog.open<Step>(path);
    await Promise.all([1, 2, 3, 4, 5].map((n) => log.append(step(n))));
    expect(await log.truncateWhere((line) => line.step <= 3)).toBe(2);
    expect(await log.truncateWhere((line) => line.step <= 3)).toBe(0);
    await log.append(step(4));
    await log.sync();
    await log.close();
    const again = await JsonlLog.open<Step>(path);
    expect(again.values()).toEqual([1, 2, 3, 4].map(step));
    expect(await again.truncateWhere(() => false)).toBe(4);
    await again.append(step(9));
    await again.close();
    expect(await values(path)).toEqual([step(9)]);
  });

  test("torn anywhere it keeps the whole lines", async () => {
    const path = join(temporaryFolder(), "metrics.jsonl");
    await publishJsonl(path, [step(1), step(2), step(3)]);
    const whole = readFileSync(path);
    for (let length = 0; length <= whole.length; length++) {
      writeFileSync(path, whole.subarray(0, length));
      const lines = whole.subarray(0, length).toString("latin1").split("\n").length - 1;
      const log = await JsonlLog.open<Step>(path);
      expect(log.values()).toEqual([1, 2, 3].slice(0, lines).map(step));
      await log.append(step(7));
      await log.close();
      expect(await values(path)).toEqual([...[1, 2, 3].slice(0, lines), 7].map(step));
    }
    writeFileSync(path, Buffer.concat([whole, Buffer.alloc(200_000, "x")]));
    const log = await JsonlLog.open<Step>(path);
    expect(log.values()).toHaveLength(3);
    await log.close();
    expect(readFileSync(path).equals(whole)).toBe(true);
    writeFileSync(path, "x\n1\n");
    await expect(JsonlLog.open(path)).rejects.toMatchObject({ code: "HC1052" });
  });

  test.each(["ENOSPC", "SHORT"] as const)(
    "with %s at any operation the earlier lines stay and the log goes on",
    async (kind) => {
      await faultSweep(kind, async (fileSystem) => {
        const path = join(temporaryFolder(), "metrics.jsonl");
        await publishJsonl(path, [step(1), step(2)]);
        const error = await (async () => {
          const log = await JsonlLog.open<Step>(path, { fileSystem });
          try {
            await log.truncateWhere((line) => line.step < 2);
            await log.append(step(3));
            await log.sync();
          } finally {
            await log.close();
          }
        })().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error !== undefined) expect(error).toMatchObject({ name: "HeartcutError" });
        const log = await JsonlLog.open<Step>(path);
        expect(log.values()[0]).toEqual(step(1));
        if (error === undefined) expect(log.values()).toEqual([step(1), step(3)]);
        await log.append(step(4));
        await log.close();
        expect((await values(path)).at(-1)).toEqual(step(4));
      });
    },
  );
});
