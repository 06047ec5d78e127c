import type { TopLogProbs } from "../distill/record.ts";
import { type EosIds, endsDocument } from "../models/loss_mask.ts";

/**
 * Asks about packed sequences so that their documents do not see each other, of a backend that only reads from the start:
 * each document goes alone, with the first id of the next one behind it as the target of its EOS. With relative positions
 * these are the values of a masked pass; a model with absolute positions reads each document from position 0.
 * @param ask - answers about whole sequences of at least 2 ids   @param join - puts the answers of one sequence's documents together
 */
export async function byDocument<T>(
  sequences: readonly Int32Array[],
  eosId: EosIds | undefined,
  ask: (sequences: readonly Int32Array[]) => Promise<T[]>,
  join: (parts: readonly T[]) => T,
): Promise<T[]> {
  const parts = sequences.map((ids) =>
    (eosId === undefined ? [ids] : documentsOf(ids, eosId)).filter((p) => p.length > 1),
  );
  const flat = parts.flat();
  const answers = flat.length === 0 ? [] : await ask(flat);
  let first = 0;
  return parts.map((own) => {
    const mine = answers.slice(first, first + own.length);
    first += own.length;
    return mine.length === 1 ? mine[0]! : join(mine);
  });
}

/** Documents of a packed sequence, each up to its EOS and the id behind it. */
function documentsOf(ids: Int32Array, eosId: EosIds): Int32Array[] {
  const documents: Int32Array[] = [];
  let start = 0;
  for (let t = 0; t < ids.length; t++) {
    if (!endsDocument(ids[t], eosId)) continue;
    documents.push(ids.subarray(start, t + 2));
    start = t + 1;
  }
  documents.push(ids.subarray(start));
  return documents;
}

/** Values of several stretches of one sequence as one array. */
export function joinNll(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Likeliest ids of several stretches of one sequence as one. */
export function joinTop(parts: readonly TopLogProbs[]): TopLogProbs {
  const ids = new Int32Array(parts.reduce((n, part) => n + part.ids.length, 0));
  let at = 0;
  for (const part of parts) {
    ids.set(part.ids, at);
    at += part.ids.length;
  }
  return { ids, logProbs: joinNll(parts.map((part) => part.logProbs)) };
}
