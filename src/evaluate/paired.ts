import { HeartcutError } from "../errors.ts";
import { type BootstrapOptions, bootstrapMean, meanWithStudentInterval } from "./intervals.ts";
import type { HeldOutLoss, PairedComparison, PairedSeed, SeededComparison, SeededLoss, SeedSummary } from "./record.ts";
import { pairedTTest } from "./statistics.ts";

/** The losses of one student's seeds on one set. */
export interface SeededLosses {
  name: string;
  seeds: readonly { seed: number; loss: HeldOutLoss }[];
}

/** Compares two models instance by instance: mean of b - a with a paired bootstrap interval.
 * @throws HeartcutError HC3202 if they were not measured on the same instances */
export function comparePaired(
  a: HeldOutLoss,
  b: HeldOutLoss,
  options: Omit<BootstrapOptions, "stream">,
): PairedComparison {
  if (a.set !== b.set || a.perInstance.length !== b.perInstance.length) {
    throw new HeartcutError("HC3202", {
      what: "a paired comparison needs two models on the same instances",
      found: `${a.model}: ${a.perInstance.length} instances of ${a.set}; ${b.model}: ${b.perInstance.length} of ${b.set}`,
      fix: "score both models on the same held-out set",
    });
  }
  const differences = Float64Array.from(b.perInstance, (loss, i) => loss - a.perInstance[i]!);
  return {
    set: a.set,
    a: a.model,
    b: b.model,
    difference: differences.reduce((sum, d) => sum + d, 0) / differences.length,
    interval: bootstrapMean(differences, { ...options, stream: `evaluate/bootstrap/${a.set}` }),
    aBetter: differences.reduce((count, d) => count + Number(d > 0), 0) / differences.length,
  };
}

/** Compares two students over seeds, pairing them in order of their seeds: the mean over pairs with a t interval over pairs,
 * the paired bootstrap where there is one pair only. Seeds without a partner are left out.
 * @throws HeartcutError HC3202 */
export function compareSeeds(
  a: SeededLosses,
  b: SeededLosses,
  options: Omit<BootstrapOptions, "stream">,
): SeededComparison {
  const left = bySeed(a);
  const right = bySeed(b);
  const pairs = Math.min(left.length, right.length);
  const seeds: PairedSeed[] = [];
  let set = "";
  for (let p = 0; p < pairs; p++) {
    const one = comparePaired(left[p]!.loss, right[p]!.loss, options);
    set = one.set;
    const { difference, interval, aBetter } = one;
    seeds.push({ seedA: left[p]!.seed, seedB: right[p]!.seed, difference, interval, aBetter });
  }
  const differences = seeds.map((s) => s.difference);
  const over =
    pairs > 1 ? meanWithStudentInterval(differences) : { mean: differences[0]!, interval: seeds[0]!.interval };
  const p = pairedTTest(differences);
  return {
    set,
    a: a.name,
    b: b.name,
    difference: over.mean,
    interval: over.interval,
    intervalOver: pairs > 1 ? "seeds" : "instances",
    aBetter: seeds.reduce((sum, s) => sum + s.aBetter, 0) / pairs,
    seeds,
    ...(p !== undefined && { p }),
  };
}

/** Mean loss of one student over its seeds, also in bits per byte where the bytes of all of them were counted. */
export function summarizeSeeds(student: SeededLosses): SeedSummary {
  const { set } = student.seeds[0]!.loss;
  const runs = bySeed(student);
  const inBytes = runs.flatMap(({ seed, loss: { bitsPerByte } }) =>
    bitsPerByte === undefined ? [] : [{ seed, loss: bitsPerByte }],
  );
  return {
    name: student.name,
    set,
    ...overSeeds(runs),
    ...(inBytes.length === runs.length && { bitsPerByte: overSeeds(inBytes) }),
  };
}

function overSeeds(runs: readonly { seed: number; loss: Pick<HeldOutLoss, "loss" | "interval"> }[]): SeededLoss {
  const seeds = runs.map(({ seed, loss }) => ({ seed, loss: loss.loss, interval: loss.interval }));
  if (seeds.length === 1) return { loss: seeds[0]!.loss, seeds };
  const { mean, interval } = meanWithStudentInterval(seeds.map((s) => s.loss));
  return { loss: mean, interval, seeds };
}

function bySeed(student: SeededLosses): SeededLosses["seeds"] {
  return [...student.seeds].sort((x, y) => x.seed - y.seed);
}
