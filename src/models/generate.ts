import { HeartcutError } from "../errors.ts";
import { FORBIDDEN } from "../graph/composite/attention.ts";
import type { TypedArray } from "../graph/dtype.ts";
import { Random } from "../random.ts";
import { cachedGraph } from "./causal_graphs.ts";
import type { CausalLM } from "./causal_lm.ts";

export interface GenerateOptions {
  /** New tokens at most. */
  readonly maxNewTokens: number;
  /** 0 (default) takes the likeliest token; above, samples from softmax(logits / temperature). */
  readonly temperature?: number;
  /** Sample from the k likeliest tokens only. */
  readonly topK?: number;
  /** Sample from the smallest set of tokens with this much probability. */
  readonly topP?: number;
  /** Ids that end the text; they are returned as the last token. */
  readonly stopIds?: readonly number[];
  readonly seed?: number;
  /** Called with each token as it comes. */
  readonly onToken?: (id: number) => void;
  readonly signal?: AbortSignal;
}

/** Chooses a token from logits [V]: the first of the largest, or a draw. */
function choose(logits: Float32Array, { temperature = 0, topK, topP }: GenerateOptions, random: Random): number {
  if (temperature === 0) return logits.reduce((best, x, i) => (x > logits[best]! ? i : best), 0);
  const order = Array.from(logits, (_, i) => i).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const kept = order.slice(0, topK ?? order.length);
  const top = logits[kept[0]!]!;
  const weights = kept.map((i) => Math.exp((logits[i]! - top) / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  let size = kept.length;
  if (topP !== undefined) {
    let mass = 0;
    size = 0;
    while (size < kept.length && mass < topP) mass += weights[size++]! / total;
  }
  let target = random.uniform() * weights.slice(0, size).reduce((a, b) => a + b, 0);
  for (let i = 0; i < size; i++) {
    target -= weights[i]!;
    if (target < 0) return kept[i]!;
  }
  return kept[size - 1]!;
}

/** Room in the cache grows by doubling, so that a text of n tokens compiles log n graphs. */
const FIRST_ROOM = 64;

interface Cache {
  room: number;
  filled: number;
  /** past.<layer>.k/v, [1,K,room,H] each. */
  arrays: Map<string, Float32Array<ArrayBuffer>>;
}

/**
 * Continues `prompt` token by token; keys and values of earlier tokens are kept, so each step costs one token.
 * @throws HeartcutError HC1106 for an empty prompt, HC1107 when prompt and new tokens exceed the model's positions
 */
export async function generateTokens(
  model: CausalLM,
  prompt: Int32Array,
  options: GenerateOptions,
): Promise<Int32Array> {
  const c = model.description.config;
  if (prompt.length === 0)
    throw new HeartcutError("HC1106", { what: "cannot continue an empty prompt", fix: "start with the BOS token" });
  if (prompt.length + options.maxNewTokens > c.maxPositions)
    throw new HeartcutError("HC1107", {
      what: "the text would be longer than the model's context",
      found: `${prompt.length} tokens of prompt + ${options.maxNewTokens} new ones`,
      expected: `at most ${c.maxPositions} together`,
    });
  const random = new Random(options.seed ?? 0, "generate");
  const cache: Cache = { room: 0, filled: 0, arrays: new Map() };
  const windows = new Set(c.windows);
  if (windows.size > 1)
    throw new HeartcutError("HC1108", { what: "generation with windows on some layers only is not supported" });
  const window = c.windows[0];

  const grow = (needed: number) => {
    if (needed <= cache.room) return;
    let room = Math.max(cache.room, FIRST_ROOM);
    while (room < needed) room *= 2;
    for (let layer = 0; layer < c.layers; layer++)
      for (const part of ["k", "v"]) {
        const name = `past.${layer}.${part}`;
        const bigger = new Float32Array(c.kvHeads * room * c.headDim);
        const old = cache.arrays.get(name);
        if (old !== undefined)
          for (let head = 0; head < c.kvHeads; head++)
            bigger.set(
              old.subarray(head * cache.room * c.headDim, (head * cache.room + cache.filled) * c.headDim),
              head * room * c.headDim,
            );
        cache.arrays.set(name, bigger);
      }
    cache.room = room;
  };

  const step = async (ids: Int32Array<ArrayBuffer>): Promise<Float32Array> => {
    const T = ids.length;
    const S = cache.filled === 0 ? 0 : cache.room;
    const executable = await model.executable("cached", [1, T, S], () => cachedGraph(model.description, 1, T, S));
    const bias = new Float32Array(T * (S + T)).fill(FORBIDDEN);
    for (let i = 0; i < T; i++) {
      const position = cache.filled + i;
      const oldest = window === undefined ? 0 : position - window + 1;
      for (let j = Math.max(0, oldest); j < cache.filled; j++) bias[i * (S + T) + j] = 0;
      for (let j = 0; j <= i; j++) if (cache.filled + j >= oldest) bias[i * (S + T) + S + j] = 0;
    }
    const feeds: Record<string, TypedArray> = {
      ids,
      positions: Int32Array.from(ids, (_, i) => cache.filled + i),
      bias,
    };
    if (S > 0) for (const [name, array] of cache.arrays) feeds[name] = array;
    const out = await executable.run(model.feeds(feeds));
    grow(cache.filled + T);
    for (const [name, array] of cache.arrays) {
      const fresh = out[name.replace("past", "present")] as Float32Array;
      for (let head = 0; head < c.kvHeads; head++)
        array.set(
          fresh.subarray(head * T * c.headDim, (head + 1) * T * c.headDim),
          (head * cache.room + cache.filled) * c.headDim,
        );
    }
    cache.filled += T;
    return (out.logits as Float32Array).subarray((T - 1) * c.vocabSize, T * c.vocabSize);
  };

  const made: number[] = [];
  let logits = await step(Int32Array.from(prompt));
  while (made.length < options.maxNewTokens) {
    const id = choose(logits, options, random);
    made.push(id);
    options.onToken?.(id);
    if (options.stopIds?.includes(id) || options.signal?.aborted || made.length === options.maxNewTokens) break;
    logits = await step(Int32Array.of(id));
  }
  return Int32Array.from(made);
}
