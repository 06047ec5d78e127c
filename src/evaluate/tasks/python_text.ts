/** What Python calls whitespace in a str: U+001C-001F and U+0085, which JavaScript does not, and no U+FEFF, which it does. */
export const PYTHON_SPACE =
  "[\\t-\\r\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";

const LEADING = new RegExp(`^${PYTHON_SPACE}+`);
// The lookbehind makes the search linear: only the first space of a run starts a match.
const TRAILING = new RegExp(`(?<!${PYTHON_SPACE})${PYTHON_SPACE}+$`);

/** str.rstrip() of Python. */
export function rstrip(text: string): string {
  return text.replace(TRAILING, "");
}

/** str.strip() of Python. */
export function strip(text: string): string {
  return rstrip(text).replace(LEADING, "");
}

/** str.capitalize() of Python: the first character large, all others small. */
export function capitalize(text: string): string {
  const [first = ""] = text;
  const [large = "", ...behind] = first.toUpperCase();
  return large + (behind.join("") + text.slice(first.length)).toLowerCase();
}

/** len() of Python: code points, of which a character outside the BMP is one. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
