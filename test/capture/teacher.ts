import type { CapturedTeacher } from "../../src/capture/capture_settings.ts";
import type { TopLogProbs } from "../../src/distill/record.ts";
import { Random } from "../../src/random.ts";
import { VOCAB } from "../score/bigram.ts";

/** A bigram teacher with random logits: its answer depends on the last token only, so batching cannot matter. */
export function bigramTeacher(seed: number) {
  const random = new Random(seed, "test/bigram teacher");
  const rows = Array.from({ length: VOCAB }, () => {
    const logits = Array.from({ length: VOCAB }, () => 2 * random.normal());
    const logZ = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
    const order = logits.map((_, id) => id).sort((a, b) => logits[b]! - logits[a]!);
    return { order, logProbs: order.map((id) => logits[id]! - logZ) };
  });
  const batches: number[][] = [];
  const answer = (ids: Int32Array, k: number): TopLogProbs => ({
    ids: Int32Array.from([...ids.subarray(0, -1)].flatMap((id) => rows[id]!.order.slice(0, k))),
    logProbs: Float32Array.from([...ids.subarray(0, -1)].flatMap((id) => rows[id]!.logProbs.slice(0, k))),
  });
  const teacher = {
    name: "bigram",
    fingerprint: `bigram ${seed}`,
    vocabSize: VOCAB,
    maxTokens: 100,
    async topLogProbs(sequences: readonly Int32Array[], { k }: { k: number }) {
      batches.push(sequences.map(({ length }) => length));
      return sequences.map((ids) => answer(ids, k));
    },
  } satisfies CapturedTeacher;
  return { teacher, batches, answer };
}
