import { type Group, textInWords } from "../cast.ts";
import { flopsSpread } from "../costs.ts";
import { type Findings, isOneSeed } from "../findings.ts";
import { compact, count, LOSS_UNITS, nats, percent } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { parametersOf } from "../lineups.ts";
import type { Tile } from "../masthead.ts";
import { contrastOf, rankingsOf } from "../ranking.ts";
import { studentName } from "../section.ts";
import { tasksEvidence } from "./headline_tasks.ts";

/** Training FLOPs further apart than this are worth a word. */
const FLOPS_APART = 0.02;

/** All students of a run without a baseline, set by set from the lowest loss to the highest. */
export function rankingStandfirst(findings: Findings): Safe {
  const { cast, contrasts } = findings;
  const evidence = rankingsOf(findings).map(({ set, unit, places }) => {
    const lines = places.map(({ group, loss }, i) => {
      const above = places[i - 1];
      const contrast = above && contrastOf(contrasts, set, above.group, group);
      const noise = contrast?.verdict === "unclear" ? ", within noise of the one before" : "";
      return html`${i > 0 ? html`<br/>` : nothing}${studentName(group)}: <b>${nats(loss)}</b> ${LOSS_UNITS[unit]}${noise} <span class="fine">(${whatItIs(group)})</span>`;
    });
    return html`<li><span class="set">${set}</span><span>${lines}</span></li>`;
  });
  return html`<p class="standfirst">${count(cast.groups.length)} students and no baseline to hold them against: all are ranked by their loss on text that none has seen.${apartInFlops(cast.groups)}${isOneSeed(contrasts) ? " With one seed each, the intervals cover the instances and not the luck of the training runs." : ""}</p><ul class="evidence">${evidence}${tasksEvidence(findings)}</ul>`;
}

/** The lowest loss of each set. */
export function rankingTiles(findings: Findings): Tile[] {
  return rankingsOf(findings).map(({ set, unit, places }) => {
    const [lowest, highest] = [places[0]!, places.at(-1)!];
    const note = `${lowest.group.name}, ${LOSS_UNITS[unit]}; highest: ${nats(highest.loss)}, ${highest.group.name}`;
    return { value: nats(lowest.loss), label: `lowest loss, ${set}`, note };
  });
}

/** That trainings did not cost the same, where they did not. */
export function apartInFlops(groups: readonly Group[]): string {
  const spread = flopsSpread(groups);
  return spread === undefined || spread <= FLOPS_APART
    ? ""
    : ` Their training FLOPs are not equal: the largest are ${percent(spread)} above the smallest.`;
}

function whatItIs(group: Group): string {
  const parameters = parametersOf(group);
  return [
    group.plan?.family,
    parameters === undefined ? undefined : `${compact(parameters)} parameters`,
    textInWords(group),
    group.plan?.method,
  ]
    .filter((part) => part !== undefined)
    .join(", ");
}
