/** How the places are found where a text may end. Every default is what the reference implementation does. */
export interface TextEndOptions {
  /**
   * `reference` takes a backslash for the opening brace, so `{` + newline is an end and `\.` is none; `correct` tests braces.
   * Default reference.
   */
  brackets?: "reference" | "correct";
  /** Counts the full-width stops 。．！？； too, whatever follows: without it Chinese and Japanese end at line breaks only. Default false. */
  cjkStops?: boolean;
  /**
   * When a sentence end counts: `reference` wants a space anywhere in the text of the token and its successor, so " ." before
   * "bashrc" passes; `correct` wants the successor itself to begin with white space. Default reference.
   */
  successor?: "reference" | "correct";
}

const END_CHARACTERS = /[.!?;\n]/;
const CJK_STOPS = /[。．！？；]/;
const BRACKETS = {
  reference: [
    ["[", "]"],
    ["(", ")"],
    ["\\", "{"],
    ["<", ">"],
  ],
  correct: [
    ["[", "]"],
    ["(", ")"],
    ["{", "}"],
    ["<", ">"],
  ],
} as const;

/**
 * Ids after which a sentence may end: the token's text has one of `. ! ? ; newline` and no bracket is opened but not closed in it.
 * @param decode - text of ids, special tokens included
 * @param size - number of ids looked at, from 0
 * @returns ascending ids, then `eos`   Source: MiniPLM (arXiv:2410.17215), its packing script
 */
export function sentenceEndTokens(
  decode: (ids: number[]) => string,
  size: number,
  eos: number,
  options: TextEndOptions = {},
): number[] {
  const brackets = BRACKETS[options.brackets ?? "reference"];
  const ends: number[] = [];
  for (let id = 0; id < size; id++) {
    const text = decode([id]);
    if (!END_CHARACTERS.test(text) && !(options.cjkStops && CJK_STOPS.test(text))) continue;
    if (!brackets.some(([open, close]) => text.includes(open) && !text.includes(close))) ends.push(id);
  }
  ends.push(eos);
  return ends;
}

/** Whether a packed text may end after token `a` when `b` follows (undefined: nothing known follows yet). */
export type MayEnd = (a: number, b: number | undefined) => boolean;

/**
 * The rule for cuts: after EOS, after a token with a newline, and after a sentence-end token if its successor begins a word.
 * @param ends - what sentenceEndTokens gave
 */
export function textEndRule(
  decode: (ids: number[]) => string,
  ends: readonly number[],
  eos: number,
  options: TextEndOptions = {},
): MayEnd {
  const end = new Set(ends);
  const always = new Set(ends.filter((id) => id === eos || endsByItself(decode([id]), options)));
  const pairs = new Map<number, boolean>();
  const startsAWord = (a: number, b: number): boolean => {
    const both = decode([a, b]);
    if ((options.successor ?? "reference") === "reference") return both.includes(" ");
    return /^\s/u.test(both.slice(decode([a]).length));
  };
  return (a, b) => {
    if (always.has(a)) return true;
    if (!end.has(a)) return false;
    if (b === undefined) return true;
    const pair = a * 2 ** 26 + b;
    let known = pairs.get(pair);
    if (known === undefined) {
      known = startsAWord(a, b);
      // Real text repeats its pairs; the bound only keeps a hostile corpus from filling the memory.
      if (pairs.size >= 1_000_000) pairs.clear();
      pairs.set(pair, known);
    }
    return known;
  };
}

function endsByItself(text: string, options: TextEndOptions): boolean {
  return text.includes("\n") || (options.cjkStops === true && CJK_STOPS.test(text));
}
