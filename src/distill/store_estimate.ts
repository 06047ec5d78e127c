import { DEFAULT_PRECISION, type StorePrecision } from "./store_precision.ts";

/** What a store is going to hold. */
export interface StoreSize {
  /** Label positions: tokens less one for each instance. */
  positions: number;
  topK: number;
  vocabSize: number;
  precision?: StorePrecision | undefined;
}

/** Share of the log2 V bits of an id that its class and bits take: measured 0.43 to 0.87, growing with k; see docs/teacher-store.md. */
const ID_SHARE = 0.85;

/**
 * Bits of a cost beside the one before it, as measured: in steps, of which there are s to the nat, about
 * 2.9 + log2 s - 0.72 log2 k, as more tokens lie closer together.
 */
const COST_BITS: Readonly<Record<StorePrecision, (k: number) => number>> = {
  float32: () => 24,
  float16: () => 9,
  step256: (k) => stepBits(256, k),
  step64: (k) => stepBits(64, k),
  step16: (k) => stepBits(16, k),
};

function stepBits(perNat: number, k: number): number {
  return Math.max(1, 2.9 + Math.log2(perNat) - 0.72 * Math.log2(k));
}

/** Bytes that a store is going to take, before anything is captured: from the format and measured sizes of its parts. */
export function estimateStore({ positions, topK, vocabSize, precision = DEFAULT_PRECISION }: StoreSize): number {
  const cost = COST_BITS[precision];
  const rest = topK < vocabSize ? cost(1) : 0;
  return Math.ceil((positions * (topK * (ID_SHARE * Math.log2(vocabSize) + cost(topK)) + rest)) / 8);
}
