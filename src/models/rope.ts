import * as z from "zod";
import { expand, gather, reshape } from "../graph/ops/index.ts";
import { constant, type Value } from "../graph/value.ts";
import type { CausalInputs } from "./causal.ts";

const count = z.number().int().positive();

// Configs older than the key were all made with a base of 10,000.
const theta = z.number().positive().default(10000);

/** `rope_parameters` of a config. @param share - how a family reads the share of a head's features that is rotated */
export function ropeSchema<S extends z.ZodType>(share: S) {
  const every = { rope_theta: theta, partial_rotary_factor: share };
  return z.discriminatedUnion("rope_type", [
    z.object({ rope_type: z.literal("default"), ...every }),
    z.object({ rope_type: z.literal("linear"), ...every, factor: z.number().positive() }),
    z.object({
      rope_type: z.literal("llama3"),
      ...every,
      factor: z.number().positive(),
      low_freq_factor: z.number().positive(),
      high_freq_factor: z.number().positive(),
      original_max_position_embeddings: count,
    }),
  ]);
}

/** Keys of config.json that become `rope_parameters`, in every spelling that formats/hf_config knows. */
export const ROPE_KEYS: readonly string[] = ["rope_parameters", "rope_theta", "rope_scaling", "partial_rotary_factor"];

export type RopeParameters = z.infer<ReturnType<typeof ropeSchema<z.ZodOptional<z.ZodNullable<z.ZodNumber>>>>>;

/**
 * Angle per position of each of the R/2 feature pairs, rope_theta^(-2i/R), scaled as the config asks.
 * llama3: long wavelengths are slowed by `factor`, short ones kept, those between blended.
 * Source: arXiv:2104.09864; the llama3 rule: transformers' modeling_rope_utils.py, `_compute_llama3_parameters`.
 */
export function inverseFrequencies(rope: RopeParameters, rotated: number): Float64Array {
  return Float64Array.from({ length: rotated / 2 }, (_, i) => {
    const base = rope.rope_theta ** (-(2 * i) / rotated);
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

/** cos and sin of position × angle for positions 0 … count-1: two arrays [count, R/2]. */
export function rotaryTable(
  rope: RopeParameters,
  rotated: number,
  count: number,
): Record<"cos" | "sin", Float64Array<ArrayBuffer>> {
  const angles = inverseFrequencies(rope, rotated);
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

/** cos and sin at the positions of the tokens given, [B,T,R/2] each. @param rotated - R, features of a head that are turned */
export function rotaryAt(rope: RopeParameters, rotated: number, inputs: CausalInputs): Record<"cos" | "sin", Value> {
  const { embeddings, positions, past } = inputs;
  const { dtype } = embeddings;
  const [B, T] = embeddings.shape as [number, number];
  // Positions stay below the number of places, cached ones included.
  const places = (past?.[0]?.k.shape[2] ?? 0) + T;
  const table = rotaryTable(rope, rotated, places);
  const make = (data: Float64Array<ArrayBuffer>) => {
    const value = constant(dtype === "float64" ? data : Float32Array.from(data), dtype, [places, rotated / 2]);
    if (positions !== undefined) return gather(value, positions);
    return expand(reshape(value, [1, T, rotated / 2]), [B, T, rotated / 2]);
  };
  return { cos: make(table.cos), sin: make(table.sin) };
}
