import type { Random } from "../random.ts";
import { BANNERS, FOOTERS, MENUS, SHARES, SPAM_WORDS } from "./boilerplate.ts";
import { between, chance, sample, shuffled } from "./draw.ts";

/** Spoils a text; the same text and chance give the same result. */
export type Corruption = (text: string, random: Random) => string;

/** What a scanner reads instead, longest match first. Classic confusions of optical character recognition. */
const CONFUSIONS: Record<string, readonly string[]> = {
  rn: ["m"],
  cl: ["d"],
  vv: ["w"],
  ri: ["n"],
  li: ["h", "b"],
  fi: ["h", "f i"],
  m: ["rn", "nn"],
  d: ["cl"],
  w: ["vv"],
  h: ["b", "li"],
  e: ["c", "o"],
  c: ["e", "("],
  o: ["0", "c"],
  l: ["1", "I", "|"],
  i: ["l", "j", "1"],
  s: ["5", "8"],
  t: ["f", "l", "+"],
  u: ["n", "v", "ii"],
  n: ["ri", "u"],
  a: ["o", "u"],
  g: ["q", "9"],
  y: ["v", "j"],
  b: ["6", "h"],
  B: ["8", "R"],
  S: ["5", "$"],
  O: ["0", "Q"],
  I: ["l", "1"],
  T: ["7", "I"],
  ".": [",", " .", ""],
  ",": [".", "'", ""],
  '"': ["''", "“", "*"],
  " ": ["", "  "],
};

/** A bad scan: letters misread at a rate drawn per page, lines broken and hyphenated, page furniture in between. */
export const ocr: Corruption = (text, random) => {
  const rate = 0.05 + 0.1 * random.uniform();
  let out = "";
  let column = 0;
  const width = between(random, 38, 64);
  for (let i = 0; i < text.length; i++) {
    const pair = text.slice(i, i + 2);
    const key = pair in CONFUSIONS ? pair : text[i]!;
    const readings = CONFUSIONS[key];
    const read = readings && chance(random, rate) ? random.pick(readings) : key;
    i += key.length - 1;
    out += read;
    column += read.length;
    const inWord = /[a-z]/.test(text[i] ?? "") && /[a-z]/.test(text[i + 1] ?? "");
    if (text[i] === "\n") column = 0;
    else if (column >= width && (text[i] === " " || (inWord && chance(random, 0.3)))) {
      out = text[i] === " " ? `${out.trimEnd()}\n` : `${out}-\n`;
      column = 0;
      if (chance(random, 0.04)) out += `\n- ${between(random, 1, 400)} -\n\n`;
    }
  }
  return out === text ? `${text} .` : out;
};

