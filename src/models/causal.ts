import type { HfConfigJson } from "../formats/hf_config.ts";
import type { Value } from "../graph/value.ts";
import type { ParameterSpec } from "./parameters.ts";
import type { Weights } from "./weight_inputs.ts";

/** What every causal model's config settles, whatever its family. */
export interface CausalConfig {
  /** As `model_type` in config.json names it. */
  readonly modelType: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  /** Whether the head is the embedding table. */
  readonly tied: boolean;
  /** Longest text in tokens; Infinity where nothing in the model limits it. */
  readonly maxPositions: number;
}

/** Keys and values of one layer, [B,K,S,H] each. */
export interface KeyValue {
  readonly k: Value;
  readonly v: Value;
}

/** What a causal model reads. Shapes: B rows, T places, D width, S places of the cache. */
export interface CausalInputs {
  /** Token embeddings, [B,T,D]. */
  readonly embeddings: Value;
  /**
   * Position of each token, int32 [B,T]; where left out 0 … T-1, for families that learn positions from 0 on in each
   * document. Families that learn them read places beyond their table as its last row: such places are padding.
   */
  readonly positions?: Value | undefined;
  /** int32 [B,T]: 1 for a token, 0 for padding, which no token sees; all tokens where left out. */
  readonly mask?: Value | undefined;
  /** int32 [B,T]: number of the document a token belongs to; documents do not see each other. */
  readonly segments?: Value | undefined;
  /**
   * Attention families, with `positions`: int32 [B,T], 0 for the beginning that a row's branches share, then the number of the
   * branch a token belongs to; a token sees earlier ones of the beginning and of its own branch.
   */
  readonly branches?: Value | undefined;
  /** Attention families, steps of a generation: keys and values of earlier tokens, a pair per layer. */
  readonly past?: readonly KeyValue[] | undefined;
  /** With `past`: added to the attention scores, [B,1,1,S+T], the cache's places first. */
  readonly bias?: Value | undefined;
  /** Keep only each layer's input and compute the layer again in the backward pass: memory for a third more time. */
  readonly recompute?: boolean | undefined;
  /** Also give attention probabilities. */
  readonly attention?: boolean | undefined;
  /** Also give the hidden states behind each layer. */
  readonly layerStates?: boolean | undefined;
}

export interface CausalOutputs {
  /** Last hidden state after the final norm, [B·T,D]. */
  readonly hidden: Value;
  /** Attention families: keys and values of the tokens given here, per layer. */
  readonly present: readonly KeyValue[];
  /** Attention probabilities per layer, [B,N,T,S]; empty unless asked for, and for families without attention. */
  readonly attention: readonly Value[];
  /** Residual stream behind each layer, [B·T,D]; empty unless asked for. */
  readonly layerStates: readonly Value[];
}

/** What a model keeps of the tokens it has read, so that the next one costs one step. */
export type Memory =
  | {
      readonly kind: "keys";
      /** Heads of keys and values, and their size. */
      readonly K: number;
      readonly H: number;
      /** Sliding window of each layer; undefined is full attention. */
      readonly windows: readonly (number | undefined)[];
    }
  | {
      readonly kind: "state";
      /** Parts of a layer's state by name, float32: shapes of a row. */
      readonly parts: Readonly<Record<string, readonly number[]>>;
      /** As `states`, from the state that earlier tokens left (per layer; none where left out), and the state behind the last one. */
      readOn(weights: Weights, inputs: CausalInputs, state?: readonly LayerState[]): ReadOn;
    };

/** State of one layer: its parts by name, [B, ...] each. */
export type LayerState = Readonly<Record<string, Value>>;

/** What a recurrent model gives of the tokens it reads, and what it keeps of them. */
export interface ReadOn {
  readonly outputs: CausalOutputs;
  /** Per layer. */
  readonly state: readonly LayerState[];
}

/** A causal model of one family and size: its weights, and the graph over them. Everything else is built on this. */
export interface CausalArchitecture {
  readonly config: CausalConfig;
  readonly parameters: readonly ParameterSpec[];
  /** Parameters that are looked up or make the logits: they do not count as the model's own weights. */
  readonly tables: readonly string[];
  /** Tensors of weight files that are buffers, not weights. */
  readonly buffers?: RegExp;
  /** What some files leave out in front of every name. */
  readonly prefix?: string;
  /** Rows of a learned table of positions: longer texts cannot be computed. Undefined where any position can. */
  readonly positionRows?: number;
  readonly memory: Memory;
  /** FLOPs per token at context length T that are no product with a weight: attention scores and values, scans. */
  mixingFlops(T: number): number;
  /** Token embeddings of ids int [B,T] → [B,T,D]: what attribution differentiates by. */
  embed(weights: Weights, ids: Value): Value;
  /** The weight that turns hidden states into logits, [V,D]. */
  head(weights: Weights): Value;
  states(weights: Weights, inputs: CausalInputs): CausalOutputs;
}

/** A family of causal models: how its config is read. */
export interface CausalFamily {
  readonly modelType: string;
  /** Keys of config.json that are read, or refused unless they change nothing. */
  readonly keys: readonly string[];
  /** @throws HeartcutError HC1101 naming the key that cannot be used */
  describe(json: HfConfigJson, where: string): Described;
}

export interface Described {
  readonly architecture: CausalArchitecture;
  /** The config with every default that is read written out, so that transformers reads the same model. */
  readonly json: HfConfigJson;
}
