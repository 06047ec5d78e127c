import { responsive, WIDTHS } from "../charts/frame.ts";
import { lossCurves, shownInWords } from "../charts/loss_curves.ts";
import { curveSets, groupCurve } from "../curves.ts";
import { type Contrast, type Findings, isClear } from "../findings.ts";
import { listed, nats, savedShare } from "../format.ts";
import { html, type Safe } from "../html.ts";
import { absent, figure, joined, type Section } from "../section.ts";
import { curvePanels, shownOfPanels } from "./curve_panels.ts";
import { taskCurves } from "./task_curves.ts";

/** Held-out loss against training cost, one plot per set. */
export function curvesSection(findings: Findings): Section {
  const sets = curveSets(findings.cast.groups);
  const what = findings.cost === "flops" ? "training compute" : "training tokens";
  return {
    id: "curves",
    title: "Held-out loss during training",
    lead: html`Lower is better. At equal ${what}, the lower line is the better student; at equal loss, the line further left is the cheaper one.`,
    body: joined(
      sets.length === 0
        ? absent("No student has been evaluated during training yet.")
        : findings.cast.crowded
          ? html`${sets.map((set) => curvePanels(set, findings))}<p class="fine">${readPanels(findings)}</p>`
          : html`<div class="${sets.length === 1 ? "charts-one" : "charts-two"}">${sets.map((set) => setFigure(set, findings, sets.length))}</div>`,
      partlyMeasured(sets, findings),
      taskCurves(findings),
    ),
  };
}

/** Why curves do not end at the final losses, where they do not. */
function partlyMeasured(sets: readonly string[], { cast, losses }: Findings): Safe | undefined {
  const apart = sets.some((set) =>
    cast.groups.some((group) => {
      const last = groupCurve(group, set)?.mean.at(-1)?.loss;
      const final = losses.find((one) => one.set === set && one.group === group)?.mean;
      return last !== undefined && final !== undefined && nats(last) !== nats(final);
    }),
  );
  if (!apart) return undefined;
  return html`<p class="fine">Curves are measured on the first instances of each set (<code>evaluate.curveInstances</code>), final losses on all: the two differ a little.</p>`;
}

function readPanels(findings: Findings): string {
  const { cast } = findings;
  const seeds = Math.max(...cast.groups.map(({ students }) => students.length));
  const lines =
    seeds > 1 ? "Thick: mean over seeds. Thin with band: single seeds." : "One line per student (one seed).";
  const tokenizers = new Set(cast.groups.map(({ plan }) => plan?.tokenizer));
  const axes =
    tokenizers.size > 1
      ? " One loss axis for all students that read the same tokens; nats per token of other tokens do not compare."
      : " One loss axis for all.";
  const colours = cast.lineups.length > 0 ? " Blue: the student under test. Orange: what it is compared with." : "";
  return `${lines}${colours}${axes}${shownOfPanels(findings)}`;
}

function setFigure(set: string, findings: Findings, sets: number): Safe {
  const curves = findings.cast.groups.flatMap((group) => groupCurve(group, set) ?? []);
  const contrast = findings.headline.find((one) => one.set === set);
  const saved = contrast === undefined || !isClear(contrast) ? undefined : contrast.saved;
  const ends = curves.flatMap((curve) => {
    const end = curve.mean.at(-1);
    return end === undefined ? [] : [`${curve.group.name} ${nats(end.loss)}`];
  });
  const description = `Final means: ${listed(ends)} nats per token.`;
  const seeds = Math.max(...curves.map((curve) => curve.seeds.length));
  return figure(
    html`${set}: ${setTitle(contrast, saved !== undefined)}`,
    responsive(
      (width) => lossCurves({ set, curves, cost: findings.cost, saved, description }, width),
      sets === 1 ? WIDTHS.full : WIDTHS.half,
    ),
    `${seeds > 1 ? "Thick: mean over seeds. Thin with band: single seeds." : "One line per student (one seed)."}${shownInWords([curves], findings.cost)}`,
  );
}

function setTitle(contrast: Contrast | undefined, arrow: boolean): string {
  if (contrast === undefined) return "loss of all students";
  if (!isClear(contrast)) return `${contrast.treatment.name} and ${contrast.baseline.name} do not differ beyond noise`;
  if (!arrow || contrast.saved === undefined)
    return `${contrast.treatment.name} ends ${contrast.gain > 0 ? "lower" : "higher"} than ${contrast.baseline.name}`;
  const { faster, slower, cost } = contrast.saved;
  return `${faster.name} reaches the final loss of ${slower.name} with ${savedShare(contrast.saved)} less ${cost === "flops" ? "compute" : "data"}`;
}
