/**
 * Text that each id adds to the decoded whole: `pieces.join("") === decode(ids)`.
 * Works for any decoder: the last two words are decoded again with each new id, and a text that ends in U+FFFD waits
 * for the bytes that complete its character. Source: incremental detokenization as in text-generation-inference.
 */
export function piecesOf(ids: ArrayLike<number>, decode: (ids: number[]) => string): string[] {
  const all = Array.from(ids);
  const pieces = all.map(() => "");
  let anchor = 0;
  let done = 0;
  let before = "";
  for (let end = 1; end <= all.length; end++) {
    const text = decode(all.slice(anchor, end));
    const waiting = text.endsWith("\ufffd") && end < all.length;
    if (waiting || text.length < before.length) continue;
    pieces[end - 1] = text.slice(before.length);
    anchor = done;
    done = end;
    before = decode(all.slice(anchor, done));
  }
  return pieces;
}
