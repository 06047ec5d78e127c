import type { ModelDescription } from "../models/architecture.ts";
import type { Pair } from "../models/pairs.ts";

/** Multiply-adds of attention: scores and values, 4·N·H for each pair of places and layer. */
const attended = (layers: number, width: number, pairs: number) => 4 * layers * width * pairs;

/**
 * FLOPs of one forward pass over a pair: 2 per weight of every matrix product and place it works on, the head on target
 * places only, plus attention over whole contexts. Encoder-decoder: the encoder and the keys and values of
 * cross-attention work on the input, the rest on the target. As forwardFlopsPerToken, which see; training costs three times that.
 */
export function pairFlops(d: ModelDescription, { input, target }: Pair): number {
  const [S, T] = [input.length, target.length];
  const head = 2 * d.config.vocabSize * d.config.hiddenSize * T;
  if (d.kind === "causal") {
    const n = S + T - 1;
    return 2 * d.nonEmbeddingParameters * n + head + d.architecture.mixingFlops(n) * n;
  }
  const { encoderLayers, decoderLayers, heads, headDim } = d.config;
  let matrices = 0;
  for (const { name, shape } of d.parameters) {
    if (shape.length !== 2 || /^(shared|lm_head)\.|relative_attention_bias/.test(name)) continue;
    const readsInput = name.startsWith("encoder.") || /EncDecAttention\.[kv]\./.test(name);
    matrices += 2 * shape[0]! * shape[1]! * (readsInput ? S : T);
  }
  const width = heads * headDim;
  return matrices + head + attended(encoderLayers, width, S * S) + attended(decoderLayers, width, T * T + T * S);
}
