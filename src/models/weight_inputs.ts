import type { DType } from "../graph/dtype.ts";
import { input, type Value } from "../graph/value.ts";
import type { ParameterSpec } from "./parameters.ts";

/** Gives the weight of a name as a graph value. */
export type Weights = (name: string) => Value;

/** Weights as graph inputs under their HF names, each made once per graph. `all` is in the order of the parameters. */
export function weightInputs(
  { parameters }: { readonly parameters: readonly ParameterSpec[] },
  dtype: DType,
): { get: Weights; all: Value[] } {
  const values = new Map(parameters.map((spec) => [spec.name, input(spec.name, dtype, spec.shape)]));
  return { get: (name) => values.get(name)!, all: [...values.values()] };
}
