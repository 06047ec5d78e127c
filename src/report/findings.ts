import { HeartcutError, printable } from "../errors.ts";
import type { Evaluation, HeldOutLoss, PairedComparison } from "../evaluate/record.ts";
import type { ScoreUnit } from "../score/bits_per_byte_record.ts";
import { type Cast, castOf, type Group, type Member } from "./cast.ts";
import { type Costs, costsOf } from "./costs.ts";
import { type Cost, costOf } from "./curves.ts";
import { parametersOf, twinsOf } from "./lineups.ts";
import { isBaseline } from "./orientation.ts";
import type { ReportData } from "./record.ts";
import { type TaskFindings, taskFindingsOf } from "./task_findings.ts";

/** What the interval allows to say about the method under test. */
export type Verdict = "lower" | "higher" | "unclear";

/** One paired comparison, turned so that a positive gain means that the method under test has the lower loss. */
export interface Pair {
  treatmentSeed: number | undefined;
  baselineSeed: number | undefined;
  /** Loss of the baseline minus loss of the treatment, in the unit of the contrast. */
  gain: number;
  interval: [number, number];
  /** Share of the instances on which the treatment has the lower loss. */
  share: number;
}

/** Two groups on one held-out set, over all seeds. */
export interface Contrast {
  set: string;
  treatment: Group;
  baseline: Group;
  /** Bits per byte where the two read different tokens. */
  unit: ScoreUnit;
  pairs: Pair[];
  gain: number;
  /** 95 % interval of the gain: over seeds where there are several, else over instances. */
  interval: [number, number];
  verdict: Verdict;
  /** What each of several pairs of seeds says by itself, if all say the same: can be clear where the few seeds are not. */
  unanimous: "lower" | "higher" | undefined;
  /** Absent where there are no curves, or the group with the lower loss was not there sooner. */
  saved: Saving | undefined;
}

/** How much sooner the faster of two groups gets to the other one's final loss, in the cost that the report counts. */
export interface Saving {
  faster: Group;
  slower: Group;
  /** Final loss of the slower group, in nats. */
  loss: number;
  /** Cost at which the faster one is there, and cost the slower one took. */
  at: number;
  of: number;
  /** 1 - at / of. */
  saved: number;
  /** Whether the faster one may have been there sooner: it was by its first measurement. */
  bound: boolean;
  cost: Cost;
  /** 95 % interval of `saved` over the seeds; undefined where it was not worked out. */
  interval: [number, number] | undefined;
}

/** Loss of one seed with its 95 % bootstrap interval over instances. */
export interface SeedLoss {
  seed: number | undefined;
  loss: number;
  interval: [number, number];
}

/** Loss of a group on a set: mean over its seeds, and the seeds. */
export interface GroupLoss {
  group: Group;
  set: string;
  mean: number;
  seeds: SeedLoss[];
  /** The same in bits per byte; absent where bytes were not counted. */
  bitsPerByte: { mean: number; seeds: SeedLoss[] } | undefined;
}

/**
 * What the run asks. selection: one method against one baseline. families: the same method on models of several kinds, each
 * against its twin. methods: several ways to learn, against a baseline. ranking: several students, and nothing to hold them against.
 */
export type Question = "selection" | "families" | "methods" | "ranking";

/** Everything the report says in words and figures, computed once from the records. */
export interface Findings {
  cast: Cast;
  cost: Cost;
  sets: string[];
  contrasts: Contrast[];
  question: Question;
  /** The contrasts of the headline, set by set; of a selection: difference sampling against the random baseline, or the only pair there is; of a ranking none. */
  headline: Contrast[];
  losses: GroupLoss[];
  /** Absent where no tasks were asked. */
  tasks: TaskFindings | undefined;
  costs: Costs | undefined;
}

/** Computes the findings of a run. Pure. @throws HeartcutError HC5003 if the evaluation lacks the comparison over seeds */
export function findingsOf(data: ReportData): Findings {
  const cast = castOf(data);
  const cost = costOf(cast.groups);
  const evaluation = data.evaluation;
  const sets = [...new Set(evaluation?.losses.map((loss) => loss.set) ?? [])];
  const contrasts = evaluation === undefined ? [] : contrastsOf(evaluation, cast, savingsOf(data, cast, cost));
  const losses = groupLosses(data, cast);
  const tasks = data.tasks === undefined ? undefined : taskFindingsOf(data.tasks, cast);
  return { cast, cost, sets, contrasts, ...headlineOf(cast, contrasts), losses, tasks, costs: costsOf(data, cast) };
}

