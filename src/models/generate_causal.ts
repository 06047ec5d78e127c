import { InternalError } from "../errors.ts";
import { FORBIDDEN } from "../graph/composite/attention.ts";
import { matmul } from "../graph/ops/index.ts";
import { input, scoped, type Value } from "../graph/value.ts";
import type { CausalDescription } from "./architecture.ts";
import { lengthBucket } from "./batch.ts";
import type { Memory } from "./causal.ts";
import { type Decoding, KeyValueCache, keyValueInputs, keyValueOutputs } from "./generate_decoding.ts";
import type { LanguageModel } from "./language_model.ts";
import { weightInputs } from "./weight_inputs.ts";

function keysOf({ architecture }: CausalDescription): Extract<Memory, { kind: "keys" }> {
  const { memory, config } = architecture;
  if (memory.kind === "keys") return memory;
  throw new InternalError(`readCausal: a ${config.modelType} model keeps no keys and values`);
}

/** ids [B,T] → present.<layer>.k/v [B,K,T,H]. Padding stands on the right, where causality hides it. */
function prefillGraph(d: CausalDescription, B: number, T: number): Record<string, Value> {
  const { get } = weightInputs(d, "float32");
  const embeddings = d.architecture.embed(get, input("ids", "int32", [B, T]));
  const { present } = d.architecture.states(get, { embeddings });
  return keyValueOutputs("present", present);
}

/**
 * ids, positions [B,1]; bias [B,1,1,S+1] over the cache's places and the new token; past.<layer>.k/v [B,K,S,H]
 * → `logits` [B,V] and present.<layer>.k/v [B,K,1,H] of the new token.
 */
function stepGraph(d: CausalDescription, B: number, S: number): Record<string, Value> {
  const { architecture } = d;
  const { K, H } = keysOf(d);
  const { get } = weightInputs(d, "float32");
  const { hidden, present } = architecture.states(get, {
    embeddings: architecture.embed(get, input("ids", "int32", [B, 1])),
    positions: input("positions", "int32", [B, 1]),
    bias: input("bias", "float32", [B, 1, 1, S + 1]),
    past: keyValueInputs("past", d.config.layers, [B, K, S, H]),
  });
  const logits = scoped("lm_head", () => matmul(hidden, architecture.head(get), { transB: true }));
  return { logits, ...keyValueOutputs("present", present) };
}

/** Buffers of a step, made once per batch size and room. */
interface StepFeeds {
  readonly ids: Int32Array<ArrayBuffer>;
  readonly positions: Int32Array<ArrayBuffer>;
  readonly bias: Float32Array<ArrayBuffer>;
}

/**
 * Rows of a causal model: row r has its tokens at places 0 … lengths[r]-1 of the cache, so that position and place are
 * one number and nothing needs padding on the left.
 */
class CausalDecoding implements Decoding {
  private fed: StepFeeds | undefined;

  constructor(
    private readonly model: LanguageModel<CausalDescription>,
    private readonly cache: KeyValueCache,
    private lengths: Int32Array,
    readonly first: readonly number[],
  ) {}

  get B(): number {
    return this.lengths.length;
  }

  async step(ids: readonly (number | undefined)[]): Promise<Float32Array> {
    const { model, cache, lengths, B } = this;
    const before = cache.room;
    cache.reserve(Math.max(...lengths) + 1);
    const S = cache.room;
    if (S !== before) this.fed = undefined;
    this.fed ??= { ids: new Int32Array(B), positions: new Int32Array(B), bias: new Float32Array(B * (S + 1)) };
    this.fed.ids.set(Array.from({ length: B }, (_, row) => ids[row] ?? 0));
    this.fed.positions.set(lengths);
    this.setBias(this.fed.bias, S);
    const shape = { B, S };
    const executable = await model.executable("step", shape, () => stepGraph(model.description, B, S));
    const out = await executable.run(model.feeds({ ...this.fed, ...cache.feeds }));
    for (const [row, id] of ids.entries())
      if (id !== undefined) cache.write(out, "present", row, { T: 1, count: 1, at: lengths[row]!++ });
    return out.logits as Float32Array;
  }

  /** Shows each row its own tokens within the window, and the new one, which stands last. */
  private setBias(bias: Float32Array, S: number): void {
    const window = keysOf(this.model.description).windows[0] ?? Infinity;
    bias.fill(FORBIDDEN);
    for (const [row, length] of this.lengths.entries()) {
      const start = row * (S + 1);
      bias.fill(0, start + Math.max(0, length - window + 1), start + length);
      bias[start + S] = 0;
    }
  }

  keep(rows: readonly number[], B: number): void {
    this.cache.keep(rows, B);
    this.lengths = Int32Array.from({ length: B }, (_, i) => (i < rows.length ? this.lengths[rows[i]!]! : 0));
    this.fed = undefined;
  }
}

/** Reads all but the last id of each input in one pass; the last one starts the steps. @param B - rows, at least one per input */
export async function readCausal(
  model: LanguageModel<CausalDescription>,
  inputs: readonly Int32Array[],
  B: number,
): Promise<Decoding> {
  const { K, H } = keysOf(model.description);
  const cache = new KeyValueCache("past", { layers: model.description.config.layers, B, K, H });
  const lengths = new Int32Array(B);
  for (const [row, ids] of inputs.entries()) lengths[row] = ids.length - 1;
  const longest = Math.max(...lengths);
  cache.reserve(longest + 1);
  if (longest > 0) {
    const T = lengthBucket(longest);
    const ids = new Int32Array(B * T);
    for (const [row, input] of inputs.entries()) ids.set(input.subarray(0, -1), row * T);
    const executable = await model.executable("prefill", { B, T }, () => prefillGraph(model.description, B, T));
    const out = await executable.run(model.feeds({ ids }));
    for (let row = 0; row < inputs.length; row++) cache.write(out, "present", row, { T, count: lengths[row]!, at: 0 });
  }
  return new CausalDecoding(
    model,
    cache,
    lengths,
    inputs.map((ids) => ids.at(-1)!),
  );
}
