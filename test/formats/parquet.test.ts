import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ParquetColumn,
  parquetColumns,
  readParquet,
  readParquetColumns,
  scanParquet,
  writeParquet,
} from "../../src/formats/parquet.ts";
import { sha256File } from "../../src/formats/publish.ts";
import { temporaryFolder } from "./faults.ts";

const columns: ParquetColumn[] = [
  { name: "instance", type: "int32", data: [0, 1, -2147483648] },
  { name: "big", type: "int64", data: [0, 9007199254740991, -9007199254740991] },
  { name: "score", type: "double", data: [0.1, -0, Number.NaN] },
  { name: "half", type: "float", data: Float32Array.of(0.1, 1e-45, 3e38) },
  { name: "text", type: "string", data: ["", "ä\n\u{1f600}", "x".repeat(300)] },
  { name: "token_nll", type: "float[]", data: [[], [0.5], Float32Array.of(1, 2, 3)] },
  { name: "wide", type: "double[]", data: [[0.1], [], [Number.POSITIVE_INFINITY]] },
];
const rows = [
  { instance: 0, big: 0, score: 0.1, half: Math.fround(0.1), text: "", token_nll: [], wide: [0.1] },
  {
    instance: 1,
    big: 9007199254740991,
    score: -0,
    half: Math.fround(1e-45),
    text: "ä\n\u{1f600}",
    token_nll: [0.5],
    wide: [],
  },
  {
    instance: -2147483648,
    big: -9007199254740991,
    score: Number.NaN,
    half: Math.fround(3e38),
    text: "x".repeat(300),
    token_nll: [1, 2, 3],
    wide: [Number.POSITIVE_INFINITY],
  },
];

test("every type comes back, by rows, by columns and by name", async () => {
  const path = join(temporaryFolder(), "a.parquet");
  const first = await writeParquet(path, columns);
  expect(await sha256File(path)).toEqual(first);
  expect(await writeParquet(path, columns)).toEqual(first);
  expect(await readParquet(path)).toEqual(rows);
  expect(Object.fromEntries(await parquetColumns(path))).toEqual(
    Object.fromEntries(columns.map(({ name, type }) => [name, type])),
  );
  const read = await readParquetColumns(path, {
    score: "double",
    instance: "int32",
    half: "float",
    big: "int64",
    text: "string",
    token_nll: "float[]",
  });
  expect(read.instance).toEqual(Int32Array.of(0, 1, -2147483648));
  expect(read.score).toEqual(Float64Array.of(0.1, -0, Number.NaN));
  expect(read.half).toEqual(Float32Array.of(0.1, 1e-45, 3e38));
  expect(read.big).toEqual(Float64Array.of(0, 9007199254740991, -9007199254740991));
  expect([read.text[1], read.token_nll[2]]).toEqual(["ä\n\u{1f600}", [1, 2, 3]]);
  expect((await readParquetColumns(path, { instance: "int64", half: "double" })).half[0]).toBe(Math.fround(0.1));
  const some = [];
  for await (const row of scanParquet(path, { columns: ["text", "instance"] })) some.push(Object.keys(row));
  expect(some).toEqual([
    ["text", "instance"],
    ["text", "instance"],
    ["text", "instance"],
  ]);
});

test("DuckDB reads the same values, and its own files with NULL are read back", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "a.parquet");
  await writeParquet(path, columns);
  const connection = await (await DuckDBInstance.create()).connect();
  const theirs = await connection.runAndReadAll(
    `select instance, big, half, text, list_sum(token_nll) as total from read_parquet('${path}')`,
  );
  expect(theirs.getRowObjectsJson()).toEqual(
    rows.map(({ instance, big, text, token_nll }) => ({
      instance,
      big: String(big),
      half: expect.any(Number),
      text,
      total: token_nll.length === 0 ? null : token_nll.reduce((a, b) => a + b),
    })),
  );
  const other = join(folder, "b.parquet");
  await connection.run(
    `copy (select i::integer as id, case when i = 1 then null else 'text ' || i end as text, i / 2::double as x from range(3) t(i)) to '${other}' (format parquet, compression zstd)`,
  );
  connection.closeSync();
  expect(await readParquet(other)).toEqual([
    { id: 0, text: "text 0", x: 0 },
    { id: 1, text: null, x: 0.5 },
    { id: 2, text: "text 2", x: 1 },
  ]);
  expect((await readParquetColumns(other, { id: "int32", x: "double" })).x).toEqual(Float64Array.of(0, 0.5, 1));
  await expect(readParquetColumns(other, { text: "string" })).rejects.toMatchObject({
    code: "HC1041",
    fault: { found: expect.stringContaining("row 1 of text") },
  });
});

