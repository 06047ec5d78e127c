/** Mixes the bits of a 32-bit number so that each depends on all. Source: MurmurHash3's finalizer (Appleby 2011) */
export function mix32(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Number of shingles of so many tokens, repeats counted: a shorter instance is one shingle by itself, an empty one has none. */
export function shingleCount(tokens: number, size: number): number {
  return tokens === 0 ? 0 : Math.max(1, tokens - size + 1);
}

/** 32-bit hash of the shingle that starts at a token. */
export function shingleHash(tokens: Int32Array, start: number, size: number, seed = 0): number {
  const end = Math.min(tokens.length, start + size);
  let h = mix32(seed + 0x9e3779b9);
  for (let t = start; t < end; t++) h = mix32(Math.imul(h, 0x01000193) ^ tokens[t]!);
  return h;
}

/** Distinct shingles of an instance as sorted 53-bit hashes: two of a million different ones meet once in 18,000 corpora. */
export function shingleSet(tokens: Int32Array, size: number): Float64Array {
  const count = shingleCount(tokens.length, size);
  const hashes = new Float64Array(count);
  for (let s = 0; s < count; s++)
    hashes[s] = (shingleHash(tokens, s, size, 1) >>> 11) * 4294967296 + shingleHash(tokens, s, size);
  hashes.sort();
  return hashes.filter((hash, at) => at === 0 || hash !== hashes[at - 1]);
}

/** Jaccard similarity of two sorted sets: their intersection over their union; 0 if both are empty. */
export function jaccard(a: Float64Array, b: Float64Array): number {
  let shared = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const x = a[i]!;
    const y = b[j]!;
    if (x === y) shared++;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  const union = a.length + b.length - shared;
  return union === 0 ? 0 : shared / union;
}
