import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HeartcutError } from "../../src/errors.ts";
import { quietContext } from "../../src/progress.ts";
import { loadTokenizer, type Tokenizer } from "../../src/tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";

const BACKENDS = ["native", "js"] as const;
let folder: string;
let trained: string;

async function* texts() {
  for (let i = 0; i < 50; i++) yield `The ${i}th small text is here, isn't it? It says: héllo wörld 😀.\n`;
}

/** A tokenizer.json in SentencePiece's manner: `▁` for spaces, bytes as a fallback, BOS in front. */
function sentencePieceLike(changes: Record<string, unknown> = {}) {
  const vocab: Record<string, number> = { "<unk>": 0, "<s>": 1, "</s>": 2 };
  for (let byte = 0; byte < 256; byte++) vocab[`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`] = 3 + byte;
  for (const piece of ["▁", "a", "b", "c", "ab", "▁a", "▁ab", "."]) vocab[piece] = Object.keys(vocab).length;
  const special = (id: number, content: string) => ({
    id,
    content,
    special: true,
    normalized: false,
    lstrip: false,
    rstrip: false,
    single_word: false,
  });
  return {
    version: "1.0",
    truncation: { max_length: 3, strategy: "LongestFirst", stride: 0, direction: "Right" },
    padding: {
      strategy: { Fixed: 16 },
      direction: "Right",
      pad_to_multiple_of: null,
      pad_id: 0,
      pad_type_id: 0,
      pad_token: "<unk>",
    },
    added_tokens: [special(0, "<unk>"), special(1, "<s>"), special(2, "</s>")],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 0 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: "<unk>",
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      vocab,
      merges: ["▁ a", ["a", "b"].join(" "), "▁a b"],
    },
    ...changes,
  };
}

async function put(name: string, json: unknown, sides: Record<string, unknown> = {}): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, "tokenizer.json"), typeof json === "string" ? json : JSON.stringify(json));
  for (const [side, value] of Object.entries(sides)) await writeFile(join(path, side), JSON.stringify(value));
  return path;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "heartcut-tokenizers-"));
  trained = join(folder, "trained");
  await trainByteLevelBpe(texts(), { vocabSize: 320, folder: trained }, quietContext());
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(BACKENDS)("backend %s", (backend) => {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await loadTokenizer(trained, { backend });
  });

  it("gives every text back, and its pieces join to it", async () => {
    const text = fc.string({ unit: "binary" });
    await fc.assert(
      fc.asyncProperty(text, async (text) => {
        const ids = await tokenizer.encode(text, { parseSpecials: false });
        expect(tokenizer.decode(ids)).toBe(text);
        const pieces = tokenizer.pieces(ids);
        expect(pieces).toHaveLength(ids.length);
        expect(pieces.join("")).toBe(text);
      }),
      { numRuns: 200 },
    );
  });

  it("joins pieces to the decoded text for any ids at all", () => {
    const ids = fc.array(fc.integer({ min: 0, max: 330 }), { maxLength: 40 });
    fc.assert(
      fc.property(ids, (ids) => {
        expect(tokenizer.pieces(ids).join("")).toBe(tokenizer.decode(ids));
      }),
    );
  });

  it("puts a character split over tokens at its last one", async () => {
    const ids = await tokenizer.encode("a😺b");
    const pieces = tokenizer.pieces(ids);
    expect(pieces.filter((piece) => piece !== "")).toEqual(["a", "😺", "b"]);
    expect(ids.length).toBeGreaterThan(3);
  });

  it("parses special tokens unless told not to", async () => {
    const text = "a<|endoftext|>b";
    expect(await tokenizer.encode(text)).toContain(tokenizer.specials.eos);
    const literal = await tokenizer.encode(text, { parseSpecials: false });
    expect(literal).not.toContain(tokenizer.specials.eos);
    expect(tokenizer.decode(literal)).toBe(text);
    expect(tokenizer.decode(await tokenizer.encode(text), { skipSpecialTokens: true })).toBe("ab");
  });

  it("encodes a batch as one by one, and an empty one", async () => {
    const batch = ["", "one", "The small text", "\n\n x"];
    const one = await Promise.all(batch.map((text) => tokenizer.encode(text)));
    expect(await tokenizer.encodeBatch(batch)).toEqual(one);
    expect(await tokenizer.encodeBatch([])).toEqual([]);
    expect(one[0]).toHaveLength(0);
  });

  it("ignores saved truncation and padding, knows prefix and byte fallback", async () => {
    const path = await put(`sp-${backend}`, sentencePieceLike());
    const sp = await loadTokenizer(path, { backend });
    expect([...sp.prefix]).toEqual([1]);
    expect(sp.suffix).toHaveLength(0);
    expect(sp.specials).toEqual({ bos: 1, eos: 2, pad: undefined, unk: 0 });
    const text = "ab ab é abc. abc.";
    const ids = await sp.encode(text);
    expect(ids.length).toBeGreaterThan(8);
    expect(ids[0]).toBe(sp.idOf("▁ab"));
    expect(await sp.encode(text, { addSpecialTokens: true })).toEqual(Int32Array.of(1, ...ids));
    expect(sp.decode(ids)).toBe(text);
    expect(sp.pieces(ids).join("")).toBe(text);
    expect(sp.pieces(ids).slice(0, 2)).toEqual(["ab", " ab"]);
    expect(await sp.encode("</s>", { parseSpecials: false })).not.toContain(2);
  });

  it("answers broken files with coded errors only", async () => {
    const good = JSON.stringify(sentencePieceLike({ truncation: null, padding: null }));
    const random = fc.record({ at: fc.nat(good.length - 1), drop: fc.nat(40), put: fc.string({ maxLength: 6 }) });
    let opened = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(random, { minLength: 1, maxLength: 3 }), async (edits) => {
        let text = good;
        for (const { at, drop, put } of edits) text = text.slice(0, at) + put + text.slice(at + drop);
        const path = await put("fuzz", text);
        try {
          await loadTokenizer(path, { backend });
          opened++;
        } catch (error) {
          expect(error).toBeInstanceOf(HeartcutError);
        }
      }),
      { numRuns: 300 },
    );
    expect(opened).toBeLessThan(300);
  });
});

