import { InternalError } from "../errors.ts";

/** One merge: two tokens, as strings of bytes (a character below U+0100 each), that become one. */
export type Merge = readonly [left: string, right: string];

/** Ids in pair keys: two ids below 2^26 make one exact integer. */
const SHIFT = 2 ** 26;

/**
 * Byte-pair merges in the order they are learned: each time the pair that is most frequent in the words; of equal ones the pair
 * whose bytes are greater (left token first). Yields until no pair reaches `minFrequency`.
 * Only the words that hold a merged pair are visited, and the frequencies lie in a heap that is put right when looked at.
 * @param words - bytes of each distinct word → how often it occurs
 * Source: Sennrich et al. 2016, arXiv:1508.07909; the rule for ties is that of CS336's reference.
 */
export function* learnMerges(words: ReadonlyMap<string, number>, minFrequency: number): Generator<Merge> {
  const bytes: string[] = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  const idOfBytes = new Map(bytes.map((token, id) => [token, id]));
  const symbols: number[][] = [];
  const counts: number[] = [];
  for (const [word, count] of words) {
    symbols.push(Array.from(word, (byte) => byte.charCodeAt(0)));
    counts.push(count);
  }
  const frequency = new Map<number, number>();
  const holders = new Map<number, Set<number>>();
  const add = (left: number, right: number, word: number) => {
    const pair = left * SHIFT + right;
    frequency.set(pair, (frequency.get(pair) ?? 0) + counts[word]!);
    const set = holders.get(pair);
    if (set) set.add(word);
    else holders.set(pair, new Set([word]));
    return pair;
  };
  symbols.forEach((word, w) => {
    for (let i = 0; i + 1 < word.length; i++) add(word[i]!, word[i + 1]!, w);
  });

  const before = (a: Candidate, b: Candidate): boolean => {
    if (a.count !== b.count) return a.count > b.count;
    const [aLeft, bLeft] = [bytes[Math.floor(a.pair / SHIFT)]!, bytes[Math.floor(b.pair / SHIFT)]!];
    if (aLeft !== bLeft) return aLeft > bLeft;
    return bytes[a.pair % SHIFT]! > bytes[b.pair % SHIFT]!;
  };
  const heap = new Heap(before);
  for (const [pair, count] of frequency) heap.push({ pair, count });

  for (;;) {
    const top = heap.pop();
    if (top === undefined) return;
    const count = frequency.get(top.pair) ?? 0;
    if (count !== top.count) {
      if (count > 0 && count < top.count) heap.push({ pair: top.pair, count });
      continue;
    }
    if (count < minFrequency) return;
    const left = Math.floor(top.pair / SHIFT);
    const right = top.pair % SHIFT;
    const merged = bytes[left]! + bytes[right]!;
    // Two different pairs can spell one token: "a"+"bc" and "ab"+"c" share its id.
    let id = idOfBytes.get(merged);
    if (id === undefined) {
      id = bytes.push(merged) - 1;
      if (id >= SHIFT) throw new InternalError(`vocabulary beyond ${SHIFT} entries`);
      idOfBytes.set(merged, id);
    }
    yield [bytes[left]!, bytes[right]!];

    const grown = new Set<number>();
    for (const w of holders.get(top.pair)!) {
      const word = symbols[w]!;
      for (let i = 0; i + 1 < word.length; i++) {
        const pair = word[i]! * SHIFT + word[i + 1]!;
        frequency.set(pair, frequency.get(pair)! - counts[w]!);
      }
      const joined: number[] = [];
      for (let i = 0; i < word.length; i++) {
        if (word[i] === left && word[i + 1] === right) {
          joined.push(id);
          i++;
        } else joined.push(word[i]!);
      }
      symbols[w] = joined;
      for (let i = 0; i + 1 < joined.length; i++) {
        const pair = add(joined[i]!, joined[i + 1]!, w);
        if (joined[i] === id || joined[i + 1] === id) grown.add(pair);
      }
    }
    frequency.delete(top.pair);
    holders.delete(top.pair);
    for (const pair of grown) heap.push({ pair, count: frequency.get(pair)! });
  }
}

interface Candidate {
  pair: number;
  count: number;
}

/** Binary heap: pop gives the element that comes `before` all others. */
class Heap {
  private readonly items: Candidate[] = [];
  constructor(private readonly before: (a: Candidate, b: Candidate) => boolean) {}

  push(item: Candidate): void {
    const { items, before } = this;
    let at = items.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  pop(): Candidate | undefined {
    const { items, before } = this;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1]!, items[child]!)) child++;
      if (!before(items[child]!, last)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return top;
  }
}
