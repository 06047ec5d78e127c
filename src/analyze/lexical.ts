import { gzipSync } from "node:zlib";

/** Share of distinct n-grams among all n-grams of some sequences, for n = 1 … 3; none spans two sequences. The share falls as
 * text grows, so only samples of equal size compare. @returns 0 for an order without n-grams   Source: Li et al. 2016, arXiv:1510.03055 */
export function distinctShares(sequences: readonly Int32Array[], vocabSize: number): [number, number, number] {
  const unigrams = new Set<number>();
  const bigrams = new Map<number, number>();
  const trigrams = new Set<number>();
  const totals = [0, 0, 0];
  for (const tokens of sequences) {
    let previous = -1;
    for (let t = 0; t < tokens.length; t++) {
      const id = tokens[t]!;
      unigrams.add(id);
      // Exact keys: ids stay below 2^22 and the number of a bigram below 2^31, so both products fit a double.
      if (previous >= 0) trigrams.add(previous * vocabSize + id);
      if (t > 0) {
        const key = tokens[t - 1]! * vocabSize + id;
        previous = bigrams.get(key) ?? bigrams.size;
        bigrams.set(key, previous);
      }
    }
    for (let n = 1; n <= 3; n++) totals[n - 1]! += Math.max(0, tokens.length - n + 1);
  }
  const share = (distinct: number, n: number) => (totals[n - 1] === 0 ? 0 : distinct / totals[n - 1]!);
  return [share(unigrams.size, 1), share(bigrams.size, 2), share(trigrams.size, 3)];
}

/** UTF-8 bytes of texts over their gzip bytes (level 9, texts joined by newlines): high for text that repeats itself within
 * gzip's window of 32 KiB.   Source: Shaib et al. 2024, arXiv:2403.00553 */
export function compressionRatio(texts: readonly string[]): number {
  const bytes = Buffer.from(texts.join("\n"), "utf8");
  return bytes.length / gzipSync(bytes, { level: 9 }).length;
}
