import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openGgufTeacher } from "../../src/teachers/gguf.ts";
import { importLlamaPackage, type LlamaPackage } from "../../src/teachers/llama_cpp.ts";
import { openTeacher } from "../../src/teachers/open.ts";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizers/tokenizer.ts";
import { teacherContract } from "./contract.ts";
import { Truth } from "./truth.ts";

/** A GGUF of stories260k, and node-llama-cpp's dist/index.js where it is not installed beside heartcut. */
const { HEARTCUT_GGUF: realFile, HEARTCUT_NODE_LLAMA_CPP: realPackage } = process.env;

let truth: Truth;
let folder: string;
let file: string;
let tokens: string[];
beforeAll(async () => {
  truth = await Truth.open();
  folder = await mkdtemp(join(tmpdir(), "heartcut-gguf-"));
  file = join(folder, "model.gguf");
  await writeFile(file, header(3, 10, 5));
  tokens = Array.from({ length: truth.vocabSize }, (_, id) => `piece ${id}`);
});
afterAll(async () => {
  await truth.model.dispose();
  await rm(folder, { recursive: true });
});

function header(version: number, tensors: number, keys: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write("GGUF");
  bytes.writeUInt32LE(version, 4);
  bytes.writeBigUInt64LE(BigInt(tensors), 8);
  bytes.writeBigUInt64LE(BigInt(keys), 16);
  return bytes;
}

/** The package's interface over Truth: whatever is added to all logits must not matter. */
function fakePackage(seen: object[] = []): LlamaPackage {
  return {
    getLlama: async () => ({
      dispose: async () => {},
      loadModel: async () => ({
        trainContextSize: 512,
        fileInfo: { metadata: { tokenizer: { ggml: { tokens } } } },
        createContext: async (options) => {
          seen.push(options);
          return {
            dispose: async () => {},
            getSequence: () => ({
              clearHistory: async () => {},
              controlledEvaluate: async (input) => {
                const rows = await truth.logProbs(Int32Array.from(input, ([id]) => id));
                return rows.map((row, t) => {
                  const { filter } = input[t]![1].generateNext.logits;
                  const sorted = [...row.entries()].sort((a, b) => b[1] - a[1]);
                  const chosen = sorted.filter(
                    ([id], i) => filter.tokens.includes(id) || i < Math.max(1, filter.includeTop),
                  );
                  const logits = new Map(chosen.map(([id, x]) => [id, x + 7]));
                  return { next: { logits, totalLogitWeight: Math.exp(-sorted[0]![1]) } };
                });
              },
            }),
          };
        },
      }),
    }),
  };
}

teacherContract(
  "GGUF, the package's interface",
  () => openGgufTeacher({ gguf: file }, {}, async () => fakePackage()),
  () => truth,
);

teacherContract(
  "GGUF, node-llama-cpp",
  () =>
    openGgufTeacher({ gguf: realFile! }, { device: "cpu", threads: 1 }, async () =>
      realPackage === undefined
        ? importLlamaPackage()
        : ((await import(pathToFileURL(realPackage).href)) as LlamaPackage),
    ),
  () => truth,
  { skipped: realFile === undefined ? "skipped: HEARTCUT_GGUF names no GGUF of stories260k" : undefined },
);

describe("GGUF files", () => {
  it("says how to install the package where it is absent", async ({ skip }) => {
    const present = await importLlamaPackage().catch((e: Error) => e);
    if (!(present instanceof Error)) return skip("skipped: node-llama-cpp is installed");
    await expect(openTeacher({ gguf: file })).rejects.toThrow(/^HC3305[\s\S]*npm install node-llama-cpp/);
  });

  it("refuses other files before llama.cpp sees them", async () => {
    const bad: [string, Buffer, RegExp][] = [
      ["short", Buffer.from("GGUF"), /4 bytes/],
      ["zip", Buffer.from(`PK${"x".repeat(60)}`), /another kind of file/],
      ["version", header(99, 1, 1), /version 99/],
      ["tensors", header(3, 2 ** 50, 1), /1125899906842624 tensors/],
    ];
    for (const [name, bytes, found] of bad) {
      const path = join(folder, name);
      await writeFile(path, bytes);
      const load = () => Promise.reject(new Error("llama.cpp was started"));
      await expect(openGgufTeacher({ gguf: path }, {}, load)).rejects.toThrow(found);
    }
    await expect(openGgufTeacher({ gguf: join(folder, "none") })).rejects.toThrow(/^HC1004/);
  });

  it("refuses a file of another tokenizer, naming the first id; padding rows and spaces are no difference", async () => {
    const tokenizer = (pieces: (string | undefined)[]) =>
      ({ vocabSize: pieces.length, tokenOf: (id: number) => pieces[id] }) as unknown as Tokenizer;
    const open = (pieces: (string | undefined)[]) =>
      openGgufTeacher({ gguf: file }, { tokenizer: tokenizer(pieces) }, async () => fakePackage());
    await (await open([tokens[0], undefined, "piece▁2", ...tokens.slice(3, 500)])).dispose();
    await expect(open([...tokens.slice(0, 7), "other"])).rejects.toThrow(
      /^HC3307[\s\S]*id 7 is "piece 7"[\s\S]*"other"/,
    );
    await expect(open([...tokens, "more"])).rejects.toThrow(/^HC3307[\s\S]*id 512 is null to the file, which has 512/);
  });

  it("asks for a context of its own length, kept in float32", async () => {
    const seen: object[] = [];
    const teacher = await openGgufTeacher({ gguf: file, contextLength: 64 }, {}, async () => fakePackage(seen));
    expect(teacher.maxTokens).toBe(65);
    expect(seen).toEqual([expect.objectContaining({ contextSize: 72, experimentalKvCacheKeyType: "F32" })]);
    await teacher.dispose();
    await expect(openGgufTeacher({ gguf: file }, { device: "webgpu" }, async () => fakePackage())).rejects.toThrow(
      /^HC3306/,
    );
  });

  it.skipIf(realFile === undefined)(
    "real file: its vocabulary is the tokenizer's, and the last place is read",
    async () => {
      const load = async () => (await import(pathToFileURL(realPackage!).href)) as LlamaPackage;
      const tokenizer = await loadTokenizer(truth.folder);
      const teacher = await openGgufTeacher({ gguf: realFile! }, { device: "cpu", threads: 1, tokenizer }, load);
      const ids = Int32Array.from({ length: teacher.maxTokens }, (_, i) => (i * 37 + 5) % 512);
      const [nll] = await teacher.tokenNll([ids]);
      for (const [t, x] of (await truth.nll(ids)).entries()) expect(Math.abs(nll![t]! - x)).toBeLessThan(1e-3);
      await teacher.dispose();
    },
  );
});
