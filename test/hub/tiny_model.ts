import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createModel, saveModel } from "../../src/models/load.ts";
import { quietContext } from "../../src/progress.ts";
import { loadTokenizer } from "../../src/tokenizers/tokenizer.ts";
import { trainByteLevelBpe } from "../../src/tokenizers/train.ts";

/** Config of models that are trained in no time. */
export const TINY = {
  model_type: "llama",
  hidden_size: 16,
  intermediate_size: 32,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
};

/** A line of a small corpus. */
export function tinyText(i: number): string {
  const place = ["river", "tower", "garden"][i % 3];
  return `The ${place} of day ${i} was ${i % 2 ? "quiet" : "loud"}. It had ${i * 7} stones. `.repeat(3);
}

/** Files of a random model with its tokenizer, as a repository holds them. */
export async function tinyModel(seed = 1): Promise<Record<string, Buffer>> {
  const folder = await mkdtemp(join(tmpdir(), "heartcut-tiny-"));
  try {
    const texts = (async function* () {
      for (let i = 0; i < 50; i++) yield tinyText(i);
    })();
    await trainByteLevelBpe(texts, { vocabSize: 300, folder }, quietContext());
    const { vocabSize, specials } = await loadTokenizer(folder);
    const eos = specials.eos!;
    const model = createModel({ ...TINY, vocab_size: vocabSize, bos_token_id: eos, eos_token_id: eos }, seed);
    await saveModel(model.description, model.weights, folder);
    await model.dispose();
    const files: Record<string, Buffer> = {};
    for (const name of await readdir(folder)) files[name] = await readFile(join(folder, name));
    return files;
  } finally {
    await rm(folder, { recursive: true });
  }
}
