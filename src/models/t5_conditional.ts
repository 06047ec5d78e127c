import { add } from "../graph/ops/index.ts";
import { hidingLater, hidingPadding } from "./attention_bias.ts";
import type { KeyValue } from "./causal.ts";
import type { ConditionalGraph } from "./conditional.ts";
import { attendsToStates, relativeBias, t5CrossKeys, t5Decoder, t5Embed, t5Encoder, t5Head } from "./t5.ts";
import type { T5Config } from "./t5_config.ts";
import type { Weights } from "./weight_inputs.ts";

/** A T5 asked for a target: the encoder reads the input once, the decoder each target that is asked for. */
export function t5Conditional(c: T5Config, weights: Weights): ConditionalGraph {
  return {
    embed: (ids) => t5Embed(weights, ids),
    head: t5Head(c, weights),
    encode: (embeddings, mask, options = {}) => {
      const [B, S] = embeddings.shape as [number, number];
      const padding = hidingPadding(mask, embeddings.dtype);
      const encoded = t5Encoder(c, weights, {
        embeddings,
        selfBias: add(relativeBias(c, weights, "encoder", { T: S, S }), padding),
        ...options,
      });
      let keys: KeyValue[] | undefined;
      const crossKeys = () => {
        keys ??= t5CrossKeys(c, weights, encoded.hidden, B);
        return keys;
      };
      return {
        attention: encoded.attention,
        decode: (previous) => {
          const T = previous.shape[1]!;
          const out = t5Decoder(c, weights, {
            embeddings: t5Embed(weights, previous),
            selfBias: add(relativeBias(c, weights, "decoder", { T, S: T }), hidingLater(T, embeddings.dtype)),
            cross: attendsToStates(c, T, S) ? encoded.hidden : crossKeys(),
            crossBias: padding,
            ...options,
          });
          return { hidden: out.hidden, attentionToInput: out.crossAttention, selfAttention: out.selfAttention };
        },
      };
    },
  };
}
