import { InternalError } from "../errors.ts";
import { type EosIds, endsDocument } from "./loss_mask.ts";

/** Tokens of one engine call when many sequences are scored, where nobody asks for another number. */
export const BATCH_TOKENS = 4096;

/** A padded batch of next-token prediction: position t of ids predicts targets[t]. Row-major [B,T]. */
export interface TokenBatch {
  readonly B: number;
  readonly T: number;
  readonly ids: Int32Array;
  readonly targets: Int32Array;
  /** Weight of each position's NLL in the loss. */
  readonly lossWeights: Float32Array;
  /** Padding mask or document numbers, where attention needs them. */
  readonly visibility?: Int32Array | undefined;
}

/** Length classes, so that a few compiled shapes serve all lengths: multiples of 16 up to 128, then of 64. */
export function lengthBucket(length: number): number {
  const step = length <= 128 ? 16 : 64;
  return Math.ceil(length / step) * step;
}

/** Number of the document each token belongs to, counted within one sequence: a new one starts behind each EOS. */
export function segmentsOf(ids: Int32Array, eosId: EosIds): Int32Array {
  const segments = new Int32Array(ids.length);
  for (let i = 1; i < ids.length; i++) segments[i] = segments[i - 1]! + (endsDocument(ids[i - 1], eosId) ? 1 : 0);
  return segments;
}

/**
 * Pads sequences on the right (unweighted) and splits them into inputs and shifted targets.
 * @throws InternalError for a sequence that is empty or longer than T+1
 * @param weights - weight of each sequence's positions, n-1 values for n ids; left out: all 1
 * @param eosId - where given, `visibility` holds document numbers that keep packed documents apart, -1 on padding
 * @param padId - id that fills inputs and targets; default 0
 */
export function padTokens(
  sequences: readonly Int32Array[],
  T: number,
  options: { weights?: readonly Float32Array[]; eosId?: EosIds | undefined; rows?: number; padId?: number } = {},
): TokenBatch {
  const B = options.rows ?? sequences.length;
  const ids = new Int32Array(B * T).fill(options.padId ?? 0);
  const targets = ids.slice();
  const lossWeights = new Float32Array(B * T);
  const visibility = options.eosId === undefined ? undefined : new Int32Array(B * T).fill(-1);
  for (const [row, sequence] of sequences.entries()) {
    if (sequence.length < 1 || sequence.length > T + 1)
      throw new InternalError(`padTokens: expected 1 to ${T + 1} ids for rows of ${T}, got ${sequence.length}`);
    ids.set(sequence.subarray(0, -1), row * T);
    targets.set(sequence.subarray(1), row * T);
    const weights = options.weights?.[row];
    if (weights === undefined) lossWeights.fill(1, row * T, row * T + sequence.length - 1);
    else lossWeights.set(weights, row * T);
    if (visibility !== undefined) visibility.set(segmentsOf(sequence.subarray(0, -1), options.eosId!), row * T);
  }
  return { B, T, ids, targets, lossWeights, visibility };
}
