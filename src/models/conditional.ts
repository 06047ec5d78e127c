import type { DType } from "../graph/dtype.ts";
import { input, type Value } from "../graph/value.ts";
import type { ModelDescription } from "./architecture.ts";
import { causalConditional } from "./causal_conditional.ts";
import type { Dropout } from "./dropout.ts";
import { t5Conditional } from "./t5_conditional.ts";
import type { Weights } from "./weight_inputs.ts";

/**
 * p(target | input), the same for both kinds of model: an encoder-decoder reads the input with its encoder, a causal
 * model reads it as the beginning of the sequence. Tasks, attribution and distillation build their graphs on this.
 * Shapes: B pairs, S input places, T target places, D width, V vocabulary, N heads.
 */
export interface ConditionalGraph {
  /** Input embeddings of ids int [B,S] → [B,S,D], token embeddings only: what attribution differentiates by. */
  embed(ids: Value): Value;
  /** Reads an input. `mask` int32 [B,S] is 1 for tokens and 0 for padding, which stands on the left. */
  encode(embeddings: Value, mask: Value, options?: ConditionalOptions): EncodedInput;
  /** Rows of the output embedding, [V,D]: logits = hidden · headᵀ. */
  readonly head: Value;
}

export interface ConditionalOptions {
  /** Also give attention probabilities: whole matrices, kept in memory. */
  readonly attention?: boolean | undefined;
  /** Keep only layer inputs for the backward pass. */
  readonly recompute?: boolean | undefined;
  /** For training; families whose models know no dropout leave it alone. */
  readonly dropout?: Dropout | undefined;
}

/** An input that has been read: several targets may be asked of it, the encoder runs once. */
export interface EncodedInput {
  /** Self-attention of each encoder layer, [B,N,S,S]; empty for causal models, and unless asked for. */
  readonly attention: readonly Value[];
  /**
   * The states that predict each target. `previous` int [B,T]: the id before each target id; its first column is
   * the decoder's start id (encoder-decoder) or is not read (causal: the input's last token comes before).
   */
  decode(previous: Value): Decoded;
}

export interface Decoded {
  /** [B·T, D], scaled as the head expects. */
  readonly hidden: Value;
  /** Attention of the places that predict targets to the input's places, [B,N,T,S] per layer; empty unless asked for. */
  readonly attentionToInput: readonly Value[];
  /** Self-attention: causal [B,N,S+T-1,S+T-1], encoder-decoder [B,N,T,T] per layer; empty unless asked for. */
  readonly selfAttention: readonly Value[];
}

/** The conditional graph of a model of either kind over the given weights. */
export function conditionalGraph(description: ModelDescription, weights: Weights): ConditionalGraph {
  return description.kind === "causal"
    ? causalConditional(description, weights)
    : t5Conditional(description.config, weights);
}

/** Sizes of a padded batch of pairs. */
export interface PairShape {
  readonly B: number;
  /** Input places. */
  readonly S: number;
  /** Target places. */
  readonly T: number;
}

/** The graph inputs a batch of pairs is fed to, by the names `pairFeeds` uses. */
export interface PairInputs {
  /** int32 [B,S] */
  readonly inputIds: Value;
  readonly inputMask: Value;
  /** int32 [B,T] */
  readonly previousIds: Value;
  readonly targets: Value;
  /** [B,T], the graph's dtype: weight of each target's NLL; 0 on padding. */
  readonly targetWeights: Value;
}

/** Declares the inputs of a graph over pairs; those the graph does not use need not be fed. */
export function pairInputs({ B, S, T }: PairShape, dtype: DType = "float32"): PairInputs {
  return {
    inputIds: input("input_ids", "int32", [B, S]),
    inputMask: input("input_mask", "int32", [B, S]),
    previousIds: input("previous_ids", "int32", [B, T]),
    targets: input("targets", "int32", [B, T]),
    targetWeights: input("target_weights", dtype, [B, T]),
  };
}
