import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { documentInstance, Packer, type PackerOptions } from "../../src/corpus/packer.ts";
import { sentenceEndTokens, textEndRule } from "../../src/corpus/sentence_ends.ts";

const EOS = 0;
const BOS = 1;
/** A text may end after EOS and after ids divisible by 5, if an even id or nothing follows. */
const mayEnd = (a: number, b: number | undefined) => a === EOS || (a % 5 === 0 && (b === undefined || b % 2 === 0));

/** The rules of the reference word for word, on plain arrays. */
function packSlowly(
  documents: { source: string; tokens: number[] }[],
  { chunkLength, bos, instanceLimit = 2000, keepLoneEos }: Omit<PackerOptions, "mayEnd" | "eos">,
) {
  const head = bos === undefined ? [] : [bos];
  const buffers = new Map<string, number[]>();
  const out: number[][] = [];
  for (const { source, tokens } of documents) {
    let buffer = [...(buffers.get(source) ?? head), ...tokens, EOS];
    let count = 0;
    while (buffer.length >= chunkLength) {
      const window = buffer.slice(0, chunkLength);
      const rest = buffer.slice(chunkLength);
      let cut = window.length - 1;
      const first = keepLoneEos && head.length === 0 ? 1 : head.length;
      while (cut >= first && !mayEnd(window[cut]!, cut + 1 < window.length ? window[cut + 1] : rest[0])) cut--;
      const kept = cut < first ? window : window.slice(0, cut + 1);
      buffer = [...head, ...window.slice(kept.length), ...rest];
      if (kept.length <= 1) continue;
      if (++count > instanceLimit) {
        buffer = [...head];
        break;
      }
      out.push(kept);
    }
    buffers.set(source, buffer);
  }
  return { out, left: new Map([...buffers].map(([source, buffer]) => [source, buffer.slice(head.length)])) };
}

const documents = fc.array(
  fc.record({
    source: fc.constantFrom("a", "b"),
    tokens: fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 }),
  }),
  { maxLength: 12 },
);
const settings = fc.record({
  chunkLength: fc.integer({ min: 3, max: 12 }),
  bos: fc.constantFrom(undefined, BOS),
  instanceLimit: fc.constantFrom(1, 3, 2000),
  keepLoneEos: fc.boolean(),
});

describe("Packer", () => {
  it("equals the reference's rules on plain arrays", () => {
    fc.assert(
      fc.property(documents, settings, (documents, settings) => {
        const packer = new Packer({ ...settings, eos: EOS, mayEnd });
        const out = documents.flatMap(({ source, tokens }, i) => [...packer.add(source, `d${i}`, tokens)]);
        const slow = packSlowly(documents, settings);
        expect(out.map(({ tokens }) => Array.from(tokens))).toEqual(slow.out);
        expect(new Map([...packer.leftovers()].map(([s, left]) => [s, Array.from(left)]))).toEqual(slow.left);
      }),
      { numRuns: 1000 },
    );
  });

  it("loses no token but those it counts, and names the documents each instance spans", () => {
    fc.assert(
      fc.property(documents, settings, (documents, settings) => {
        const packer = new Packer({ ...settings, eos: EOS, mayEnd, keepRemainder: true });
        const instances = documents.flatMap(({ source, tokens }, i) => [...packer.add(source, `${i}`, tokens)]);
        const left = [...packer.leftovers().values()].reduce((sum, { length }) => sum + length, 0);
        const rest = [...packer.finish()];
        const given = documents.reduce((sum, { tokens }) => sum + tokens.length + 1, 0);
        const head = settings.bos === undefined ? 0 : 1;
        const textOf = (list: typeof instances) => list.reduce((sum, { tokens }) => sum + tokens.length - head, 0);
        const { singleTokensDropped, tokensDroppedWithThem } = packer.statistics;
        expect(textOf(instances) + left + singleTokensDropped + tokensDroppedWithThem).toBe(given);
        expect(left - textOf(rest)).toBeLessThanOrEqual(2);
        for (const { firstDocument, lastDocument, source, tokens } of [...instances, ...rest]) {
          expect(tokens.length).toBeLessThanOrEqual(settings.chunkLength);
          expect(Number(firstDocument)).toBeLessThanOrEqual(Number(lastDocument));
          expect(documents[Number(firstDocument)]!.source).toBe(source);
          expect(documents[Number(lastDocument)]!.source).toBe(source);
          if (settings.bos !== undefined) expect(tokens[0]).toBe(BOS);
        }
      }),
    );
  });

  it("ends where BOS and EOS are one token", () => {
    const packer = new Packer({ chunkLength: 4, eos: EOS, bos: EOS, mayEnd });
    expect([...packer.add("a", "d", [7, 7, 7, 7])].map(({ tokens }) => [...tokens])).toEqual([[0, 7, 7, 7]]);
  });

  it("takes a long document in time linear in its length", () => {
    const packer = new Packer({
      chunkLength: 1025,
      eos: EOS,
      mayEnd: () => false,
      instanceLimit: Number.POSITIVE_INFINITY,
    });
    const started = performance.now();
    let count = 0;
    for (const _ of packer.add("a", "d", new Int32Array(20_000_000).fill(7))) count++;
    expect(count).toBe(Math.floor(20_000_001 / 1025));
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe("documentInstance", () => {
  it("is BOS, tokens, EOS, cut to the length", () => {
    const make = (tokens: number[], chunkLength: number, bos?: number) => [
      ...documentInstance("s", "d", tokens, { chunkLength, eos: EOS, bos }).tokens,
    ];
    expect(make([5, 6], 4, BOS)).toEqual([1, 5, 6, 0]);
    expect(make([5, 6], 3, BOS)).toEqual([1, 5, 6]);
    expect(make([5, 6], 2)).toEqual([5, 6]);
    expect(make([], 4)).toEqual([0]);
  });
});

describe("sentence ends", () => {
  const words = ["<eos>", "Hi", ".", " The", "bashrc", " .", "{\n", "\\.", "(a.", "。", "你", ".)", "x\n", "[0];"];
  const decode = (ids: number[]) => ids.map((id) => words[id]!).join("");
  const ends = (options = {}) => sentenceEndTokens(decode, words.length, 0, options).map((id) => words[id]);

  it("follows the reference, brackets included, or what it meant", () => {
    expect(ends()).toEqual([".", " .", "{\n", ".)", "x\n", "[0];", "<eos>"]);
    expect(ends({ brackets: "correct" })).toEqual([".", " .", "\\.", ".)", "x\n", "[0];", "<eos>"]);
    expect(ends({ cjkStops: true })).toContain("。");
  });

  it("asks for a space in the pair, or at the successor's start", () => {
    const rule = (options = {}) => textEndRule(decode, sentenceEndTokens(decode, words.length, 0, options), 0, options);
    const id = (word: string) => words.indexOf(word);
    const reference = rule();
    const correct = rule({ successor: "correct" });
    expect(reference(id("."), id(" The"))).toBe(true);
    expect(reference(id("."), id("bashrc"))).toBe(false);
    expect(reference(id(" ."), id("bashrc"))).toBe(true);
    expect(correct(id(" ."), id("bashrc"))).toBe(false);
    expect(correct(id(" ."), id(" The"))).toBe(true);
    expect(reference(id("."), undefined)).toBe(true);
    expect(reference(0, id("bashrc"))).toBe(true);
    expect(reference(id("x\n"), id("bashrc"))).toBe(true);
    expect(reference(id("。"), id("你"))).toBe(false);
    expect(rule({ cjkStops: true })(id("。"), id("你"))).toBe(true);
  });
});
