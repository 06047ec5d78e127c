import type { CausalFamily } from "./causal.ts";
import { decoder, embedTokens, outputHead } from "./decoder.ts";
import { DECODER_KEYS, type DecoderVariant, parseDecoderConfig, settledJson } from "./decoder_config.ts";
import { decoderParameters } from "./parameters.ts";

/** A model type of the Llama branch as a family of causal models. */
export function decoderFamily(variant: DecoderVariant): CausalFamily {
  return {
    modelType: variant.modelType,
    keys: DECODER_KEYS,
    describe(given, where) {
      const config = parseDecoderConfig(variant, given, where);
      return {
        json: settledJson(variant, config, given),
        architecture: {
          config,
          parameters: decoderParameters(config),
          tables: ["model.embed_tokens.weight", "lm_head.weight"],
          buffers: /rotary_emb\.inv_freq$/,
          memory: { kind: "keys", K: config.kvHeads, H: config.headDim, windows: config.windows },
          mixingFlops: (T) =>
            config.windows.reduce<number>(
              (sum, window) => sum + 4 * config.heads * config.headDim * Math.min(T, window ?? T),
              0,
            ),
          embed: embedTokens,
          head: (weights) => outputHead(config, weights),
          states: (weights, inputs) => decoder(config, weights, inputs),
        },
      };
    },
  };
}
