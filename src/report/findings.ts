import { HeartcutError, printable } from "../errors.ts";
import type { ComputeSaved, Evaluation, PairedComparison } from "../evaluate/record.ts";
import { type Cast, castOf, type Group, type Member, methodRank } from "./cast.ts";
import { type Cost, costOf } from "./curves.ts";
import type { ReportData } from "./record.ts";

/** What the interval allows to say about the method under test. */
export type Verdict = "lower" | "higher" | "unclear";

/** One paired comparison, turned so that a positive gain means that the method under test has the lower loss. */
export interface Pair {
  treatmentSeed: number | undefined;
  baselineSeed: number | undefined;
  /** Loss of the baseline minus loss of the treatment, in nats per token. */
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
  cost: Cost;
}

/** Loss of a group on a set: mean over its seeds, with the range of the seeds. */
export interface GroupLoss {
  group: Group;
  set: string;
  mean: number;
  seeds: { seed: number | undefined; loss: number; interval: [number, number] }[];
}

/** Compute of the stages before the first student, in FLOPs. */
export interface SideCost {
  stages: { stage: string; flops: number }[];
  total: number;
  /** FLOPs of one student, mean over all of them. */
  student: number;
}

/** Everything the report says in words and figures, computed once from the records. */
export interface Findings {
  cast: Cast;
  cost: Cost;
  sets: string[];
  contrasts: Contrast[];
  /** The contrasts of the headline: difference sampling against the random baseline, or the first pair there is. */
  headline: Contrast[];
  losses: GroupLoss[];
  sideCost: SideCost | undefined;
}

/** Computes the findings of a run. Pure. @throws HeartcutError HC5003 if the evaluation lacks the comparison over seeds */
export function findingsOf(data: ReportData): Findings {
  const cast = castOf(data);
  const cost = costOf(cast.groups);
  const evaluation = data.evaluation;
  const sets = [...new Set(evaluation?.losses.map((loss) => loss.set) ?? [])];
  const contrasts = evaluation === undefined ? [] : contrastsOf(evaluation, cast, cost);
  const first =
    contrasts.find((one) => one.treatment.method === "difference" && one.baseline.method === "random") ?? contrasts[0];
  const headline = contrasts.filter((one) => one.treatment === first?.treatment && one.baseline === first?.baseline);
  return { cast, cost, sets, contrasts, headline, losses: groupLosses(data, cast), sideCost: sideCostOf(data) };
}

/** Whether a contrast says something: by its interval, or by every pair of seeds taken alone. */
export function isClear(contrast: Contrast): boolean {
  return contrast.verdict !== "unclear" || contrast.unanimous !== undefined;
}

/** Says what an interval of gains allows to say: it must lie on one side of zero as a whole. */
export function verdictOf([low, high]: readonly [number, number]): Verdict {
  return low > 0 ? "lower" : high < 0 ? "higher" : "unclear";
}

function contrastsOf(evaluation: Evaluation, cast: Cast, cost: Cost): Contrast[] {
  const found = new Map<string, Contrast>();
  const savings = evaluation.computeSaved.flatMap((one) => savingOf(one, cast, cost) ?? []);
  for (const comparison of evaluation.comparisons) {
    const a = cast.member(comparison.a);
    const b = cast.member(comparison.b);
    if (a === undefined || b === undefined || a.group === b.group) continue;
    const turned = methodRank(a.group.method) > methodRank(b.group.method);
    const [treatment, baseline] = turned ? [b, a] : [a, b];
    const key = JSON.stringify([comparison.set, treatment.group.name, baseline.group.name]);
    const contrast = found.get(key) ?? {
      set: comparison.set,
      treatment: treatment.group,
      baseline: baseline.group,
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

/** The saving as groups of the report; undefined if the better student took as much or more. */
function savingOf(record: ComputeSaved, cast: Cast, cost: Cost): (Saving & { set: string }) | undefined {
  const faster = cast.member(record.better)?.group;
  const slower = cast.member(record.other)?.group;
  const saved = cost === "flops" ? record.savedFlops : record.savedTokens;
  if (faster === undefined || slower === undefined || saved <= 0) return undefined;
  const { better, other } = record.spent;
  return { set: record.set, faster, slower, loss: record.targetLoss, at: better[cost], of: other[cost], saved, cost };
}

function groupLosses(data: ReportData, cast: Cast): GroupLoss[] {
  const found = new Map<string, GroupLoss>();
  for (const loss of data.evaluation?.losses ?? []) {
    const member = cast.member(loss.model);
    if (member === undefined) continue;
    const key = JSON.stringify([loss.set, member.group.name]);
    const entry = found.get(key) ?? { group: member.group, set: loss.set, mean: Number.NaN, seeds: [] };
    entry.seeds.push({ seed: member.seed, loss: loss.loss, interval: loss.interval });
    found.set(key, entry);
  }
  return [...found.values()].map((entry) => ({
    ...entry,
    mean: entry.seeds.reduce((sum, one) => sum + one.loss, 0) / entry.seeds.length,
  }));
}

function sideCostOf(data: ReportData): SideCost | undefined {
  const students = data.students.flatMap((student) => (student.training === undefined ? [] : [student.training.flops]));
  const folders = new Set(data.students.map((student) => student.folder));
  const firstStudent = data.run.stages.findIndex(({ stage }) => folders.has(stage));
  const before = firstStudent < 0 ? data.run.stages : data.run.stages.slice(0, firstStudent);
  const stages = before.flatMap(({ stage, flops }) => (flops === undefined || flops === 0 ? [] : [{ stage, flops }]));
  if (students.length === 0 || stages.length === 0) return undefined;
  return {
    stages,
    total: stages.reduce((sum, stage) => sum + stage.flops, 0),
    student: students.reduce((sum, value) => sum + value, 0) / students.length,
  };
}
