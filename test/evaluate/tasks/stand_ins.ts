import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import type { Likelihood, LikelihoodModel } from "../../../src/evaluate/tasks/likelihood.ts";
import type { Tokenizer } from "../../../src/tokenizers/tokenizer.ts";

/** A tokenizer of bytes: id 0 is BOS, id b + 1 the byte b. */
export function byteTokenizer({ bos = true, eos = false } = {}): Tokenizer {
  const encodeBatch: Tokenizer["encodeBatch"] = async (texts, { addSpecialTokens = false } = {}) =>
    texts.map((text) => {
      const bytes = Buffer.from(text);
      const start = bos && addSpecialTokens ? 1 : 0;
      const ids = new Int32Array(start + bytes.length);
      for (let i = 0; i < bytes.length; i++) ids[start + i] = bytes[i]! + 1;
      return ids;
    });
  return {
    backend: "js",
    backendNote: undefined,
    vocabSize: 257,
    specials: { bos: bos ? 0 : undefined, eos: eos ? 0 : undefined, pad: undefined, unk: undefined },
    prefix: Int32Array.from(bos ? [0] : []),
    suffix: new Int32Array(),
    fingerprint: "bytes",
    encodeBatch,
    encode: async (text, options) => (await encodeBatch([text], options))[0]!,
    decode: (ids) => Array.from(ids, (id) => (id === 0 ? "<s>" : String.fromCharCode(id - 1))).join(""),
    pieces: () => [],
    idOf: () => undefined,
    tokenOf: () => undefined,
  };
}

/** A model that says what it is told to, request after request. */
export function sayingModel(
  say: (ids: Int32Array, from: number, n: number) => number | Likelihood,
  { vocabSize = 257, maxPositions = 4096 } = {},
): LikelihoodModel {
  let asked = 0;
  return {
    vocabSize,
    maxPositions,
    likelihoods: async (groups) =>
      groups.map((group) =>
        group.map(({ ids, from }) => {
          const said = say(ids, from, asked++);
          return typeof said === "number" ? { logLikelihood: said, greedy: false } : said;
        }),
      ),
  };
}

/** A folder for the tests of a file, with a writer of JSONL files in it. */
export function testFolder() {
  const place = { path: "", write: async (_name: string, _content: unknown): Promise<string> => "" };
  beforeAll(async () => {
    place.path = await mkdtemp(join(tmpdir(), "heartcut-tasks-"));
    place.write = async (name, content) => {
      const path = join(place.path, name);
      const text = Array.isArray(content) ? content.map((row) => `${JSON.stringify(row)}\n`).join("") : content;
      await writeFile(path, text as string | Uint8Array);
      return path;
    };
  });
  afterAll(() => rm(place.path, { recursive: true, force: true }));
  return place;
}
