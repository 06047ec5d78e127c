import type { PromptSource } from "../../src/capture/prompts.ts";
import type { SequencesInput } from "../../src/capture/sequences_input.ts";
import { createModel } from "../../src/models/load.ts";
import { EOS, VOCAB } from "../score/bigram.ts";

/** A tiny random teacher that writes ids; as text, a token is its number. */
export function sequencesInput(prompts: PromptSource, folder: string): SequencesInput {
  const model = createModel(
    {
      model_type: "llama",
      vocab_size: VOCAB,
      hidden_size: 16,
      intermediate_size: 24,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      num_key_value_heads: 2,
      max_position_embeddings: 64,
      initializer_range: 0.3,
    },
    3,
    { device: "cpu", threads: 1 },
  );
  return {
    model,
    teacher: { name: "tiny", fingerprint: "tiny 3" },
    tokenizer: {
      fingerprint: "c".repeat(64),
      vocabSize: VOCAB,
      specials: { eos: EOS } as SequencesInput["tokenizer"]["specials"],
      decode: (ids) => Array.from(ids).join(" "),
    },
    prompts,
    folder,
    length: 40,
    afterEos: "end",
    temperature: 1,
    seed: 5,
  };
}
