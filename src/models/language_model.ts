import { HeartcutError } from "../errors.ts";
import type { TypedArray } from "../graph/dtype.ts";
import type { Value } from "../graph/value.ts";
import { ExecutableCache } from "../runtime/cache.ts";
import { type DeviceChoice, type DeviceName, resolveDevice } from "../runtime/device.ts";
import { type Buffers, Executable } from "../runtime/executable.ts";
import type { ModelDescription } from "./architecture.ts";
import { BATCH_TOKENS } from "./batch.ts";
import type { PairShape } from "./conditional.ts";
import { targetLogitsGraph, targetNllGraph } from "./conditional_graphs.ts";
import { maskIdsOf } from "./loss_mask.ts";
import { bucketPairs, type Pair, type PairBatch, padPairs, pairFeeds, pairShape } from "./pairs.ts";
import type { WeightStore } from "./weights.ts";

export interface ModelOptions {
  readonly device?: DeviceChoice;
  /** Threads of the engine; default: one per physical core. */
  readonly threads?: number | undefined;
  /** Tokens per engine call when many sequences are scored; default BATCH_TOKENS. */
  readonly batchTokens?: number | undefined;
}

/** Graphs that a model keeps compiled: each holds memory for its activations. */
export const COMPILED_GRAPHS = 6;

/**
 * Weights in memory and the graphs that read them, compiled once per shape: what all kinds of model share.
 * Weights are fed to every graph as inputs, so changing them (training) needs no new graph.
 */
export abstract class LanguageModel<D extends ModelDescription = ModelDescription> {
  private readonly cache = new ExecutableCache(COMPILED_GRAPHS);
  readonly device: DeviceName;

  constructor(
    readonly description: D,
    readonly weights: WeightStore,
    protected readonly options: ModelOptions = {},
  ) {
    this.device = resolveDevice(options.device ?? "auto");
  }

  get vocabSize(): number {
    return this.description.config.vocabSize;
  }

  get parameterCount(): number {
    return this.description.parameterCount;
  }

  /** Id the decoder starts from; causal models have none and never read it. */
  get startId(): number {
    return this.description.kind === "seq2seq" ? this.description.config.decoderStartId : 0;
  }

  /** Id that ends a text. @throws HeartcutError HC1109 if the config names none */
  get endId(): number {
    const { eosId } = maskIdsOf(this.description.json);
    const first = typeof eosId === "object" ? eosId[0] : eosId;
    if (first !== undefined) return first;
    throw new HeartcutError("HC1109", {
      what: "the model's config does not say which id ends a text",
      where: "config.json: eos_token_id",
      fix: "add eos_token_id, as the tokenizer has it",
    });
  }

  /** Pairs padded for this model. @throws HeartcutError HC1105 for an id outside the vocabulary, HC1107 for a text that is too long */
  padPairs(pairs: readonly Pair[], shape: PairShape = pairShape(pairs), weights?: readonly Float32Array[]): PairBatch {
    for (const { input, target } of pairs) {
      this.checkIds(input);
      this.checkIds(target);
      this.checkPlaces(input.length + target.length - 1);
    }
    return padPairs(pairs, shape, { startId: this.startId, ...(weights && { weights }) });
  }

  /**
   * log p(target[t] | input, target[..t-1]) in nats, one array per pair, in the order given.
   * Pairs are sorted by length and batched; none sees another.
   */
  async targetLogProbs(pairs: readonly Pair[]): Promise<Float32Array[]> {
    const results: Float32Array[] = pairs.map(({ target }) => new Float32Array(target.length));
    for (const group of bucketPairs(pairs, this.options.batchTokens ?? BATCH_TOKENS)) {
      const batch = this.padPairs(group.map((i) => pairs[i]!));
      const shape = { B: batch.B, S: batch.S, T: batch.T };
      const executable = await this.executable("target_nll", shape, () => targetNllGraph(this.description, shape));
      const nll = (await executable.run(this.feeds(pairFeeds(batch)))).nll as Float32Array;
      for (const [row, i] of group.entries())
        results[i]!.set(nll.subarray(row * batch.T, row * batch.T + pairs[i]!.target.length).map((x) => -x));
    }
    return results;
  }

  /** Logits that predict each target id, [T,V] per pair. */
  async targetLogits(pairs: readonly Pair[]): Promise<Float32Array[]> {
    const batch = this.padPairs(pairs);
    const shape = { B: batch.B, S: batch.S, T: batch.T };
    const executable = await this.executable("target_logits", shape, () => targetLogitsGraph(this.description, shape));
    const logits = (await executable.run(this.feeds(pairFeeds(batch)))).logits as Float32Array;
    const row = batch.T * this.vocabSize;
    return pairs.map(({ target }, i) => logits.slice(i * row, i * row + target.length * this.vocabSize));
  }

  /** Compiled graph of a kind and shape; the least recently used ones are dropped. */
  executable(kind: string, shape: object, build: () => Readonly<Record<string, Value>>): Promise<Executable> {
    return this.cache.get(`${kind} ${JSON.stringify(shape)}`, () =>
      Executable.compile(build(), { device: this.device, threads: this.options.threads }),
    );
  }

  /** All weights plus further inputs, as an executable takes them. */
  feeds(more: Buffers | Record<string, TypedArray>): Buffers {
    return { ...(Object.fromEntries(this.weights) as Record<string, Float32Array<ArrayBuffer>>), ...more };
  }

  /** Throws HC1105 for an id the embedding has no row for. */
  checkIds(ids: Int32Array): void {
    for (const id of ids)
      if (id < 0 || id >= this.vocabSize)
        throw new HeartcutError("HC1105", {
          what: "a token id is outside the model's vocabulary",
          found: `id ${id}`,
          expected: `0 … ${this.vocabSize - 1}`,
          fix: "use the tokenizer that belongs to this model",
        });
  }

  /** Throws HC1107 for a text of more places than a learned table of positions has rows. */
  checkPlaces(places: number): void {
    const rows = this.description.kind === "causal" ? this.description.architecture.positionRows : undefined;
    if (rows !== undefined && places > rows)
      throw new HeartcutError("HC1107", {
        what: "a text is longer than the model's context",
        found: `${places} tokens`,
        expected: `at most ${rows}: the model has learned so many positions`,
        fix: "shorten the text, or use a model with a longer context",
      });
  }

  /** Frees the engine's memory; the weights stay. */
  dispose(): Promise<void> {
    return this.cache.dispose();
  }
}
