import type { TopLogProbs } from "../distill/record.ts";
import { HeartcutError, InternalError } from "../errors.ts";
import type { TypedArray } from "../graph/dtype.ts";
import { type CausalDescription, forwardFlopsPerToken } from "./architecture.ts";
import { type AskedLogProbs, type AskedOptions, askedLogProbs } from "./asked_log_probs.ts";
import { BATCH_TOKENS, lengthBucket, padTokens, type TokenBatch } from "./batch.ts";
import type { AskedSequence } from "./branches.ts";
import { type GraphShape, logitsGraph, lossGraph, nllGraph } from "./causal_graphs.ts";
import { type GenerateOptions, generateTokens } from "./generate.ts";
import { LanguageModel } from "./language_model.ts";
import type { EosIds } from "./loss_mask.ts";
import { topLogProbsGraph } from "./top_log_probs.ts";

export interface LossAndGradients {
  /** Σ loss weight · nll, nats. */
  readonly loss: number;
  /** NLL of every position, [B·T]; overwritten by the next call. */
  readonly nll: Float32Array;
  /** Gradient of the loss by tensor name; overwritten by the next call unless `into` was given. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** The likeliest next tokens of a sequence, and the NLL of the token that stands at each place, float32 [n-1]. */
export interface ScoredTopLogProbs extends TopLogProbs {
  readonly nll: Float32Array;
}

/** A causal language model: p(token | tokens before it). */
export class CausalLM extends LanguageModel<CausalDescription> {
  /** FLOPs of a forward pass per token at context length T. */
  flopsPerToken(T: number): number {
    return forwardFlopsPerToken(this.description, T);
  }

  /**
   * Logits of each position.
   * @param ids - one sequence of T ids, or several of one length
   * @param attentionMask - 1 for real tokens, 0 for padding, per sequence
   * @returns one array [T,V] per sequence
   */
  async logits(
    ids: Int32Array | readonly Int32Array[],
    attentionMask?: readonly Int32Array[],
  ): Promise<Float32Array[]> {
    const rows = ids instanceof Int32Array ? [ids] : ids;
    const T = rows[0]?.length ?? 0;
    if (T === 0 || rows.some((row) => row.length !== T))
      throw new HeartcutError("HC1104", { what: "logits need sequences of one length, at least one token each" });
    for (const row of rows) this.checkIds(row);
    this.checkPlaces(T);
    const shape: GraphShape = { B: rows.length, T, visibility: attentionMask === undefined ? "causal" : "padding" };
    const executable = await this.executable("logits", shape, () => logitsGraph(this.description, shape));
    const feeds: Record<string, TypedArray> = { ids: concatIds(rows) };
    if (attentionMask !== undefined) feeds.visibility = concatIds(attentionMask);
    const out = (await executable.run(this.feeds(feeds))).logits as Float32Array;
    const size = T * this.vocabSize;
    return rows.map((_, i) => out.slice(i * size, (i + 1) * size));
  }

  /**
   * -log p(ids[t+1] | ids[..t]) in nats for each sequence of n ids: n-1 values.
   * Sequences are sorted by length and padded to length classes; the order of the results is that of the input.
   * @param eosId - where given, packed documents do not see each other
   */
  async tokenNll(
    sequences: readonly Int32Array[],
    options: { eosId?: EosIds | undefined } = {},
  ): Promise<Float32Array[]> {
    const results: Float32Array[] = sequences.map((sequence) => new Float32Array(Math.max(0, sequence.length - 1)));
    for (const { members, batch } of this.paddedBatches(sequences, options)) {
      const nll = await this.paddedNll(batch);
      for (const [row, i] of members.entries())
        results[i]!.set(nll.subarray(row * batch.T, row * batch.T + results[i]!.length));
    }
    return results;
  }

  /**
   * The k likeliest next tokens at each of the n-1 places of each sequence of n ids, with the NLL of the token that stands
   * there, from one forward pass. Batches as tokenNll.
   * @param options.eosId - where given, packed documents do not see each other
   * @throws InternalError for a k that is not 1 … vocabSize
   */
  async topLogProbs(
    sequences: readonly Int32Array[],
    { k, eosId }: { k: number; eosId?: EosIds | undefined },
  ): Promise<ScoredTopLogProbs[]> {
    const results = sequences.map((sequence) => {
      const positions = Math.max(0, sequence.length - 1);
      return {
        ids: new Int32Array(positions * k),
        logProbs: new Float32Array(positions * k),
        nll: new Float32Array(positions),
      };
    });
    for (const { members, batch } of this.paddedBatches(sequences, { eosId })) {
      const shape = shapeOf(batch);
      const executable = await this.executable(`top ${k}`, shape, () => topLogProbsGraph(this.description, shape, k));
      const out = await executable.run(this.feeds(batchFeeds(batch, false)));
      for (const [row, i] of members.entries()) {
        const { ids, logProbs, nll } = results[i]!;
        const [first, last] = [row * batch.T, row * batch.T + nll.length];
        nll.set((out.nll as Float32Array).subarray(first, last));
        ids.set((out.top_ids as Int32Array).subarray(first * k, last * k));
        logProbs.set((out.top_log_probs as Float32Array).subarray(first * k, last * k));
      }
    }
    return results;
  }

