import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Interrupted } from "../../src/errors.ts";
import { type ProgressEvent, quietContext } from "../../src/progress.ts";
import { learnMerges } from "../../src/tokenizers/bpe.ts";
import { BYTE_CHARACTERS, WORD_PATTERN } from "../../src/tokenizers/byte_level.ts";
import { loadTokenizer } from "../../src/tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";

/** The method word for word: count all pairs anew each time, take the largest (count, left, right). */
function learnMergesSlowly(words: Map<string, number>, minFrequency: number, limit: number): [string, string][] {
  const split = [...words].map(([word, count]) => ({ symbols: [...word], count }));
  const merges: [string, string][] = [];
  while (merges.length < limit) {
    const counts = new Map<string, { pair: [string, string]; count: number }>();
    for (const { symbols, count } of split)
      for (let i = 0; i + 1 < symbols.length; i++) {
        const pair: [string, string] = [symbols[i]!, symbols[i + 1]!];
        const key = `${pair[0].length}:${pair.join("")}`;
        counts.set(key, { pair, count: (counts.get(key)?.count ?? 0) + count });
      }
    const best = [...counts.values()].sort(
      (a, b) =>
        b.count - a.count || (a.pair[0] < b.pair[0] ? 1 : a.pair[0] > b.pair[0] ? -1 : a.pair[1] < b.pair[1] ? 1 : -1),
    )[0];
    if (best === undefined || best.count < minFrequency) break;
    merges.push(best.pair);
    for (const word of split) {
      const joined: string[] = [];
      for (let i = 0; i < word.symbols.length; i++) {
        if (word.symbols[i] === best.pair[0] && word.symbols[i + 1] === best.pair[1]) {
          joined.push(best.pair[0] + best.pair[1]);
          i++;
        } else joined.push(word.symbols[i]!);
      }
      word.symbols = joined;
    }
  }
  return merges;
}

describe("learnMerges", () => {
  it("equals counting everything anew", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c", "\u00ff"), minLength: 1, maxLength: 12 });
    const words = fc.array(fc.tuple(word, fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 4 }), (entries, minFrequency) => {
        const counted = new Map(entries);
        const slow = learnMergesSlowly(counted, minFrequency, 60);
        const fast = [];
        for (const merge of learnMerges(counted, minFrequency)) {
          if (fast.length === 60) break;
          fast.push([...merge]);
        }
        expect(fast).toEqual(slow);
      }),
      { numRuns: 500 },
    );
  });
});

describe("byte level", () => {
  it("maps the bytes to 256 distinct characters that print", () => {
    expect(new Set(BYTE_CHARACTERS).size).toBe(256);
    expect([BYTE_CHARACTERS[0x20], BYTE_CHARACTERS[0x0a], BYTE_CHARACTERS[0x41], BYTE_CHARACTERS[0xad]]).toEqual([
      "Ġ",
      "Ċ",
      "A",
      "Ń",
    ]);
  });

  it("loses no character when it splits words", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(text, (text) => {
        expect(Array.from(text.matchAll(WORD_PATTERN), ([w]) => w).join("")).toBe(text);
      }),
    );
    expect(Array.from("it's  two\n\nwords 12!".matchAll(WORD_PATTERN), ([w]) => w)).toEqual([
      "it",
      "'s",
      " ",
      " two",
      "\n",
      "\n",
      "words",
      " 12",
      "!",
    ]);
  });
});

