import { writeInstances } from "../../src/corpus/instances.ts";
import { Random } from "../../src/random.ts";
import type { TrainInput } from "../../src/train/train.ts";

/** Instances of a small invented language: each token depends on the one before, so that there is something to learn. */
export async function writeToyInstances(folder: string, count: number, seed = 1): Promise<void> {
  const random = new Random(seed, "test/toy");
  const instances = Array.from({ length: count }, (_, i) => {
    const tokens = [3 + random.below(20)];
    const length = 12 + random.below(14);
    while (tokens.length < length)
      tokens.push(random.below(9) === 0 ? 2 : 3 + ((tokens.at(-1)! * 7 + random.below(2)) % 20));
    return { tokens: Int32Array.from(tokens), source: "toy", firstDocument: `d${i}`, lastDocument: `d${i}` };
  });
  await writeInstances(folder, instances, { vocabSize: 32 });
}

/** A model for that language. */
export const TOY_CONFIG = {
  model_type: "qwen2",
  vocab_size: 32,
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  tie_word_embeddings: true,
  eos_token_id: 2,
};

/** A training of 24 steps with a checkpoint every 4. */
export function trainInput(data: string, output: string, change: Partial<TrainInput> = {}): TrainInput {
  return {
    model: {
      config: TOY_CONFIG,
    },
    data,
    heldOut: [{ name: "self", folder: data }],
    output,
    steps: 24,
    batch: { instances: 6, microBatch: 3 },
    optimizer: { learningRate: 5e-3, minLearningRate: 5e-4, warmupSteps: 3 },
    lossNormalization: "instance",
    evalEvery: 8,
    checkpointEvery: 4,
    seed: 3,
    device: "cpu",
    ...change,
  };
}
