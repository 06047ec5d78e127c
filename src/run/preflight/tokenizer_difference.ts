import type { Definition } from "../../tokenizers/definition.ts";

/** One respect in which two tokenizers differ. */
export interface Difference {
  readonly part: string;
  /** What stands where, both sides by name. */
  readonly text: string;
  /**
   * ids: the same id stands for other text; split: the same ids, into which text is cut otherwise; further: ids that only
   * one of the two has, behind all of the other.
   */
  readonly matters: "ids" | "split" | "further";
}

/** Two tokenizers and what they are called in messages. */
export interface Compared {
  readonly one: Definition;
  readonly other: Definition;
  readonly names: readonly [one: string, other: string];
}

/** Ids and merges shown of a list that differs. */
const SHOWN = 3;
/** Vocabularies of which more than this share differs are of different families: what else differs is only named. */
const FOREIGN = 0.1;

/** Everything in which two tokenizers differ, the gravest first; none for equal ones. */
export function tokenizerDifferences(compared: Compared): Difference[] {
  const { one, other } = compared;
  if (one.text === other.text) return specialTokens(compared);
  const differing = pieces(compared);
  if (differing.share > FOREIGN) {
    const also = [...merges(compared), ...scores(compared), ...parts(compared)].map(({ part }) => part);
    const sizes = `${one.tokens.length} and ${other.tokens.length} ids`;
    const rest: Difference[] = also.length === 0 ? [] : [{ part: "also", text: also.join(", "), matters: "split" }];
    return [...differing.found, { part: "size", text: sizes, matters: "further" }, ...specialTokens(compared), ...rest];
  }
  return [
    ...differing.found,
    ...specialTokens(compared),
    ...further(compared),
    ...merges(compared),
    ...scores(compared),
    ...parts(compared),
  ];
}

/** Pieces at ids that both have, or that lie within the shorter one's range. */
function pieces({ one, other, names }: Compared): { found: Difference[]; share: number } {
  const common = Math.min(one.tokens.length, other.tokens.length);
  const ids = Array.from({ length: common }, (_, id) => id).filter((id) => one.tokens[id] !== other.tokens[id]);
  if (ids.length === 0) return { found: [], share: 0 };
  const shown = ids
    .slice(0, SHOWN)
    .map((id) => `id ${id} is ${quoted(one.tokens[id])} to ${names[0]} and ${quoted(other.tokens[id])} to ${names[1]}`);
  const text = `${ids.length} of ${common} ids differ: ${shown.join("; ")}${ids.length > SHOWN ? "; …" : ""}`;
  return { found: [{ part: "pieces", text, matters: "ids" }], share: ids.length / common };
}

/** Roles of special tokens. */
function specialTokens({ one, other, names }: Compared): Difference[] {
  const differing = (["bos", "eos", "pad", "unk"] as const).filter(
    (role) => one.specials[role] !== other.specials[role],
  );
  if (differing.length === 0) return [];
  const named = ({ specials, tokens }: Definition, role: (typeof differing)[number]) =>
    specials[role] === undefined ? "none" : `${quoted(tokens[specials[role]])} (${specials[role]})`;
  const text = differing
    .map((role) => `${role} is ${named(one, role)} to ${names[0]} and ${named(other, role)} to ${names[1]}`)
    .join("; ");
  return [{ part: "special tokens", text, matters: "split" }];
}

/** Ids behind the last one of the other. */
function further({ one, other, names }: Compared): Difference[] {
  const longer = one.tokens.length > other.tokens.length ? one : other;
  const common = Math.min(one.tokens.length, other.tokens.length);
  const rest = longer.tokens.slice(common).filter((token) => token !== undefined);
  if (rest.length === 0) return [];
  const added = rest.every((token) => longer.json.added_tokens.some(({ content }) => content === token));
  const shown = `${rest.slice(0, SHOWN).map(quoted).join(", ")}${rest.length > SHOWN ? ", …" : ""}`;
  return [
    {
      part: added ? "added tokens" : "size",
      text: `${names[longer === one ? 0 : 1]} has ${rest.length} ${added ? "added tokens" : "tokens"} more, from id ${common} on: ${shown}`,
      matters: "further",
    },
  ];
}

/** Order and number of the merges of a BPE. */
function merges({ one, other, names }: Compared): Difference[] {
  const [a, b] = [one, other].map(mergesOf) as [string[], string[]];
  const at = a.findIndex((merge, i) => merge !== b[i]);
  const first = at < 0 ? (a.length === b.length ? -1 : Math.min(a.length, b.length)) : at;
  if (first < 0) return [];
  const shown = (list: string[]) => (list[first] === undefined ? "nothing" : quoted(list[first]));
  const count = a.length === b.length ? `${a.length} merges each` : `${a.length} and ${b.length} merges`;
  const text = `${count}; number ${first + 1} is ${shown(a)} to ${names[0]} and ${shown(b)} to ${names[1]}`;
  return [{ part: "merges", text, matters: "split" }];
}

function mergesOf({ json }: Definition): string[] {
  const { merges } = json.model;
  return Array.isArray(merges)
    ? merges.map((merge: unknown) => (Array.isArray(merge) ? merge.join(" ") : String(merge)))
    : [];
}

/** Scores of the pieces of a Unigram model. */
function scores({ one, other, names }: Compared): Difference[] {
  const [a, b] = [one.json.model.vocab, other.json.model.vocab];
  if (!Array.isArray(a) || !Array.isArray(b)) return [];
  const id = a.findIndex(([piece, score], i) => b[i] !== undefined && b[i][0] === piece && b[i][1] !== score);
  if (id < 0) return [];
  const text = `piece ${quoted(a[id]![0])} has the score ${a[id]![1]} in ${names[0]} and ${b[id]![1]} in ${names[1]}`;
  return [{ part: "scores", text, matters: "split" }];
}

/** What happens to a text before and after it is cut into pieces. */
const PARTS = {
  normalizer: "normalizer",
  pre_tokenizer: "pre-tokenizer",
  post_processor: "post-processor",
} as const;

function parts({ one, other, names }: Compared): Difference[] {
  const differences: Difference[] = [];
  if (one.json.model.type !== other.json.model.type)
    differences.push({
      part: "algorithm",
      text: `${one.json.model.type} to ${names[0]} and ${other.json.model.type} to ${names[1]}`,
      matters: "split",
    });
  for (const [key, part] of Object.entries(PARTS)) {
    const [a, b] = [one, other].map(({ json }) => json[key] ?? null);
    if (JSON.stringify(a) === JSON.stringify(b)) continue;
    const text = `${kindOf(a)} to ${names[0]} and ${kindOf(b)} to ${names[1]}`;
    differences.push({ part, text, matters: "split" });
  }
  return differences;
}

/** A part of tokenizer.json in a few words: its types, or its text where that is short. */
function kindOf(part: unknown): string {
  if (part === null) return "none";
  const text = JSON.stringify(part);
  if (text.length <= 80) return text;
  const types = [...text.matchAll(/"type":"(\w+)"/g)].map(([, type]) => type);
  return `${types.join(" > ")} with settings of its own`;
}

function quoted(token: string | undefined): string {
  if (token === undefined) return "nothing";
  return JSON.stringify(token.length > 40 ? `${token.slice(0, 40)}…` : token);
}