/** The sentences of the whole text in another order. */
export const shuffledSentences: Corruption = (text, random) => {
  const sentences = text.split(/(?<=[.!?]"?)\s+|\n+/).filter((sentence) => sentence !== "");
  return derange(sentences, random).join(" ");
};

/** The words of the whole text in another order, in lower case, without punctuation at the seams. */
export const shuffledWords: Corruption = (text, random) => {
  const words = text.split(/\s+/).map((word) => word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "").toLowerCase());
  return derange(
    words.filter((word) => word !== ""),
    random,
  ).join(" ");
};

/** A page of menus, banners and buttons with a scrap of the text in it. */
export const boilerplate: Corruption = (text, random) => {
  const paragraphs = text.split("\n").filter((paragraph) => paragraph !== "");
  const scrap = random.pick(paragraphs).slice(0, between(random, 80, 260));
  const parts = [
    ...sample(random, MENUS, 2),
    ...sample(random, BANNERS, between(random, 1, 3)),
    paragraphs[0]!.toUpperCase(),
    `${scrap}... [Read more]`,
    ...sample(random, SHARES, between(random, 2, 3)),
    ...sample(random, paragraphs, 2).map((line) => `> ${line.slice(0, 50)}...`),
    ...sample(random, FOOTERS, 2),
  ];
  return parts.join(chance(random, 0.5) ? "\n" : "\n\n");
};

/** A text cut off in the middle of a word at its end, and mostly at its start as well. */
export const truncated: Corruption = (text, random) => {
  const start = chance(random, 0.6) ? inWord(text, Math.floor(text.length * (0.1 + 0.25 * random.uniform()))) : 0;
  const end = inWord(text, Math.floor(text.length * (0.6 + 0.3 * random.uniform())));
  return text.slice(start, end);
};

/** One sentence again and again among lists of keywords. */
export const spam: Corruption = (text, random) => {
  const words = [...new Set(text.toLowerCase().match(/\p{L}{5,}/gu) ?? [])];
  const keywords = [...sample(random, words, between(random, 3, 6)), ...sample(random, SPAM_WORDS, 5)];
  const line = random.pick(text.split(/(?<=[.!?])\s+|\n+/)).slice(0, 120);
  const lines: string[] = [];
  for (let i = between(random, 8, 20); i > 0; i--) {
    if (chance(random, 0.45)) lines.push(line);
    else {
      const phrase = sample(random, keywords, between(random, 3, 7)).join(random.pick([" ", ", ", " - "]));
      lines.push(chance(random, 0.3) ? phrase.toUpperCase() : phrase);
    }
  }
  return [line, ...lines, line].join("\n");
};

/** The text as it looks in the source of a page: tags, attributes, entities, some of it broken. */
export const markup: Corruption = (text, random) => {
  const id = () => random.uint32().toString(16);
  const escaped = (line: string) =>
    line.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("'", "&#39;").replaceAll(". ", ".&nbsp;");
  const body = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const words = escaped(line).split(" ");
      for (let k = Math.floor(words.length / 12); k > 0; k--) {
        const at = random.below(words.length);
        const tag = random.pick(["b", "i", "span", "em", "font", "a"]);
        const open =
          tag === "a" ? `<a href="/p/${id()}.html">` : tag === "span" ? `<span class="x-${id()}">` : `<${tag}>`;
        words[at] = `${open}${words[at]}${chance(random, 0.85) ? `</${tag}>` : ""}`;
      }
      const style = chance(random, 0.5) ? ` style="margin:0 0 ${random.below(20)}px;color:#${id().slice(0, 6)}"` : "";
      return `<p${style}>${words.join(" ")}${chance(random, 0.8) ? "</p>" : "<br/><br/>"}`;
    });
  const menu = random.pick(MENUS).split(/ {2}|\s[|>/]\s/);
  return [
    `<div id="c${id()}" class="col-md-${between(random, 2, 12)} wrap">`,
    `<ul class="nav">${menu.map((entry) => `<li><a href="#">${entry}</a></li>`).join("")}</ul>`,
    ...body,
    `<script>var _q=_q||[];_q.push(["t","${id()}"]);</script>`,
    "</div>",
  ].join("\n");
};

/** The spoilt sources: share of the spoilt bytes, quality, and how they are made. A truncated text is sound inside: mid. */
export const CORRUPTIONS: Record<string, { share: number; quality: "mid" | "low"; corrupt: Corruption }> = {
  ocr: { share: 0.17, quality: "low", corrupt: ocr },
  shuffled: { share: 0.15, quality: "low", corrupt: shuffledSentences },
  scrambled: { share: 0.14, quality: "low", corrupt: shuffledWords },
  boilerplate: { share: 0.15, quality: "low", corrupt: boilerplate },
  truncated: { share: 0.12, quality: "mid", corrupt: truncated },
  spam: { share: 0.12, quality: "low", corrupt: spam },
  markup: { share: 0.15, quality: "low", corrupt: markup },
};

/** Another order of the items, whenever there is one. */
function derange(items: readonly string[], random: Random): string[] {
  if (new Set(items).size < 2) return [...items];
  for (;;) {
    const order = shuffled(random, items);
    if (order.some((item, i) => item !== items[i])) return order;
  }
}

/** The next position at or after `at` that lies between two letters; the end where there is none. */
function inWord(text: string, at: number): number {
  const found = text.slice(at).search(/(?<=\p{L})\p{L}/u);
  return found < 0 ? text.length : at + found;
}
