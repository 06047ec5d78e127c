import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { quietContext } from "../../src/progress.ts";
import { TextBytes } from "../../src/tokenizers/text_bytes.ts";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";

const data = resolve(import.meta.dirname, "../../../shared/data/tokenizers");
const shared = existsSync(data);

const TEXTS = [
  "",
  "The cat sat.",
  "  two spaces,\n\n\ttabs and  more ",
  "naïve café — “quotes”",
  "漢字とかな、絵文字 🧬👩‍🔬 done",
  "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u0000\u0007 \ufffd literal",
];

async function checkText(tokenizer: Tokenizer, text: string): Promise<void> {
  const ids = await tokenizer.encode(text, { parseSpecials: false });
  const counter = new TextBytes(tokenizer);
  const decoded = tokenizer.decode(ids);
  const bytes = counter.bytes(ids);
  expect(Buffer.from(bytes).toString("utf8"), text).toBe(decoded);
  expect(counter.lengths(ids).reduce((a, b) => a + b, 0)).toBe(bytes.length);
  expect(bytes.length).toBe(Buffer.byteLength(decoded, "utf8"));
}

async function ownTokenizer(): Promise<Tokenizer> {
  const folder = await mkdtemp(join(tmpdir(), "heartcut-bytes-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  async function* texts() {
    yield* TEXTS;
  }
  await trainByteLevelBpe(texts(), { vocabSize: 280, folder }, quietContext());
  return loadTokenizer(folder);
}

test("byte-level BPE: every byte of every text is counted once; a character split over tokens where its bytes stand", async () => {
  const tokenizer = await ownTokenizer();
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 60 }), (text) => checkText(tokenizer, text)),
    { numRuns: 100 },
  );
  const ids = await tokenizer.encode("🦜");
  expect(ids.length).toBeGreaterThan(1);
  const counter = new TextBytes(tokenizer);
  expect(counter.lengths(ids).every((n) => n > 0)).toBe(true);
  // Cut inside the character: the bytes that are there, not the three of U+FFFD.
  expect(counter.bytes(ids.slice(0, 1))).toEqual(Buffer.from("🦜").subarray(0, counter.lengths(ids)[0]!));
});

test("special tokens and ids without a token have no bytes", async () => {
  const tokenizer = await ownTokenizer();
  const { eos } = tokenizer.specials;
  const [a] = await tokenizer.encode("a");
  expect(Array.from(new TextBytes(tokenizer).lengths([eos!, a!, tokenizer.vocabSize + 7, eos!]))).toEqual([0, 1, 0, 0]);
});

describe.skipIf(!shared)(shared ? "published families" : "skipped: no shared fixtures", () => {
  for (const family of ["gpt2", "gpt-neox", "llama2", "llama3", "qwen1.5", "t5"]) {
    test(`${family}: bytes are those of the decoded text`, async () => {
      const tokenizer = await loadTokenizer(join(data, family));
      // T5 has no byte tokens: what it does not know is its special <unk>, which has no bytes.
      const texts = family === "t5" ? TEXTS.slice(0, 2) : TEXTS;
      for (const text of texts) await checkText(tokenizer, text);
    });
  }

  test("llama2: byte fallback is one byte a token, the space the decoder drops is none", async () => {
    const tokenizer = await loadTokenizer(join(data, "llama2"));
    const counter = new TextBytes(tokenizer);
    const ids = await tokenizer.encode("Hi 🦜");
    expect(Array.from(ids, (id) => tokenizer.tokenOf(id))).toEqual([
      "▁Hi",
      "▁",
      "<0xF0>",
      "<0x9F>",
      "<0xA6>",
      "<0x9C>",
    ]);
    expect(Array.from(counter.lengths(ids))).toEqual([2, 1, 1, 1, 1, 1]);
    expect(Array.from(counter.lengths(ids.slice(1)))).toEqual([0, 1, 1, 1, 1]);
    expect(counter.bytes(ids.slice(0, 4))).toEqual(Buffer.from([0x48, 0x69, 0x20, 0xf0, 0x9f]));
  });
});