test("row groups join without a seam, and an empty table keeps its columns", async () => {
  const path = join(temporaryFolder(), "a.parquet");
  const n = 250_001;
  const instance = Int32Array.from({ length: n }, (_, i) => i);
  await writeParquet(path, [
    { name: "instance", type: "int32", data: instance },
    { name: "source", type: "string", data: Array.from(instance, (i) => `s${i % 7}`) },
  ]);
  const read = await readParquetColumns(path, { instance: "int32", source: "string" });
  expect(Buffer.compare(Buffer.from(read.instance.buffer), Buffer.from(instance.buffer))).toBe(0);
  expect(read.source.every((source, i) => source === `s${i % 7}`)).toBe(true);
  await expect(readParquet(path, { limits: { parquetRows: 1000 } })).rejects.toMatchObject({ code: "HC1006" });
  await writeParquet(
    path,
    columns.map((column) => ({ ...column, data: [] }) as ParquetColumn),
  );
  expect(await readParquet(path)).toEqual([]);
  expect((await readParquetColumns(path, { score: "double" })).score).toEqual(new Float64Array(0));
});

test("missing and mistyped columns are named with what there is; values that do not fit are not written", async () => {
  const path = join(temporaryFolder(), "a.parquet");
  await writeParquet(path, columns);
  await expect(readParquetColumns(path, { nll: "double" })).rejects.toMatchObject({
    code: "HC1041",
    fault: { found: expect.stringContaining("score (double)"), expected: "a column nll" },
  });
  await expect(readParquetColumns(path, { text: "double" })).rejects.toMatchObject({
    code: "HC1041",
    fault: { expected: "text of type double" },
  });
  await expect(readParquet(`${path}.missing`)).rejects.toMatchObject({ code: "HC1004" });
  const bad: ParquetColumn[] = [
    { name: "a", type: "int32", data: [1.5] },
    { name: "a", type: "int32", data: [2 ** 31] },
    { name: "a", type: "int64", data: [2 ** 53] },
    { name: "a", type: "string", data: [1 as unknown as string] },
  ];
  for (const column of bad) await expect(writeParquet(path, [column])).rejects.toThrow("internal:");
  await expect(writeParquet(path, [columns[0]!, { name: "b", type: "double", data: [1] }])).rejects.toThrow();
  expect(await readParquet(path)).toEqual(rows);
});

test("a footer with one bit wrong anywhere ends in rows or a coded error", async () => {
  const path = join(temporaryFolder(), "a.parquet");
  await writeParquet(path, columns);
  const whole = readFileSync(path);
  const footer = whole.readUInt32LE(whole.length - 8);
  // The lowest bit of a number in the footer is its sign: sizes and counts become negative.
  for (let at = whole.length - 8 - footer; at < whole.length; at++) {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= 1;
    writeFileSync(path, bytes);
    const outcome = await readParquet(path).catch((error: unknown) => error);
    if (outcome instanceof Error) expect(outcome).toMatchObject({ name: "HeartcutError" });
  }
});

test("1000 mutated files give rows or a coded error, never a raw one", async () => {
  const path = join(temporaryFolder(), "a.parquet");
  await writeParquet(path, columns);
  const whole = readFileSync(path);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
      fc.option(fc.nat(whole.length)),
      async (changes, cut) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        writeFileSync(path, bytes.subarray(0, cut ?? bytes.length));
        const outcome = await readParquet(path).catch((error: unknown) => error);
        if (outcome instanceof Error)
          expect(outcome).toMatchObject({ name: "HeartcutError", code: expect.stringMatching(/^HC10(06|40|41)$/) });
      },
    ),
    // A fixed seed: damaged data pages (not footers, see thrift_check.ts) can make the library fill memory without end.
    { numRuns: 1000, seed: 1 },
  );
});
