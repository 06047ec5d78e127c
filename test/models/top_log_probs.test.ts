import { describe, expect, test } from "vitest";
import { ancestors } from "../../src/graph/value.ts";
import { createModel } from "../../src/models/load.ts";
import { topLogProbsGraph } from "../../src/models/top_log_probs.ts";
import { Random } from "../../src/random.ts";

const TINY = {
  model_type: "llama",
  vocab_size: 70,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  tie_word_embeddings: true,
  max_position_embeddings: 256,
  eos_token_id: 2,
  initializer_range: 0.3,
};
const random = new Random(1, "test/ids");
const sequences = [5, 40, 1, 17, 2, 130, 0, 17].map((n) => Int32Array.from({ length: n }, () => 3 + random.below(67)));

describe("CausalLM.topLogProbs", () => {
  test.each([1, 7, 70])("k %i: the largest log-probabilities of full logits, and the NLL of scoring", async (k) => {
    const model = createModel(TINY, 1);
    const tops = await model.topLogProbs(sequences, { k });
    const nlls = await model.tokenNll(sequences);
    for (const [i, sequence] of sequences.entries()) {
      const { ids, logProbs, nll } = tops[i]!;
      const positions = Math.max(0, sequence.length - 1);
      expect([ids.length, logProbs.length, nll.length]).toEqual([positions * k, positions * k, positions]);
      for (const [t, x] of nll.entries()) expect(x).toBeCloseTo(nlls[i]![t]!, 5);
      const logits = positions === 0 ? [] : [...(await model.logits(sequence.subarray(0, -1)))[0]!];
      for (let t = 0; t < positions; t++) {
        const row = logits.slice(t * 70, (t + 1) * 70);
        const logZ = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
        const order = row.map((_, id) => id).sort((a, b) => row[b]! - row[a]!);
        for (let j = 0; j < k; j++) {
          expect(logProbs[t * k + j]).toBeCloseTo(row[order[j]!]! - logZ, 4);
          expect(logProbs[t * k + j]).toBeCloseTo(row[ids[t * k + j]!]! - logZ, 4);
        }
        expect(new Set(ids.subarray(t * k, (t + 1) * k)).size).toBe(k);
        const rank = ids.subarray(t * k, (t + 1) * k).indexOf(sequence[t + 1]!);
        if (rank >= 0) expect(logProbs[t * k + rank]).toBeCloseTo(-nll[t]!, 4);
      }
    }
    await model.dispose();
  });

  test("hides earlier documents behind a barrier", async () => {
    const model = createModel(TINY, 1);
    const [first, second] = [sequences[0]!, sequences[1]!];
    const [barred] = await model.topLogProbs([Int32Array.of(...first, 2, ...second)], { k: 3, eosId: 2 });
    const [alone] = await model.topLogProbs([second], { k: 3 });
    expect(barred!.ids.subarray(3 * (first.length + 1))).toEqual(alone!.ids);
    await model.dispose();
  });

  test("never has the logits of a whole batch: a chunk of rows, whatever the vocabulary", () => {
    const { description } = createModel({ ...TINY, vocab_size: 32_000, hidden_size: 8, num_attention_heads: 2 }, 1);
    const values = ancestors(Object.values(topLogProbsGraph(description, { B: 8, T: 1024 }, 32)));
    const largest = Math.max(...values.map(({ shape }) => shape.reduce((n, m) => n * m, 1)));
    expect(largest).toBeLessThanOrEqual(2 ** 24);
  });
});