describe("loadTokenizer", () => {
  const code = (promise: Promise<unknown>) =>
    promise.then(
      () => "opened",
      (error: unknown) => (error instanceof HeartcutError ? error.code : error),
    );

  it("gives the same ids with both libraries", async () => {
    const [native, js] = await Promise.all(BACKENDS.map((backend) => loadTokenizer(trained, { backend })));
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme-composite", maxLength: 60 }), async (text) => {
        expect(await js!.encode(text)).toEqual(await native!.encode(text));
      }),
    );
    expect(native!.fingerprint).toBe(js!.fingerprint);
    expect(native!.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  it("takes the native library by itself and says so", async () => {
    const tokenizer = await loadTokenizer(trained);
    expect([tokenizer.backend, tokenizer.backendNote]).toEqual(["native", undefined]);
  });

  it("counts added tokens beyond the model's vocabulary", async () => {
    const json = sentencePieceLike();
    json.added_tokens.push({ ...json.added_tokens[0]!, id: 500, content: "<|late|>" });
    const tokenizer = await loadTokenizer(await put("late", json));
    expect(tokenizer.vocabSize).toBe(501);
    expect([tokenizer.idOf("<|late|>"), tokenizer.tokenOf(500), tokenizer.tokenOf(499)]).toEqual([
      500,
      "<|late|>",
      undefined,
    ]);
    expect(tokenizer.decode([499])).toBe("");
  });

  it("reads special tokens from the files beside it, null meaning none", async () => {
    const json = sentencePieceLike();
    const config = { bos_token: null, eos_token: { content: "<s>" } };
    const sides = {
      "tokenizer_config.json": config,
      "special_tokens_map.json": { bos_token: "</s>", pad_token: "</s>" },
      "config.json": { unk_token_id: [2], pad_token_id: 0 },
    };
    const tokenizer = await loadTokenizer(await put("sides", json, sides));
    expect(tokenizer.specials).toEqual({ bos: undefined, eos: 1, pad: 2, unk: 2 });
  });

  it("reads a file by its path, also packed", async () => {
    const path = join(folder, "packed.json.gz");
    await writeFile(path, gzipSync(JSON.stringify(sentencePieceLike())));
    expect((await loadTokenizer(path)).vocabSize).toBe(267);
  });

  it("refuses by name what it cannot read", async () => {
    expect(await code(loadTokenizer(join(folder, "nowhere")))).toBe("HC2001");
    await mkdir(join(folder, "empty"), { recursive: true });
    expect(await code(loadTokenizer(join(folder, "empty")))).toBe("HC2001");
    expect(await code(loadTokenizer(trained, { maxBytes: 100 }))).toBe("HC2002");
    const bomb = join(folder, "bomb.json.gz");
    await writeFile(bomb, gzipSync(Buffer.alloc(300_000_000)));
    expect(await code(loadTokenizer(bomb))).toBe("HC2002");
    const wrong: unknown[] = [
      "",
      "[]",
      "{",
      "\ud800",
      {},
      { model: {} },
      { model: { vocab: {} } },
      { model: { vocab: [["a"]] } },
      { model: { vocab: { a: 4e9 } } },
      { model: { vocab: { a: -1 } } },
      { model: { vocab: { a: 0 } }, added_tokens: [{ id: 1, content: "", special: true }] },
      { model: { vocab: { a: 0 } }, added_tokens: "none" },
    ];
    for (const [i, json] of wrong.entries())
      expect([i, await code(loadTokenizer(await put(`wrong-${i}`, json)))]).toEqual([i, "HC2003"]);
    expect(
      await code(
        loadTokenizer(
          await put("merges", sentencePieceLike({ model: { type: "BPE", vocab: { a: 0 }, merges: ["x y"] } })),
        ),
      ),
    ).toBe("HC2003");
  });
});