describe("trainByteLevelBpe", () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "heartcut-train-"));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  async function* from(...texts: string[]) {
    yield* texts;
  }
  const watch = (events: ProgressEvent[], signal = new AbortController().signal) => ({
    stage: "tokenizer",
    report: (event: ProgressEvent) => void events.push(event),
    signal,
  });

  it("writes the same bytes twice, for transformers to open", async () => {
    const text = "low lower lowest new newer newest wide wider widest\n".repeat(20);
    const folders = [join(root, "a"), join(root, "b")];
    for (const folder of folders) await trainByteLevelBpe(from(text, text), { vocabSize: 270, folder }, quietContext());
    const [a, b] = await Promise.all(folders.map((folder) => readFile(join(folder, "tokenizer.json"))));
    expect(a!.equals(b!)).toBe(true);
    expect(JSON.parse(await readFile(join(folders[0]!, "tokenizer_config.json"), "utf8"))).toEqual({
      add_prefix_space: false,
      bos_token: "<|endoftext|>",
      clean_up_tokenization_spaces: false,
      eos_token: "<|endoftext|>",
      model_max_length: 1024,
      tokenizer_class: "PreTrainedTokenizerFast",
      unk_token: "<|endoftext|>",
    });
    const tokenizer = await loadTokenizer(folders[0]!);
    expect(tokenizer.specials).toEqual({ bos: 0, eos: 0, pad: undefined, unk: 0 });
    expect(tokenizer.vocabSize).toBe(270);
    expect((await tokenizer.encode(text)).length).toBeLessThan(text.length / 2);
  });

  it("keeps special tokens out of the counts", async () => {
    const parted = await trainByteLevelBpe(
      from("ab<|endoftext|>ab<|endoftext|>ab"),
      { vocabSize: 300, folder: join(root, "parted") },
      quietContext(),
    );
    const { model } = JSON.parse(await readFile(join(parted.folder, "tokenizer.json"), "utf8"));
    expect(model.merges).toEqual(["a b"]);
  });

  it("stops where no pair is frequent enough, and says so", async () => {
    const events: ProgressEvent[] = [];
    const short = await trainByteLevelBpe(
      from("aa bb aa"),
      { vocabSize: 400, folder: join(root, "short") },
      watch(events),
    );
    expect(short.vocabSize).toBe(258);
    expect(events.filter(({ type }) => type === "warning")).toHaveLength(1);
  });

  it("forgets the rarest words beyond the bound, with a warning", async () => {
    const many = Array.from({ length: 300 }, (_, i) => ` w${i}`).join("") + " frequent".repeat(50);
    const events: ProgressEvent[] = [];
    const result = await trainByteLevelBpe(
      from(many),
      { vocabSize: 265, folder: join(root, "many"), maxWords: 100 },
      watch(events),
    );
    expect(result.words).toBeLessThanOrEqual(100);
    expect(events.some((event) => event.type === "warning" && event.message.includes("100 distinct words"))).toBe(true);
  });

  it("refuses settings that cannot work, and no text", async () => {
    const train = (vocabSize: number, ...texts: string[]) =>
      trainByteLevelBpe(from(...texts), { vocabSize, folder: join(root, "no") }, quietContext());
    await expect(train(256, "text")).rejects.toMatchObject({ code: "HC2006" });
    await expect(train(300)).rejects.toMatchObject({ code: "HC2006" });
    const options = { vocabSize: 300, folder: join(root, "no"), emptyRows: () => 7 };
    await expect(trainByteLevelBpe(from(), options, quietContext())).rejects.toThrow(
      /found +0 documents, 7 empty rows/,
    );
    await expect(train(300, "", "<|endoftext|>")).rejects.toMatchObject({ code: "HC2006" });
    await expect(
      trainByteLevelBpe(from("x"), { vocabSize: 300, specialTokens: ["<a>", "<a>"], folder: root }, quietContext()),
    ).rejects.toMatchObject({ code: "HC2006" });
  });

  it("stops on the signal without a file", async () => {
    const stop = new AbortController();
    stop.abort();
    const texts = from(
      "The quick brown fox jumps over the lazy dog, again and again. ".repeat(200) +
        Array.from({ length: 500 }, (_, i) => `${i} ${i}`).join(" "),
    );
    const folder = join(root, "stopped");
    await expect(trainByteLevelBpe(texts, { vocabSize: 500, folder }, watch([], stop.signal))).rejects.toBeInstanceOf(
      Interrupted,
    );
    await expect(readFile(join(folder, "tokenizer.json"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
