import { Random } from "../random.ts";
import type { SelectionMethod } from "./record.ts";

/** Columns of scores.parquet a method may rank by; one entry per instance. */
export interface ScoreColumns {
  nll_teacher: ArrayLike<number>;
  nll_reference: ArrayLike<number>;
  difference: ArrayLike<number>;
}

/** Whose mean NLL stands for perplexity in the perplexity baselines. */
export type PerplexityModel = "teacher" | "reference";

/** The score a method keeps the highest of. Random sampling ranks by a seeded permutation, so every budget works for every method.
 * @returns one score per instance; undefined for "all", which ranks nothing */
export function methodScores(
  method: SelectionMethod,
  columns: ScoreColumns,
  options: { seed: number; perplexityModel: PerplexityModel },
): ArrayLike<number> | undefined {
  const nll = options.perplexityModel === "teacher" ? columns.nll_teacher : columns.nll_reference;
  switch (method) {
    case "difference":
      return columns.difference;
    case "lowest_perplexity":
      return Float64Array.from(nll, (x) => -x);
    case "highest_perplexity":
      return nll;
    case "random":
      return new Random(options.seed, "select/random").permutation(nll.length);
    case "all":
      return undefined;
  }
}
