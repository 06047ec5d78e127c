import { link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { logSumExp, topOfLogits } from "../../src/teachers/log_probs.ts";
import { openTeacher } from "../../src/teachers/open.ts";
import { teacherContract } from "./contract.ts";
import { bigramOnnx, decoderOnnx } from "./onnx_files.ts";
import { Truth } from "./truth.ts";

/** stories260k exported by another program, with sizes left free. */
const { HEARTCUT_ONNX: foreign } = process.env;

let truth: Truth;
let folder: string;
beforeAll(async () => {
  truth = await Truth.open();
  folder = await mkdtemp(join(tmpdir(), "heartcut-onnx-"));
  await writeFile(join(folder, "model.onnx"), decoderOnnx(truth.model, 2, 512));
});
afterAll(async () => {
  await truth.model.dispose();
  await rm(folder, { recursive: true });
});

teacherContract(
  "ONNX, fixed sizes",
  () => openTeacher({ onnx: join(folder, "model.onnx") }),
  () => truth,
);
teacherContract(
  "ONNX, another exporter",
  () => openTeacher({ onnx: foreign!, contextLength: 512 }),
  () => truth,
  {
    skipped: foreign === undefined ? "skipped: HEARTCUT_ONNX names no export of stories260k" : undefined,
  },
);

const V = 7;
const table = Float32Array.from({ length: V * V }, (_, i) => Math.sin(i * 12.9898) * 4);

async function bigram(name: string, change: Parameters<typeof bigramOnnx>[2] = {}): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bigramOnnx(table, V, change));
  return path;
}

const message = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error: Error) => error.message,
  );

describe("models of free sizes", () => {
  it("are fed empty caches and batches of any length", async () => {
    const teacher = await openTeacher({ onnx: await bigram("a.onnx"), contextLength: 9 }, { batchTokens: 6 });
    expect([teacher.vocabSize, teacher.maxTokens]).toEqual([V, 10]);
    const sequences = [[1, 2, 3, 4, 5, 6, 0, 1], [3], [2, 2], [6, 5, 4], []].map((ids) => Int32Array.from(ids));
    const nll = await teacher.tokenNll(sequences);
    const top = await teacher.topLogProbs!(sequences, { k: V });
    for (const [i, ids] of sequences.entries())
      for (const [t, x] of nll[i]!.entries()) {
        const row = table.subarray(ids[t]! * V, (ids[t]! + 1) * V);
        expect(x).toBeCloseTo(logSumExp(row) - row[ids[t + 1]!]!, 5);
        const mass = top[i]!.logProbs.subarray(t * V, (t + 1) * V).reduce((sum, y) => sum + Math.exp(y), 0);
        expect(mass).toBeCloseTo(1, 5);
      }
    expect(nll.map((x) => x.length)).toEqual([7, 0, 1, 2, 0]);
    await teacher.dispose();
  });

  it("must say how much they read, in inputs and outputs that are a decoder's", async () => {
    expect(await message(openTeacher({ onnx: await bigram("a.onnx") }))).toMatch(/^HC3319[\s\S]*contextLength/);
    const wrong: [Parameters<typeof bigramOnnx>[2], RegExp][] = [
      [{ inputs: ["tokens"] }, /input tokens int64/],
      [{ inputs: ["input_ids", "decoder_input_ids"] }, /decoder_input_ids/],
      [{ output: "hidden" }, /outputs hidden/],
      [{ past: 16 }, /past_key_values.0.key/],
    ];
    for (const [i, [change, found]] of wrong.entries()) {
      const text = await message(openTeacher({ onnx: await bigram(`wrong${i}.onnx`, change), contextLength: 9 }));
      expect(text).toMatch(/^HC3331/);
      expect(text).toMatch(found);
    }
  });

  it("refuses logits that are no numbers", async () => {
    const path = join(folder, "nan.onnx");
    await writeFile(
      path,
      bigramOnnx(
        table.map((x, i) => (i === 3 * V + 1 ? Number.NaN : x)),
        V,
      ),
    );
    const teacher = await openTeacher({ onnx: path, contextLength: 9 });
    expect((await teacher.tokenNll([Int32Array.of(1, 3)]))[0]).toHaveLength(1);
    expect(await message(teacher.tokenNll([Int32Array.of(3, 1)]))).toMatch(/^HC3332/);
    await teacher.dispose();
  });

  it("refuses files that are no ONNX", async () => {
    for (const [name, bytes] of [
      ["empty.onnx", Buffer.alloc(0)],
      ["text.onnx", Buffer.from("not a model at all")],
      ["torn.onnx", Buffer.from(bigramOnnx(table, V)).subarray(0, 100)],
    ] as const) {
      await writeFile(join(folder, name), bytes);
      expect(await message(openTeacher({ onnx: join(folder, name), contextLength: 9 }))).toMatch(/^HC3330/);
    }
    expect(await message(openTeacher({ onnx: join(folder, "none.onnx"), contextLength: 9 }))).toMatch(/^HC3330/);
  });
});

describe("external data", () => {
  const data = Buffer.from(table.buffer);

  it("beside the model is read and part of the fingerprint", async () => {
    await writeFile(join(folder, "weights.bin"), data);
    const path = await bigram("external.onnx", { location: "weights.bin" });
    const teacher = await openTeacher({ onnx: path, contextLength: 9 });
    const inside = await openTeacher({ onnx: await bigram("a.onnx"), contextLength: 9 });
    const ids = [Int32Array.of(1, 2, 3)];
    expect(await teacher.tokenNll(ids)).toEqual(await inside.tokenNll(ids));
    await teacher.dispose();
    await inside.dispose();
    await writeFile(join(folder, "weights.bin"), Buffer.from(table.map((x) => x / 2).buffer));
    const changed = await openTeacher({ onnx: path, contextLength: 9 });
    expect(changed.fingerprint).not.toBe(teacher.fingerprint);
    await changed.dispose();
  });

  it("anywhere else is refused before the engine opens it", async () => {
    const outside = await mkdtemp(join(tmpdir(), "heartcut-outside-"));
    try {
      await writeFile(join(outside, "secret.bin"), data);
      const inner = join(folder, "inner");
      await mkdir(inner);
      await writeFile(join(folder, "up.bin"), data);
      await symlink(join(outside, "secret.bin"), join(inner, "symlink.bin"));
      await link(join(outside, "secret.bin"), join(inner, "hardlink.bin"));
      for (const location of [
        "../up.bin",
        join(outside, "secret.bin"),
        "symlink.bin",
        "hardlink.bin",
        "..\\up.bin",
        ".",
      ]) {
        const path = join("inner", "m.onnx");
        await bigram(path, { location });
        expect(await message(openTeacher({ onnx: join(folder, path), contextLength: 9 }))).toMatch(/^HC1007/);
      }
    } finally {
      await rm(outside, { recursive: true });
    }
  });
});

describe("rows of logits", () => {
  it("are sorted by value, then by id, without overflow", () => {
    const logits = Float32Array.of(1, 3, 3, -2, 5, 3, 1000);
    const [ids, logProbs] = [new Int32Array(5), new Float32Array(5)];
    topOfLogits(logits, logSumExp(logits), ids, logProbs);
    expect([...ids]).toEqual([6, 4, 1, 2, 5]);
    expect([...logProbs]).toEqual([0, -995, -997, -997, -997]);
    expect(logSumExp(Float32Array.of(1, Number.NaN, 2))).toBeNaN();
    expect(Number.isFinite(logSumExp(Float32Array.of(1, Number.POSITIVE_INFINITY)))).toBe(false);
  });
});
