import { type Group, methodRank, textInWords } from "./cast.ts";
import { flopsSpread } from "./costs.ts";
import { type Contrast, type Findings, isOneSeed, sameModels } from "./findings.ts";
import { count, listed, percent, plural } from "./format.ts";
import { rankingsOf } from "./ranking.ts";
import type { ReportData } from "./record.ts";

/** What can be said about one contrast, the surest first. "By seed": each seed is clear, the interval over the seeds is not. */
const OUTCOMES = ["lower", "higher", "lower by seed", "higher by seed", "unclear"] as const;
type Outcome = (typeof OUTCOMES)[number];

/** Names longer than this list are counted and not written out. */
const NAMED = 4;
/** Training FLOPs that lie no further apart than this are called equal, and up to ten percent nearly so: a step of a short training is some percent of it. */
const EQUAL_FLOPS = 0.02;
const NEARLY_EQUAL_FLOPS = 0.1;

/** The verdict in one sentence of plain text, computed from the intervals. */
export function verdictSentence(data: ReportData, findings: Findings): string {
  const { headline, question } = findings;
  if (data.evaluation === undefined) return "No verdict yet: the run has not reached its held-out evaluation.";
  if (findings.losses.length === 0 || (headline.length === 0 && question !== "ranking"))
    return "No verdict: the run has no two kinds of students to compare.";
  switch (question) {
    case "ranking":
      return rankingSentence(findings);
    case "selection":
      return selectionSentence(headline);
    case "families":
      return familiesSentence(findings);
    case "methods":
      return methodsSentence(findings);
  }
}

/** Good, bad or neither: what the verdict's colour and mark say beside its words. */
export function verdictKind({ headline }: Findings): "good" | "bad" | "open" {
  if (headline.length > 0 && headline.every((one) => one.verdict === "lower")) return "good";
  return headline.length > 0 && headline.every((one) => one.verdict === "higher") ? "bad" : "open";
}

function selectionSentence(headline: readonly Contrast[]): string {
  const first = headline[0]!;
  const treatment = `“${first.treatment.name}”`;
  const baseline = `“${first.baseline.name}”`;
  const all = onSets(headline.map(({ set }) => set));
  const outcomes = byOutcome(headline);
  const common = OUTCOMES.find((outcome) => outcomes.get(outcome)!.length === headline.length);
  switch (common) {
    case "lower":
      return `${treatment} students reach a lower loss than ${baseline} students ${all}.`;
    case "higher":
      return `${treatment} students end with a higher loss than ${baseline} students ${all}${isSelection(first) ? ": here the selection hurts" : ""}.`;
    case "lower by seed":
    case "higher by seed":
      return `${treatment} students end ${common.split(" ")[0]!} than ${baseline} students with every seed ${all}, but ${tooFew(headline)}.`;
    case "unclear":
      return `No difference beyond noise between ${treatment} and ${baseline} students ${all}.`;
    case undefined: {
      const parts = [...outcomes].flatMap(([outcome, members]) => {
        const sets = listed(members.map((one) => one.set));
        if (members.length === 0) return [];
        if (outcome === "unclear") return [`no difference beyond noise on ${sets}`];
        return [
          outcome.endsWith("by seed")
            ? `${outcome.split(" ")[0]!} with every seed on ${sets}`
            : `${outcome} loss on ${sets}`,
        ];
      });
      return `Mixed, for ${treatment} against ${baseline}: ${parts.join("; ")}${luck(headline)}.`;
    }
  }
}

/** One method on models of several kinds. */
function familiesSentence({ headline, cast }: Findings): string {
  const labelOf = ({ treatment }: Contrast) =>
    cast.lineups.find(({ treatments }) => treatments.includes(treatment))!.label;
  const subject = subjectOf(headline[0]!);
  const outcomes = byOutcome(headline);
  const common = OUTCOMES.find((outcome) => outcomes.get(outcome)!.length === headline.length);
  const students = `${listed([...new Set(headline.map(labelOf))])} students`;
  const all = onSets([...new Set(headline.map(({ set }) => set))]);
  switch (common) {
    case "lower":
      return `${subject} lowers the loss of ${students} ${all}.`;
    case "higher":
      return `${subject} raises the loss of ${students} ${all}${isSelection(headline[0]!) ? ": here the selection hurts" : ""}.`;
    case "lower by seed":
    case "higher by seed":
      return `${subject} ${common === "lower by seed" ? "lowers" : "raises"} the loss of ${students} with every seed ${all}, but ${tooFew(headline)}.`;
    case "unclear":
      return `${subject} makes no difference beyond noise to ${students} ${all}.`;
    case undefined:
      return `${mixed(headline)}${subject}: ${bySets(headline, labelOf)}${luck(headline)}.`;
  }
}

/** Several ways to learn, from the lowest loss to the highest as far as intervals tell them from their baseline. */
function methodsSentence({ headline, cast }: Findings): string {
  const baselines = [...new Set(headline.map(({ baseline }) => baseline))];
  const against = baselines.length === 1 ? `against “${baselines[0]!.name}”` : "each against its own baseline";
  const taking = cast.groups.filter((group) =>
    headline.some(({ treatment, baseline }) => treatment === group || baseline === group),
  );
  const spread = nearlyEqualFlops(taking);
  const level =
    spread !== undefined && spread > EQUAL_FLOPS
      ? `training FLOPs within ${percent(spread)} of each other`
      : "equal training FLOPs";
  const start = spread === undefined ? capitalised(against) : `At ${level}, ${against}`;
  const told = isMany(headline) ? headline.map((one) => ({ ...one, unanimous: undefined })) : headline;
  const ranked = [...told].sort((a, b) => b.gain - a.gain);
  const sets = headline.map(({ set }) => set);
  return `${start}: ${bySets(ranked, ({ treatment }) => `“${treatment.name}”`, sets)}${luck(told)}.`;
}

