import { HeartcutError } from "../errors.ts";
import type { ScoreRow } from "../score/record.ts";
import { methodScores, type PerplexityModel } from "./baselines.ts";
import { type Budget, keepHighest, type NanPolicy } from "./difference_sampling.ts";
import { keepHighestPerSource } from "./domains.ts";
import type { SelectionMethod } from "./record.ts";
import type { StrataOptions } from "./strata.ts";

/** How to choose; what the run's recipe says of one selection. */
export interface SelectionSettings {
  name: string;
  method: SelectionMethod;
  /** Needed by every method but "all", which takes none. A threshold is an NLL for the perplexity methods: at most it for the lowest. */
  budget?: Budget | undefined;
  /** The same share from each source. Default false. */
  perSource?: boolean | undefined;
  /** Whose NLL the perplexity baselines rank by. Default teacher. */
  perplexityModel?: PerplexityModel | undefined;
  /** Default refuse. */
  nan?: NanPolicy | undefined;
  seed: number;
  /** Bins of the histograms. Default 50; the method's code also draws 10 and 10,000. */
  bins?: number | undefined;
  /** Default PAPER_STRATA. */
  strata?: Omit<StrataOptions, "seed"> | undefined;
}

/** The choice alone, without files: which instances a method keeps, ascending, and the ranking it cut, if it cut one.
 * @param lengths - tokens of each row's instance */
export function chooseInstances(rows: readonly ScoreRow[], lengths: ArrayLike<number>, settings: SelectionSettings) {
  const { method, seed, perplexityModel = "teacher", nan = "refuse", perSource = false } = settings;
  const columns = {
    nll_teacher: rows.map((r) => r.nll_teacher),
    nll_reference: rows.map((r) => r.nll_reference),
    difference: rows.map((r) => r.difference),
  };
  const eligible = Uint8Array.from(rows, (r) => Number(r.tokens > 0));
  const scores = methodScores(method, columns, { seed, perplexityModel });
  if (scores === undefined || settings.budget === undefined) {
    return { instances: Int32Array.from(rows.keys()).filter((i) => eligible[i] === 1) };
  }
  const low = method === "lowest_perplexity";
  const budget = low && "threshold" in settings.budget ? { threshold: -settings.budget.threshold } : settings.budget;
  const candidates = { scores, tokens: lengths, eligible };
  const instances = perSource
    ? keepHighestPerSource(
        candidates,
        rows.map((r) => r.source),
        budget,
        nan,
      )
    : keepHighest(candidates, budget, nan);
  if (perSource || method === "random") return { instances };
  const ranked = low
    ? { scores: columns[`nll_${perplexityModel}`], keeps: "low" as const }
    : { scores, keeps: "high" as const };
  return { instances, ranked };
}

/** Refuses settings that exclude each other or would have no effect. @throws HeartcutError HC3105 */
export function checkSettings({ name, method, budget, perSource }: SelectionSettings): void {
  const where = `selection ${name}`;
  const fault = (what: string, found: string, fix: string) => new HeartcutError("HC3105", { what, where, found, fix });
  if (method === "all") {
    if (budget !== undefined) {
      throw fault(
        "method all takes no budget",
        JSON.stringify(budget),
        "leave out ratio, tokens and threshold, or choose another method",
      );
    }
    if (perSource === true) throw fault("method all takes every source whole", "perSource", "leave out perSource");
    return;
  }
  if (budget === undefined)
    throw fault(
      `method ${method} needs to know how much to keep`,
      "no budget",
      "set ratio: 0.5, or tokens, or threshold",
    );
  if (method === "random" && "threshold" in budget) {
    throw fault(
      "a random selection has no score to hold against a threshold",
      `threshold ${budget.threshold}`,
      "set ratio or tokens",
    );
  }
}
