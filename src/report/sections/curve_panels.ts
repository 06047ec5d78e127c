import { type Cast, type Group, kindOf } from "../cast.ts";
import { WIDTHS } from "../charts/frame.ts";
import { extent } from "../charts/lines.ts";
import { lossCurves, shownInWords, shownPart } from "../charts/loss_curves.ts";
import { curveSets, type GroupCurve, groupCurve } from "../curves.ts";
import { type Contrast, type Findings, isClear } from "../findings.ts";
import { LOSS_UNITS, nats, savedShare } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";

/** Students that share one small picture. */
interface Panel {
  title: string;
  members: { group: Group; label: string; series: number }[];
  /** The two of it, where it has two. */
  pair: { treatment: Group; baseline: Group } | undefined;
}

const HEIGHT = 230;
/** Places of the palette that stand for the student under test and its baseline. */
const ROLES = 2;

/** One small picture for each comparison, where one for all would hold too many lines: the treatment and its baseline. */
export function curvePanels(set: string, findings: Findings): Safe {
  const panels = drawnPanels(set, findings);
  const { cost } = findings;
  const domains = domainsOf(
    panels.map(({ curves }) => curves),
    cost,
  );
  return html`<h3>${set}</h3><div class="charts-three">${panels.map(({ title, curves, pair }) => {
    const contrast = findings.contrasts.find(
      (one) => one.set === set && one.treatment === pair?.treatment && one.baseline === pair.baseline,
    );
    const ends = curves.map(({ group, mean }) => `${group.name} ${nats(mean.at(-1)?.loss ?? Number.NaN)}`);
    const domain = domains.get(tokensOf(curves[0]!.group));
    const description = `${title}: ${ends.join(", ")} nats per token in the end.`;
    const picture = lossCurves(
      { set, curves, cost, saved: undefined, description, height: HEIGHT, ...(domain && { domain }) },
      WIDTHS.small,
    );
    return html`<figure class="small"><p class="figure-title">${title}${contrast === undefined ? nothing : html` <span class="fine">${outcome(contrast)}</span>`}</p>${picture}</figure>`;
  })}</div>`;
}

/** That the pictures of all sets show the end of the training alone, where they do. */
export function shownOfPanels(findings: Findings): string {
  const panels = curveSets(findings.cast.groups).flatMap((set) => drawnPanels(set, findings));
  return shownInWords(
    panels.map(({ curves }) => curves),
    findings.cost,
  );
}

function drawnPanels(set: string, findings: Findings): (Panel & { curves: GroupCurve[] })[] {
  return panelsOf(findings).flatMap((panel) => {
    const curves = panel.members.flatMap(({ group, label, series }) => {
      const curve = groupCurve(group, set);
      return curve === undefined ? [] : [{ ...curve, group: { ...group, name: label, series } }];
    });
    return curves.length === 0 ? [] : [{ ...panel, curves }];
  });
}

function outcome(contrast: Contrast): string {
  const { gain, unit, saved } = contrast;
  if (!isClear(contrast)) return "no difference beyond noise";
  const size = `${nats(Math.abs(gain))} ${LOSS_UNITS[unit]} ${gain > 0 ? "lower" : "higher"}${contrast.verdict === "unclear" ? " with every seed" : ""}`;
  if (saved === undefined) return size;
  const cheaper = `${savedShare(saved)} less ${saved.cost === "flops" ? "compute" : "data"}`;
  return `${size}; ${saved.faster === contrast.treatment ? "as low as the baseline" : "the baseline is as low"} with ${cheaper}`;
}

/** Each treatment with its baseline; students that are compared with nothing by family. */
function panelsOf({ cast, question }: Findings): Panel[] {
  const compared = cast.lineups.flatMap(({ label, treatments, baseline }) =>
    treatments.map((treatment): Panel => {
      const twins = question === "families";
      // Twins are told apart by what they read, ways to learn by their own names.
      const [own, other] = twins ? [dataOf(treatment), dataOf(baseline)] : [treatment.name, baseline.name];
      return {
        title: twins ? label : treatment.name,
        members: [
          { group: treatment, label: own, series: 0 },
          { group: baseline, label: other, series: 1 },
        ],
        pair: { treatment, baseline },
      };
    }),
  );
  return [...compared, ...alone(cast)];
}

function alone({ groups, lineups }: Cast): Panel[] {
  const families = new Map<string, Group[]>();
  for (const group of groups) {
    if (group.baseline !== undefined || lineups.some(({ baseline }) => baseline === group)) continue;
    const key = kindOf(group);
    families.set(key, [...(families.get(key) ?? []), group]);
  }
  return [...families].map(([title, members]) => ({
    title,
    members: members.map((group, i) => ({ group, label: group.name, series: group.series ?? ROLES + i })),
    pair: undefined,
  }));
}

const dataOf = ({ selection, students, name }: Group) => selection?.name ?? students[0]?.selection ?? name;
const tokensOf = ({ plan }: Group) => plan?.tokenizer ?? "";

/** One loss axis for all panels whose losses are over the same tokens. @param panels - the curves of each */
function domainsOf(panels: readonly GroupCurve[][], cost: Findings["cost"]): Map<string, [number, number]> {
  const losses = new Map<string, number[]>();
  for (const { group, seeds } of panels.flatMap((curves) => shownPart({ curves, cost })))
    losses.set(tokensOf(group), [
      ...(losses.get(tokensOf(group)) ?? []),
      ...seeds.flatMap(({ points }) => points.map(({ loss }) => loss)),
    ]);
  return new Map([...losses].map(([tokens, values]) => [tokens, withRoom(extent(values))]));
}

function withRoom([low, high]: [number, number]): [number, number] {
  const room = Math.max((high - low) * 0.06, 0.005);
  return [low - room, high + room];
}
