import type { InstanceReader } from "../corpus/record.ts";
import { checkpointSignal, type StageContext } from "../progress.ts";
import { type SparseVector, unit } from "./kernel.ts";

/** Inverse document frequency of each token id over a folder of instances: ln((1 + N) / (1 + df)) + 1.
 * @returns float64[vocabSize]   Source: Salton and Buckley 1988, smoothed as if one more instance held every token */
export async function inverseDocumentFrequency(
  reader: InstanceReader,
  vocabSize: number,
  context: StageContext,
): Promise<Float64Array> {
  const frequency = new Float64Array(vocabSize);
  const lastSeen = new Int32Array(vocabSize).fill(-1);
  for (let i = 0; i < reader.length; i++) {
    if (i % 4096 === 0) await checkpointSignal(context);
    for (const id of reader.read(i)) {
      if (lastSeen[id] !== i) frequency[id]!++;
      lastSeen[id] = i;
    }
  }
  return frequency.map((df) => Math.log((1 + reader.length) / (1 + df)) + 1);
}

/** Unit vector of an instance: counts of its token ids times their inverse document frequency; empty for no tokens. */
export function tfIdfVector(tokens: Int32Array, idf: Float64Array): SparseVector {
  const counts = new Map<number, number>();
  for (const id of tokens) counts.set(id, (counts.get(id) ?? 0) + 1);
  const indices = Int32Array.from(counts.keys());
  return { indices, values: unit(Float64Array.from(indices, (id) => counts.get(id)! * idf[id]!)) };
}
