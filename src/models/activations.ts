import * as z from "zod";
import { gelu, geluTanh, relu, silu, tanh } from "../graph/ops/index.ts";
import type { Value } from "../graph/value.ts";

/** Activations of a feed-forward layer under the names configs give them. Source: transformers' activations.py, ACT2FN. */
export const ACTIVATIONS = {
  relu,
  silu,
  swish: silu,
  tanh,
  gelu,
  gelu_python: gelu,
  gelu_new: geluTanh,
  gelu_fast: geluTanh,
  gelu_accurate: geluTanh,
  gelu_python_tanh: geluTanh,
  gelu_pytorch_tanh: geluTanh,
} satisfies Record<string, (x: Value) => Value>;

export type ActivationName = keyof typeof ACTIVATIONS;

/** Such a name, as a config's schema reads it. */
export const activationName = z.enum(Object.keys(ACTIVATIONS) as ActivationName[]);
