import { html, type Safe } from "./html.ts";

/**
 * Characters a reader cannot see or that would rearrange the line: C0 and C1 controls, DEL, zero-width space and
 * bidirectional controls, byte order mark, line and paragraph separators, lone surrogates.
 */
const HIDDEN = /[\p{Cc}\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]|\p{Surrogate}/gu;

/** Text of a document as markup in which every hidden character is shown by a sign; newlines and tabs keep their effect. */
export function visible(text: string): Safe {
  const parts: Safe[] = [];
  let end = 0;
  for (const match of text.matchAll(HIDDEN)) {
    parts.push(
      html`${text.slice(end, match.index)}<span class="hidden-character">${signOf(match[0])}</span>${effectOf(match[0])}`,
    );
    end = match.index + match[0].length;
  }
  return parts.length === 0 ? html`${text}` : html`${parts}${text.slice(end)}`;
}

/** The same as plain text of several lines: newlines and tabs as they are, other hidden characters as signs. */
export function visibleText(text: string): string {
  return text.replace(HIDDEN, (character) => effectOf(character) || signOf(character));
}

/** The same as one line of plain text. */
export function visibleLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(HIDDEN, signOf).trim();
}

function effectOf(character: string): string {
  return character === "\n" || character === "\t" ? character : "";
}

function signOf(character: string): string {
  const code = character.charCodeAt(0);
  if (character === "\n") return "↵";
  if (character === "\t") return "⇥";
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "␡";
  return `⟨${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
}
