import { existsSync, readFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { CausalLM } from "../../src/models/causal_lm.ts";
import { createModel, loadModel, saveModel } from "../../src/models/load.ts";

const stories = resolve(import.meta.dirname, "../../../shared/data/weights/stories260k-hf");

/** What all backends must say: log-probabilities worked out in doubles from the logits of our own graphs. */
export class Truth {
  private readonly known = new Map<string, Float64Array[]>();

  private constructor(
    readonly folder: string,
    readonly model: CausalLM,
    /** Ids of a real text with NLLs by transformers; undefined where the shared fixtures are absent. */
    readonly golden: { ids: Int32Array; nll: number[] } | undefined,
  ) {}

  /** stories260k where it is there, else a random model of its shape. */
  static async open(): Promise<Truth> {
    if (existsSync(stories)) {
      const { input_ids, nll } = JSON.parse(readFileSync(join(stories, "expected.json"), "utf8"));
      return new Truth(stories, await loadModel(stories), { ids: Int32Array.from(input_ids), nll });
    }
    const folder = await mkdtemp(join(tmpdir(), "heartcut-truth-"));
    const config = {
      model_type: "llama",
      vocab_size: 512,
      hidden_size: 64,
      intermediate_size: 172,
      num_hidden_layers: 2,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      max_position_embeddings: 512,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: true,
    };
    const model = createModel(config, 1);
    await saveModel(model.description, model.weights, folder);
    return new Truth(folder, model, undefined);
  }

  get vocabSize(): number {
    return this.model.vocabSize;
  }

  /** log p(v | ids[0..t]) for each t: rows [V]. */
  async logProbs(ids: Int32Array): Promise<Float64Array[]> {
    const key = ids.join();
    let rows = this.known.get(key);
    if (rows === undefined) {
      const V = this.vocabSize;
      const [logits] = await this.model.logits(ids);
      rows = Array.from(ids, (_, t) => logSoftmax(Float64Array.from(logits!.subarray(t * V, (t + 1) * V))));
      this.known.set(key, rows);
    }
    return rows;
  }

  async nll(ids: Int32Array): Promise<number[]> {
    if (ids.length < 2) return [];
    const rows = await this.logProbs(ids.subarray(0, -1));
    return rows.map((row, t) => -row[ids[t + 1]!]!);
  }

  /** Ragged sequences that every backend is asked about: one token, two, many, and pieces of real text. */
  sequences(): Int32Array[] {
    const text = this.golden?.ids ?? Int32Array.from({ length: 200 }, (_, i) => (i * 37 + 5) % this.vocabSize);
    return [
      text.slice(0, 60),
      Int32Array.of(1),
      Int32Array.of(1, 403),
      text.slice(20, 50),
      text.slice(0, 17),
      Int32Array.from({ length: 33 }, (_, i) => (i * 97 + 3) % this.vocabSize),
    ];
  }
}

function logSoftmax(logits: Float64Array): Float64Array {
  const max = Math.max(...logits);
  const logZ = max + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - max), 0));
  return logits.map((x) => x - logZ);
}
