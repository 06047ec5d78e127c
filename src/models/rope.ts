import type { RopeParameters } from "./decoder_config.ts";

/**
 * Angle per position of each of the H/2 feature pairs, rope_theta^(-2i/H), scaled as the config asks.
 * llama3: long wavelengths are slowed by `factor`, short ones kept, those between blended.
 * Source: arXiv:2104.09864; the llama3 rule: transformers' modeling_rope_utils.py, `_compute_llama3_parameters`.
 */
export function inverseFrequencies(rope: RopeParameters, headDim: number): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, i) => {
    const base = rope.rope_theta ** (-(2 * i) / headDim);
    if (rope.rope_type === "default") return base;
    if (rope.rope_type === "linear") return base / rope.factor;
    const wavelength = (2 * Math.PI) / base;
    const context = rope.original_max_position_embeddings;
    if (wavelength < context / rope.high_freq_factor) return base;
    if (wavelength > context / rope.low_freq_factor) return base / rope.factor;
    const smooth = (context / wavelength - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
    return ((1 - smooth) * base) / rope.factor + smooth * base;
  });
}

/** cos and sin of position × angle for positions 0 … count-1: two arrays [count, H/2]. */
export function rotaryTable(
  rope: RopeParameters,
  headDim: number,
  count: number,
): Record<"cos" | "sin", Float64Array<ArrayBuffer>> {
  const angles = inverseFrequencies(rope, headDim);
  const half = angles.length;
  const cos = new Float64Array(count * half);
  const sin = new Float64Array(count * half);
  for (let t = 0; t < count; t++)
    for (let i = 0; i < half; i++) {
      cos[t * half + i] = Math.cos(t * angles[i]!);
      sin[t * half + i] = Math.sin(t * angles[i]!);
    }
  return { cos, sin };
}