function headlineOf(
  { groups, lineups }: Cast,
  contrasts: readonly Contrast[],
): Pick<Findings, "question" | "headline"> {
  const asked = contrasts.filter(({ treatment, baseline }) => treatment.baseline === baseline);
  const twins = lineups.length > 1 ? twinsOf(lineups) : undefined;
  if (twins !== undefined)
    return { question: "families", headline: asked.filter(({ treatment }) => twins.includes(treatment)) };
  const ways = lineups.flatMap(({ treatments, baseline }) =>
    treatments.filter(({ plan }) => plan?.method !== baseline.plan?.method || lineups.length > 1),
  );
  if (ways.length > 0 && lineups.flatMap(({ treatments }) => treatments).length > 1)
    return { question: "methods", headline: asked };
  const asking = asked.length > 0 ? asked : contrasts;
  const tested = asking.find((one) => one.treatment.method === "difference" && one.baseline.method === "random");
  const alike = groups.every((group) => sameModels({ treatment: group, baseline: groups[0]! }));
  if (lineups.length === 0 && groups.length > 2 && !(alike && tested)) return { question: "ranking", headline: [] };
  const first = tested ?? asking[0];
  const headline = contrasts.filter((one) => one.treatment === first?.treatment && one.baseline === first?.baseline);
  return { question: "selection", headline };
}

/** Whether the two of a contrast are models of one kind that learn in one way: they differ in what they read alone. */
export function sameModels({ treatment, baseline }: Pick<Contrast, "treatment" | "baseline">): boolean {
  const [a, b] = [treatment.plan, baseline.plan];
  return (
    a?.family === b?.family &&
    a?.method === b?.method &&
    a?.tokenizer === b?.tokenizer &&
    parametersOf(treatment) === parametersOf(baseline)
  );
}

/** Whether every one of some contrasts rests on one training run a side: its interval covers the instances alone. */
export function isOneSeed(contrasts: readonly Contrast[]): boolean {
  return contrasts.length > 0 && contrasts.every(({ pairs }) => pairs.length === 1);
}

/** Whether a contrast says something: by its interval, or by every pair of seeds taken alone. */
export function isClear(contrast: Contrast): boolean {
  return contrast.verdict !== "unclear" || contrast.unanimous !== undefined;
}

/** Says what an interval of gains allows to say: it must lie on one side of zero as a whole. */
export function verdictOf([low, high]: readonly [number, number]): Verdict {
  return low > 0 ? "lower" : high < 0 ? "higher" : "unclear";
}

function contrastsOf(evaluation: Evaluation, cast: Cast, savings: readonly (Saving & { set: string })[]): Contrast[] {
  const found = new Map<string, Contrast>();
  for (const comparison of evaluation.comparisons) {
    const a = cast.member(comparison.a);
    const b = cast.member(comparison.b);
    if (a === undefined || b === undefined || a.group === b.group) continue;
    const turned = isBaseline(a.group, b.group);
    const [treatment, baseline] = turned ? [b, a] : [a, b];
    const key = JSON.stringify([comparison.set, treatment.group.name, baseline.group.name]);
    const contrast = found.get(key) ?? {
      set: comparison.set,
      treatment: treatment.group,
      baseline: baseline.group,
      unit: comparison.unit ?? ("nats_per_token" as const),
      pairs: [],
      gain: Number.NaN,
      interval: [Number.NaN, Number.NaN] as [number, number],
      verdict: "unclear" as const,
      unanimous: undefined,
      saved: savings.find(
        ({ set, faster, slower }) =>
          set === comparison.set && [treatment.group, baseline.group].every((one) => one === faster || one === slower),
      ),
    };
    contrast.pairs.push(pairOf(comparison, treatment, baseline, turned));
    found.set(key, contrast);
  }
  return [...found.values()].map(summarized);
}