  /**
   * log p of the ids that are asked for, and the likeliest id at each of their places. Sequences of one group that begin alike
   * are read together, their beginning once; the values do not depend on grouping, order or batches.
   */
  async askedLogProbs(
    groups: readonly (readonly AskedSequence[])[],
    options?: AskedOptions,
  ): Promise<AskedLogProbs[][]> {
    for (const { ids } of groups.flat()) {
      this.checkIds(ids);
      this.checkPlaces(ids.length - 1);
    }
    return askedLogProbs(this, groups, { places: this.options.batchTokens, ...options });
  }

  /** Sequences of more than one id in padded batches, short ones first; `members` are the sequences of its first rows. */
  private *paddedBatches(
    sequences: readonly Int32Array[],
    options: { eosId?: EosIds | undefined },
  ): Generator<{ members: readonly number[]; batch: TokenBatch }> {
    for (const sequence of sequences) {
      this.checkIds(sequence);
      this.checkPlaces(sequence.length - 1);
    }
    const order = sequences.map((_, i) => i).filter((i) => sequences[i]!.length > 1);
    order.sort((a, b) => sequences[a]!.length - sequences[b]!.length || a - b);
    const budget = this.options.batchTokens ?? BATCH_TOKENS;
    const bucket = (at: number) => lengthBucket(sequences[order[at]!]!.length - 1);
    for (let start = 0; start < order.length; ) {
      // The class of the longest sequence that still fits decides the shape of a batch.
      let end = start + 1;
      while (end < order.length && bucket(end) * (end - start + 1) <= budget) end++;
      const length = bucket(end - 1);
      const members = order.slice(start, end);
      const capacity = Math.max(members.length, Math.floor(budget / length));
      // A last partial batch keeps the full batch's shape if that wastes little, else takes one of its own.
      const rows = members.length * 2 > capacity ? capacity : members.length;
      yield {
        members,
        batch: padTokens(
          members.map((i) => sequences[i]!),
          length,
          { ...options, rows },
        ),
      };
      start = end;
    }
  }

  /** NLL of every position of a batch, [B·T]; overwritten by the next call. @throws HeartcutError HC1107 for rows that are too long */
  async batchNll(batch: TokenBatch): Promise<Float32Array> {
    this.checkPlaces(batch.T);
    return this.paddedNll(batch);
  }

  /** As batchNll; rows may be longer than the model's context by padding. */
  private async paddedNll(batch: TokenBatch): Promise<Float32Array> {
    const shape = shapeOf(batch);
    const executable = await this.executable("nll", shape, () => nllGraph(this.description, shape));
    return (await executable.run(this.feeds(batchFeeds(batch, false)))).nll as Float32Array;
  }

  /**
   * Weighted loss of a batch and its gradient for every weight.
   * @param into - arrays by tensor name that receive the gradients
   * @param recompute - keep only layer inputs for the backward pass
   * @throws HeartcutError HC1107 for rows that are longer than the model's context
   */
  async lossAndGradients(
    batch: TokenBatch,
    { into, recompute = false }: { into?: ReadonlyMap<string, Float32Array>; recompute?: boolean } = {},
  ): Promise<LossAndGradients> {
    this.checkPlaces(batch.T);
    const shape = { ...shapeOf(batch), recompute };
    const executable = await this.executable("loss", shape, () => lossGraph(this.description, shape));
    const results: Record<string, TypedArray> = {};
    if (into !== undefined)
      for (const [name, array] of into) results[`grad.${name}`] = array as Float32Array<ArrayBuffer>;
    const out = await executable.run(this.feeds(batchFeeds(batch, true)), results);
    return {
      loss: Number(out.loss![0]),
      nll: out.nll as Float32Array,
      gradients: new Map(this.description.parameters.map(({ name }) => [name, out[`grad.${name}`] as Float32Array])),
    };
  }

  /** Continues a sequence; see GenerateOptions. Returns the new ids only. */
  generate(ids: Int32Array, options: GenerateOptions): Promise<Int32Array> {
    this.checkIds(ids);
    return generateTokens(this, ids, options);
  }
}

function shapeOf({ B, T, visibility }: TokenBatch): GraphShape {
  return { B, T, visibility: visibility ? "segments" : "causal" };
}

function batchFeeds(batch: TokenBatch, withLoss: boolean): Record<string, TypedArray> {
  const feeds: Record<string, Int32Array | Float32Array> = { ids: batch.ids, targets: batch.targets };
  if (withLoss) feeds.loss_weights = batch.lossWeights;
  if (batch.visibility !== undefined) feeds.visibility = batch.visibility;
  return feeds as Record<string, TypedArray>;
}

function concatIds(rows: readonly Int32Array[]): Int32Array<ArrayBuffer> {
  const length = rows[0]?.length ?? 0;
  const all = new Int32Array(rows.length * length);
  for (const [i, row] of rows.entries()) {
    if (row.length !== length) throw new InternalError(`expected rows of ${length} ids, got ${row.length}`);
    all.set(row, i * length);
  }
  return all;
}
