import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  boilerplate,
  CORRUPTIONS,
  markup,
  ocr,
  shuffledSentences,
  shuffledWords,
  spam,
  truncated,
} from "../../src/demo/corruptions.ts";
import { Random } from "../../src/random.ts";

const TEXT = `The Silent Bell

One evening the great bell did not ring. The old rope had snapped, and its end dangled far above every hand. Otto sat on the steps.

"Without the bell," said Otto, "the boats will not find the harbour." Edda fetched a ladder, a rope & a lamp. Then they climbed up.`;
const words = (text: string) => (text.toLowerCase().match(/[a-z]+/g) ?? []).sort();
const seeds = fc.integer({ min: 0, max: 1e6 });

describe("every corruption", () => {
  it.each(Object.keys(CORRUPTIONS))("%s changes the text, the same way for the same seed", (source) => {
    const { corrupt } = CORRUPTIONS[source]!;
    fc.assert(
      fc.property(seeds, (seed) => {
        const once = corrupt(TEXT, new Random(seed, "c"));
        expect(corrupt(TEXT, new Random(seed, "c"))).toBe(once);
        expect(once).not.toBe(TEXT);
        expect(once.length).toBeGreaterThan(20);
      }),
    );
  });
  it("has shares that sum to one", () => {
    const sum = Object.values(CORRUPTIONS).reduce((total, { share }) => total + share, 0);
    expect(sum).toBeCloseTo(1, 10);
  });
});

describe("each corruption", () => {
  const property = (check: (random: Random) => void) =>
    fc.assert(fc.property(seeds, (seed) => check(new Random(seed, "c"))));
  it("ocr misreads some letters and keeps most", () =>
    property((random) => {
      const bad = ocr(TEXT, random).replace(/-\n|\n|- \d+ -/g, "");
      let same = 0;
      for (const word of new Set(words(TEXT))) if (bad.toLowerCase().includes(word)) same++;
      expect(same).toBeGreaterThan(5);
      expect(Math.abs(bad.length - TEXT.length)).toBeLessThan(TEXT.length * 0.2);
    }));
  it("shuffled sentences are the same sentences in another order", () =>
    property((random) => {
      const bad = shuffledSentences(TEXT, random);
      expect(words(bad)).toEqual(words(TEXT));
      expect(bad).toContain("The old rope had snapped, and its end dangled far above every hand.");
    }));
  it("shuffled words are the same words in another order", () =>
    property((random) => {
      const bad = shuffledWords(TEXT, random);
      expect(words(bad)).toEqual(words(TEXT));
      expect(bad).not.toMatch(/[.!?"A-Z]/);
    }));
  it("truncated text is a part that ends inside a word", () =>
    property((random) => {
      const bad = truncated(TEXT, random);
      const at = TEXT.indexOf(bad);
      expect(at).toBeGreaterThanOrEqual(0);
      expect(TEXT.slice(at + bad.length - 1, at + bad.length + 1)).toMatch(/^\p{L}\p{L}$/u);
      expect(bad.length).toBeLessThan(TEXT.length);
    }));
  it("boilerplate holds only a scrap of the text", () =>
    property((random) => {
      const bad = boilerplate(TEXT, random);
      expect(bad).toContain("[Read more]");
      expect(bad).not.toContain(TEXT.slice(20, 300));
    }));
  it("spam repeats a line", () =>
    property((random) => {
      const lines = spam(TEXT, random).split("\n");
      expect(lines.length - new Set(lines).size).toBeGreaterThan(0);
      expect(lines[0]).toBe(lines.at(-1));
    }));
  it("markup wraps the text in tags and escapes it", () =>
    property((random) => {
      const bad = markup(TEXT, random);
      expect(bad).toMatch(/^<div id="c[0-9a-f]+"/);
      expect(bad).toContain("&amp;");
      expect(bad).not.toContain(" & ");
      expect((bad.match(/<p/g) ?? []).length).toBe(3);
    }));
});

it("short and empty texts do not hang or throw", () => {
  for (const text of ["a", "Go.", "Hm. Hm."])
    for (const { corrupt } of Object.values(CORRUPTIONS))
      expect(typeof corrupt(text, new Random(1, "c"))).toBe("string");
});
