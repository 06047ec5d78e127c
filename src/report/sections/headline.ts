import { type Group, textInWords } from "../cast.ts";
import { type Contrast, type Findings, isClear, type Saving, sameModels, verdictOf } from "../findings.ts";
import {
  compact,
  count,
  LOSS_UNITS,
  nats,
  percent,
  percentInterval,
  plural,
  savedShare,
  sizeInterval,
  times,
} from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { parametersOf } from "../lineups.ts";
import { renderMasthead, type Tile } from "../masthead.ts";
import type { ReportData } from "../record.ts";
import { studentName } from "../section.ts";
import { capitalised, verdictKind, verdictSentence } from "../verdict.ts";
import { manyStandfirst, manyTiles } from "./headline_many.ts";
import { apartInFlops, rankingStandfirst, rankingTiles } from "./headline_ranking.ts";
import { tasksEvidence } from "./headline_tasks.ts";

/** Masthead: run name, verdict with its figures, and the key numbers. */
export function masthead(data: ReportData, findings: Findings): Safe {
  return renderMasthead({
    run: data.run,
    verdict: verdictSentence(data, findings),
    kind: verdictKind(findings),
    standfirst:
      findings.question === "selection"
        ? html`${who(findings)}${evidence(findings)}`
        : findings.question === "ranking"
          ? rankingStandfirst(findings)
          : manyStandfirst(findings),
    tiles: [
      ...(findings.question === "selection"
        ? [...savedTiles(findings), ...lossTiles(findings)]
        : findings.question === "ranking"
          ? rankingTiles(findings)
          : manyTiles(findings)),
      keptTile(findings),
      sideTile(findings),
    ],
    missing: data.missing,
  });
}

function who({ headline }: Findings): Safe {
  const first = headline[0];
  if (first === undefined) return nothing;
  const { treatment, baseline } = first;
  if (!sameModels(first))
    return html`<p class="standfirst">${capitalised(inFull(treatment))} (${studentName(treatment)}) against ${inFull(baseline)} (${studentName(baseline)}), compared on text that neither has seen.${apartInFlops([treatment, baseline])}</p>`;
  const size = parametersOf(treatment);
  return html`<p class="standfirst">${size === undefined ? "Students" : `Students of ${compact(size)} parameters`} trained on ${textInWords(treatment)} (${studentName(treatment)}) against students trained on ${textInWords(baseline)} (${studentName(baseline)}), compared on text that neither has seen.${apartInFlops([treatment, baseline])}</p>`;
}

/** A group with all that may tell it from another: family, size, tokens, data, and what it learns. */
function inFull(group: Group): string {
  const { plan } = group;
  const size = parametersOf(group);
  return [
    plan === undefined ? "students" : `${plan.family} students`,
    size === undefined ? "" : ` of ${compact(size)} parameters`,
    plan?.tokenizer === undefined ? "" : ` with tokenizer “${plan.tokenizer}”`,
    ` trained on ${textInWords(group)}`,
    plan === undefined ? "" : ` by ${plan.method}`,
  ].join("");
}

/** One line per held-out set: how large the difference is, and how sure. */
function evidence(findings: Findings): Safe {
  const { headline } = findings;
  if (headline.length === 0) return nothing;
  const lines = headline.map((one) => {
    const words = one.gain >= 0 ? "lower" : "higher";
    const [measure, per] = LOSS_UNITS[one.unit].split(" per ") as [string, string];
    const inNats = one.unit === "nats_per_token";
    const perplexity = `, ${percent(Math.abs(Math.exp(-one.gain) - 1), 1)} in perplexity`;
    const share = one.pairs.reduce((sum, pair) => sum + pair.share, 0) / one.pairs.length;
    return html`<li><span class="set">${one.set}</span><span><b>${nats(Math.abs(one.gain))} ${measure}</b> per ${per} ${words}${!isClear(one) ? ", within noise" : inNats ? perplexity : ""}. <span class="fine">95 % interval ${sizeInterval(one.gain, one.interval)}; ${agreement(one)}; lower on ${percent(share)} of the instances.</span></span></li>`;
  });
  return html`<ul class="evidence">${lines}${tasksEvidence(findings)}</ul>`;
}

function agreement({ pairs, verdict, unanimous }: Contrast): string {
  if (pairs.length === 1) return "one seed, so the luck of the training run is not covered";
  const seeds = plural(pairs.length, "seed");
  if (unanimous !== undefined) return `over ${seeds}, each of which is clearly ${unanimous} by itself`;
  if (verdict === "unclear") return `over ${seeds}`;
  const clear = pairs.filter((pair) => verdictOf(pair.interval) === verdict).length;
  return `over ${seeds}, ${clear} of which are clearly ${verdict} by themselves`;
}

function savedTiles({ headline, cost }: Findings): Tile[] {
  const what = cost === "flops" ? "compute" : "data";
  return headline.map((one) => {
    const label = `${what} saved, ${one.set}`;
    if (one.unit !== "nats_per_token") return { value: "–", label, note: "the two read different tokens" };
    if (!isClear(one)) return { value: "none", label, note: "the final losses do not differ beyond noise" };
    if (one.saved === undefined) return { value: "–", label, note: "the curves show no earlier point of equal loss" };
    const { faster, slower } = one.saved;
    if (faster === one.treatment)
      return {
        value: savedShare(one.saved),
        label,
        note: `less ${what} to reach the final loss of ${slower.name}${savedInterval(one.saved)}`,
      };
    return {
      value: "none",
      label,
      note: `${faster.name} is there with ${savedShare(one.saved)} less ${what}${savedInterval(one.saved)}`,
    };
  });
}

function savedInterval({ interval }: Saving): string {
  return interval === undefined ? "" : `; 95 % interval over seeds ${percentInterval(interval)}`;
}

function lossTiles({ headline, losses }: Findings): Tile[] {
  return headline.flatMap((one) => {
    const of = (group: Contrast["treatment"]) => losses.find((loss) => loss.set === one.set && loss.group === group);
    const [treatment, baseline] = [of(one.treatment), of(one.baseline)];
    const inUnit = (loss: typeof treatment) => (one.unit === "nats_per_token" ? loss?.mean : loss?.bitsPerByte?.mean);
    const [own, other] = [inUnit(treatment), inUnit(baseline)];
    if (own === undefined || other === undefined) return [];
    const note = `against ${nats(other)} of ${one.baseline.name} (${nats(Math.abs(own - other))} ${own <= other ? "lower" : "higher"}), ${LOSS_UNITS[one.unit]}`;
    return [{ value: nats(own), label: `held-out loss, ${one.set}`, note }];
  });
}

function keptTile({ cast }: Findings): Tile | undefined {
  const summary = cast.main?.summary;
  if (summary === undefined) return undefined;
  const { instances, tokens } = summary;
  return {
    value: percent(instances.kept / instances.total),
    label: "of the corpus kept",
    note: `${count(instances.kept)} of ${count(instances.total)} instances, ${percent(tokens.kept / tokens.total)} of the tokens`,
  };
}

function sideTile({ costs }: Findings): Tile | undefined {
  if (costs === undefined || costs.student === 0) return undefined;
  const all = costs.trainings * costs.student;
  const once = "the compute of one student went into the stages before, once for all students";
  return {
    value: times(costs.total / costs.student),
    label: "one-off cost of the records",
    note:
      costs.groups.length === 0
        ? once
        : `${once}; ${times(costs.total / all)} that of all ${costs.trainings} trainings`,
  };
}