function pairOf(comparison: PairedComparison, treatment: Member, baseline: Member, turned: boolean): Pair {
  const [low, high] = comparison.interval;
  return {
    treatmentSeed: treatment.seed,
    baselineSeed: baseline.seed,
    gain: turned ? -comparison.difference : comparison.difference,
    interval: turned ? [-high, -low] : [low, high],
    share: turned ? 1 - comparison.aBetter : comparison.aBetter,
  };
}

/** Turns the comparisons of two groups into one: the single pair of seeds, or the comparison over seeds that the evaluation made. */
function summarized(contrast: Contrast): Contrast {
  const whole = contrast.pairs.find((pair) => pair.treatmentSeed === undefined || pair.baselineSeed === undefined);
  const seeds = contrast.pairs.filter((pair) => pair !== whole);
  const over = whole ?? (seeds.length === 1 ? seeds[0] : undefined);
  if (over === undefined)
    throw new HeartcutError("HC5003", {
      what: "the evaluation compares single seeds but not the students over their seeds",
      where: `evaluate/evaluation.json, set ${printable(contrast.set)}`,
      found: `${seeds.length} pairs of ${printable(contrast.treatment.name)} and ${printable(contrast.baseline.name)}`,
      expected: "one more comparison, named without seeds",
      fix: "run the evaluation again",
    });
  const verdicts = new Set(seeds.map((pair) => verdictOf(pair.interval)));
  const [only] = verdicts;
  const better = over.gain > 0 ? contrast.treatment : contrast.baseline;
  return {
    ...contrast,
    pairs: seeds.length === 0 ? [over] : seeds,
    gain: over.gain,
    interval: over.interval,
    verdict: verdictOf(over.interval),
    saved: contrast.saved?.faster === better ? contrast.saved : undefined,
    unanimous: seeds.length > 1 && verdicts.size === 1 && only !== "unclear" ? only : undefined,
  };
}

/** Compute saved at equal loss as the evaluation has it, each with the interval that the scaling stage worked out for it. */
function savingsOf({ evaluation, scaling }: ReportData, cast: Cast, cost: Cost): (Saving & { set: string })[] {
  return (evaluation?.computeSaved ?? []).flatMap((record) => {
    const faster = cast.member(record.better)?.group;
    const slower = cast.member(record.other)?.group;
    const saved = cost === "flops" ? record.savedFlops : record.savedTokens;
    // A better student that took as much or more saved nothing.
    if (faster === undefined || slower === undefined || saved <= 0) return [];
    const { set, spent, targetLoss: loss, bound = false } = record;
    const resampled = scaling?.computeSaved.find(
      (one) => one.by === "curves" && one.set === set && one.better === record.better && one.other === record.other,
    );
    const interval = cost === "flops" ? (resampled?.interval ?? undefined) : undefined;
    return [{ set, faster, slower, loss, at: spent.better[cost], of: spent.other[cost], saved, bound, cost, interval }];
  });
}

function groupLosses(data: ReportData, cast: Cast): GroupLoss[] {
  const found = new Map<
    string,
    { group: Group; set: string; members: { seed: number | undefined; loss: HeldOutLoss }[] }
  >();
  for (const loss of data.evaluation?.losses ?? []) {
    const member = cast.member(loss.model);
    if (member === undefined) continue;
    const key = JSON.stringify([loss.set, member.group.name]);
    const entry = found.get(key) ?? { group: member.group, set: loss.set, members: [] };
    entry.members.push({ seed: member.seed, loss });
    found.set(key, entry);
  }
  return [...found.values()].map(({ group, set, members }) => {
    const seeds = members.map(({ seed, loss: { loss, interval } }) => ({ seed, loss, interval }));
    const inBytes = members.flatMap(({ seed, loss: { bitsPerByte } }) =>
      bitsPerByte === undefined ? [] : [{ seed, loss: bitsPerByte.loss, interval: bitsPerByte.interval }],
    );
    const bitsPerByte = inBytes.length < seeds.length ? undefined : { mean: meanLoss(inBytes), seeds: inBytes };
    return { group, set, mean: meanLoss(seeds), seeds, bitsPerByte };
  });
}

function meanLoss(seeds: readonly SeedLoss[]): number {
  return seeds.reduce((sum, { loss }) => sum + loss, 0) / seeds.length;
}
