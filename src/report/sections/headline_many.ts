import { textInWords } from "../cast.ts";
import { type Contrast, type Findings, isClear, isOneSeed } from "../findings.ts";
import { compact, count, LOSS_UNITS, listed, nats, percent, plural, sizeInterval } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { parametersOf } from "../lineups.ts";
import type { Tile } from "../masthead.ts";
import { studentName } from "../section.ts";
import { isMany, nearlyEqualFlops } from "../verdict.ts";
import { tasksEvidence } from "./headline_tasks.ts";

/** Who is compared where there are more than two, and how large the differences are. */
export function manyStandfirst(findings: Findings): Safe {
  if (findings.headline.length === 0) return nothing;
  return findings.question === "families" ? familiesStandfirst(findings) : methodsStandfirst(findings);
}

/** How the comparisons of each set came out, and what was held equal. */
export function manyTiles(findings: Findings): (Tile | undefined)[] {
  return [...outcomeTiles(findings), equalFlopsTile(findings)];
}

function familiesStandfirst(findings: Findings): Safe {
  const { headline, cast } = findings;
  const lineups = cast.lineups.filter(({ treatments }) =>
    headline.some(({ treatment }) => treatments.includes(treatment)),
  );
  const [{ treatment, baseline }] = headline as [Contrast];
  const sizes = lineups.map(({ label, baseline: one }) => {
    const parameters = parametersOf(one);
    return parameters === undefined ? label : `${label} (${compact(parameters)})`;
  });
  const evidence = lineups.map((lineup) => {
    const own = headline.filter((one) => lineup.treatments.includes(one.treatment));
    return html`<li><span class="set">${lineup.label}</span><span>${own.map((one, i) => html`${i > 0 ? html`<br/>` : ""}${one.set}: ${difference(one)}`)}</span></li>`;
  });
  return html`<p class="standfirst">Students of ${count(lineups.length)} kinds, ${listed(sizes)}, each trained on ${textInWords(treatment)} against a twin trained on ${textInWords(baseline)}, compared on text that neither has seen. The teacher ran once for all of them.${oneSeed(headline)}</p><ul class="evidence kinds">${evidence}${tasksEvidence(findings)}</ul>`;
}

function methodsStandfirst(findings: Findings): Safe {
  const { headline } = findings;
  const baselines = [...new Set(headline.map(({ baseline }) => baseline))];
  const treatments = new Set(headline.map(({ treatment }) => treatment));
  const parameters = parametersOf(baselines[0]!);
  const size = baselines.length === 1 && parameters !== undefined ? ` of ${compact(parameters)} parameters` : "";
  const evidence = [...new Set(headline.map(({ set }) => set))].map((set) => {
    const here = headline.filter((one) => one.set === set).sort((a, b) => b.gain - a.gain);
    const clear = here.filter(isMany(headline) ? ({ verdict }) => verdict !== "unclear" : isClear);
    const rest = here.length - clear.length;
    return html`<li><span class="set">${set}</span><span>${clear.map((one) => html`${studentName(one.treatment)}: ${difference(one)}<br/>`)}${
      rest === 0 ? "" : `${clear.length === 0 ? "all" : "the other"} ${rest}: the interval holds zero`
    }</span></li>`;
  });
  return html`<p class="standfirst">${count(treatments.size)} ways to learn from one teacher, in students${size}, each against ${
    baselines.length === 1
      ? html`${studentName(baselines[0]!)} (${baselines[0]!.plan!.method} on ${textInWords(baselines[0]!)})`
      : "its own baseline"
  }, compared on text that no training has seen. They were compared with their baseline, not with each other.${oneSeed(headline)}</p><ul class="evidence">${evidence}${tasksEvidence(findings)}</ul>`;
}

/** What the intervals of single trainings leave out. */
function oneSeed(headline: readonly Contrast[]): string {
  return isOneSeed(headline) ? " With one seed each, the intervals cover the instances and not the training runs." : "";
}

function difference(one: Contrast): Safe {
  const direction = one.gain >= 0 ? "lower" : "higher";
  const sure = one.verdict !== "unclear" ? "" : isClear(one) ? " with every seed" : ", within noise";
  return html`<b>${nats(Math.abs(one.gain))}</b> ${LOSS_UNITS[one.unit]} ${direction}${sure} <span class="fine">(${sizeInterval(one.gain, one.interval)}; ${plural(one.pairs.length, "seed")})</span>`;
}

function outcomeTiles({ headline }: Findings): Tile[] {
  return [...new Set(headline.map(({ set }) => set))].map((set) => {
    const here = headline.filter((one) => one.set === set);
    const of = (verdict: Contrast["verdict"]) => here.filter((one) => one.verdict === verdict).length;
    return {
      value: `${of("lower")} of ${here.length}`,
      label: isOneSeed(here) ? `lower over the instances, ${set}` : `clearly lower, ${set}`,
      note: `${of("higher")} ${isOneSeed(here) ? "higher" : "clearly higher"}, ${of("unclear")} with an interval that holds zero${isOneSeed(here) ? "; one seed each, so the training run's luck is not covered" : ""}`,
    };
  });
}

function equalFlopsTile({ question, headline, cast }: Findings): Tile | undefined {
  if (question !== "methods") return undefined;
  const spread = nearlyEqualFlops(
    cast.groups.filter((one) => headline.some((pair) => [pair.treatment, pair.baseline].includes(one))),
  );
  if (spread === undefined) return undefined;
  return {
    value: percent(spread, 1),
    label: "apart in training FLOPs",
    note: "largest against smallest mean; a teacher that reads along and text the student writes are counted",
  };
}
