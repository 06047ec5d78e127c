import { BATCH_TOKENS, lengthBucket, padTokens } from "../models/batch.ts";
import { hiddenStates } from "../models/causal_graphs.ts";
import type { CausalLM } from "../models/causal_lm.ts";
import { lengthBatches } from "../models/length_batches.ts";
import { weightInputs } from "../models/weight_inputs.ts";
import { type SparseVector, unit } from "./kernel.ts";

/** A model as this analysis needs it: one float32[D] for each instance. */
export interface Embedder {
  /** Of the model and of how it embeds. */
  readonly fingerprint: string;
  embed(instances: readonly Int32Array[]): Promise<Float32Array[]>;
}

/** Embeds instances by the mean of a model's last hidden states (behind its final norm) over the positions it reads, all but the
 * last token, which is a label only; zeros for an instance of one token.
 * @param batchTokens - places of one engine call
 * @throws HeartcutError HC1105 for ids outside the vocabulary, HC1107 for too long ones */
export async function meanPooled(
  model: CausalLM,
  instances: readonly Int32Array[],
  batchTokens = BATCH_TOKENS,
): Promise<Float32Array[]> {
  const D = model.description.config.hiddenSize;
  for (const tokens of instances) {
    model.checkIds(tokens);
    model.checkPlaces(tokens.length - 1);
  }
  const pooled = instances.map(() => new Float32Array(D));
  const lengths = instances.map((tokens) => tokens.length);
  for (const batch of lengthBatches(lengths, batchTokens)) {
    const members = batch.filter((i) => lengths[i]! > 1);
    if (members.length === 0) continue;
    const T = lengthBucket(lengths[members[0]!]! - 1);
    const { ids } = padTokens(
      members.map((i) => instances[i]!),
      T,
    );
    const shape = { B: members.length, T };
    const executable = await model.executable("analyze/hidden", shape, () => ({
      hidden: hiddenStates(model.description, weightInputs(model.description, "float32").get, shape),
    }));
    const hidden = (await executable.run(model.feeds({ ids: Int32Array.from(ids) }))).hidden!;
    for (const [row, i] of members.entries()) addMean(pooled[i]!, hidden, row * T, lengths[i]! - 1);
  }
  return pooled;
}

/** Adds the mean of rows `first` … `first + count - 1` of a matrix to a vector. */
function addMean(into: Float32Array, matrix: ArrayLike<number | bigint>, first: number, count: number): void {
  const D = into.length;
  for (let t = first; t < first + count; t++)
    for (let d = 0; d < D; d++) into[d]! += Number(matrix[t * D + d]!) / count;
}

/** Unit vectors of embeddings around their common mean: hidden states share a large component that would make all cosines near 1.
 * Source: Mu and Viswanath 2018, arXiv:1702.01417 (the mean only) */
export function centredUnitVectors(embeddings: readonly Float32Array[], mean: Float64Array): SparseVector[] {
  const indices = Int32Array.from(mean.keys());
  return embeddings.map((embedding) => ({
    indices,
    values: unit(Float64Array.from(embedding, (x, d) => x - mean[d]!)),
  }));
}