/** Students that no baseline is named for: who ends lowest, as far as intervals tell. */
function rankingSentence(findings: Findings): string {
  const rankings = rankingsOf(findings);
  if (rankings.length === 0)
    return "No verdict: the students read different tokens, and without counted bytes their losses do not compare.";
  const sets = rankings.map(({ set, places, level, complete }) => {
    const rest = complete ? ", clear of all others" : "";
    const noise = level.length === 0 ? rest : `, within noise of ${fewNames(level.map(({ name }) => `“${name}”`))}`;
    return `on ${set}, “${places[0]!.group.name}” ends lowest${noise}`;
  });
  const luckToo = isOneSeed(findings.contrasts) ? "; one seed each does not cover the luck of the training run" : "";
  return `${count(findings.cast.groups.length)} students without a baseline, ranked by loss: ${sets.join("; ")}${luckToo}.`;
}

/** Whether so many students are compared that what only their seeds by themselves say is left to the figures. */
export function isMany(headline: readonly Contrast[]): boolean {
  return new Set(headline.map(({ treatment }) => treatment)).size > NAMED;
}

/** How far apart the training FLOPs of groups lie, where that is not far. */
export function nearlyEqualFlops(groups: readonly Group[]): number | undefined {
  const spread = flopsSpread(groups);
  return spread !== undefined && spread <= NEARLY_EQUAL_FLOPS ? spread : undefined;
}

/** What happens on each set: sets on which the same happens together. */
function bySets(
  headline: readonly Contrast[],
  name: (contrast: Contrast) => string,
  order: readonly string[] = headline.map((one) => one.set),
): string {
  const sets = new Map<string, string[]>();
  for (const set of new Set(order)) {
    const words = outcomesInWords(
      headline.filter((one) => one.set === set),
      name,
    );
    sets.set(words, [...(sets.get(words) ?? []), set]);
  }
  return [...sets].map(([words, names]) => `on ${listed(names)}, ${words}`).join("; ");
}

function outcomesInWords(here: readonly Contrast[], name: (contrast: Contrast) => string): string {
  const outcomes = byOutcome(here);
  const parts = OUTCOMES.flatMap((outcome) => {
    const members = outcomes.get(outcome)!;
    if (members.length === 0) return [];
    const rest = members.length > 1 && members.length < here.length ? `the other ${members.length}` : "all";
    if (outcome === "unclear") {
      const who = members.length <= NAMED && members.length < here.length ? listed(members.map(name)) : rest;
      return [`no difference beyond noise for ${who}`];
    }
    const who = members.length === here.length && members.length > NAMED ? "all" : fewNames(members.map(name));
    return outcome.endsWith("by seed")
      ? [`${outcome.split(" ")[0]!} with every seed for ${who}`]
      : [`${outcome} loss for ${who}`];
  });
  return parts.join(", ");
}

function fewNames(names: readonly string[]): string {
  if (names.length <= NAMED) return listed(names);
  return listed([...names.slice(0, NAMED - 1), `${names.length - NAMED + 1} others`]);
}

function byOutcome(contrasts: readonly Contrast[]): Map<Outcome, Contrast[]> {
  return new Map(OUTCOMES.map((outcome) => [outcome, contrasts.filter((one) => outcomeOf(one) === outcome)]));
}

function outcomeOf({ verdict, unanimous }: Contrast): Outcome {
  return verdict === "unclear" && unanimous !== undefined ? `${unanimous} by seed` : verdict;
}

function onSets(sets: readonly string[]): string {
  if (sets.length === 1) return `on ${sets[0]!}`;
  return sets.length === 2 ? "on both held-out sets" : `on all ${sets.length} held-out sets`;
}

/** What the two of a contrast differ in, as the subject of a sentence. */
function subjectOf({ treatment, baseline }: Contrast): string {
  const learns = treatment.plan!.method !== baseline.plan!.method ? treatment.plan!.method : undefined;
  const selects = treatment.method === "difference" ? "Difference Sampling" : `training on ${textInWords(treatment)}`;
  if (learns === undefined) return capitalised(selects);
  return capitalised(treatment.method === baseline.method ? learns : `${learns} with ${selects}`);
}

/** Whether two groups differ in how their text was chosen, and not in how they learn from it. */
function isSelection(contrast: Contrast): boolean {
  const { treatment, baseline } = contrast;
  return sameModels(contrast) && methodRank(treatment.method) < methodRank(baseline.method);
}

function mixed(headline: readonly Contrast[]): string {
  const directions = new Set(headline.map((one) => outcomeOf(one).split(" ")[0]!));
  return directions.has("lower") && directions.has("higher") ? "Mixed, for " : "";
}

/** That few seeds do not rule out luck, where that is all that keeps a result from being clear. */
function luck(headline: readonly Contrast[]): string {
  const bySeed = headline.filter((one) => outcomeOf(one).endsWith("by seed"));
  return bySeed.length === 0 ? "" : `; ${tooFew(bySeed)}`;
}

function tooFew(headline: readonly Contrast[]): string {
  return `${plural(Math.min(...headline.map(({ pairs }) => pairs.length)), "seed")} are too few to rule out luck`;
}

/** A text with a capital letter at its start. */
export function capitalised(text: string): string {
  return text.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
}
