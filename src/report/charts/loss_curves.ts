import type { Cost, CurvePoint, GroupCurve } from "../curves.ts";
import type { Saving } from "../findings.ts";
import { nats, savedShare } from "../format.ts";
import { html, type Safe } from "../html.ts";
import { costScale, costTicks, costTitle, type Scale } from "./axes.ts";
import { px, textWidth } from "./frame.ts";
import { type LinePoint, lineChart } from "./lines.ts";

/** What a plot of held-out loss shows. */
export interface LossCurvesInput {
  set: string;
  curves: readonly GroupCurve[];
  cost: Cost;
  /** Drawn as a horizontal arrow at the slower group's final loss. */
  saved: Saving | undefined;
  description: string;
  /** Of the loss axis, where it is to be that of the neighbours. */
  domain?: readonly [number, number];
  height?: number;
}

/** Held-out loss against training cost: thin lines for seeds, a band between them, thick lines for means, direct labels. */
export function lossCurves(input: LossCurvesInput, width: number): Safe {
  const { cost, saved } = input;
  const drawn = (points: readonly CurvePoint[]): LinePoint[] =>
    points.map((point) => ({ step: point.step, x: point[cost], y: point.loss }));
  return lineChart(
    {
      lines: shownPart(input).map(({ group, seeds, mean }) => ({
        name: group.name,
        series: group.series ?? 0,
        seeds: seeds.map(({ points }) => drawn(points)),
        mean: drawn(mean),
      })),
      x: {
        scale: costScale,
        ticks: (scale, narrow) => costTicks(scale, input.height !== undefined ? 3 : narrow ? 4 : 6, cost),
        title: costTitle(cost),
      },
      y: {
        title: "held-out loss, nats per token",
        value: nats,
        room: 0.005,
        ...(input.domain === undefined ? {} : { domain: input.domain }),
      },
      ...(input.height === undefined ? {} : { height: input.height }),
      ...(saved === undefined ? {} : { overlay: (x, y) => savedArrow(saved, x, y) }),
      title: `Held-out loss on ${input.set} during training`,
      description: input.description,
    },
    width,
  );
}

/** The last tenfold of the training: the steep beginning is the same for all and would flatten what differs. All of it where that leaves a curve fewer than two points. */
export function shownPart(input: Pick<LossCurvesInput, "curves" | "cost">): GroupCurve[] {
  const curves = input.curves.filter((curve) => curve.mean.length > 0);
  const end = Math.max(...curves.map((curve) => curve.mean.at(-1)![input.cost]));
  const late = (points: readonly CurvePoint[]) => points.filter((point) => point[input.cost] >= end / 10);
  if (
    curves.some(({ mean, seeds }) => [mean, ...seeds.map(({ points }) => points)].some((all) => late(all).length < 2))
  )
    return curves;
  return curves.map((curve) => ({
    group: curve.group,
    seeds: curve.seeds.map((seed) => ({ seed: seed.seed, points: late(seed.points) })),
    mean: late(curve.mean),
  }));
}

/** That plots show the end of the training alone, where they do. @param plots - the curves of each */
export function shownInWords(plots: readonly LossCurvesInput["curves"][], cost: Cost): string {
  const cut = plots.filter((curves) => {
    // What was measured before the first step has no place on an axis of cost.
    const all = curves.flatMap(({ mean }) => mean.map((point) => point[cost])).filter((spent) => spent > 0);
    const shown = shownPart({ curves, cost }).flatMap(({ mean }) => mean.map((point) => point[cost]));
    return Math.min(...shown) > Math.min(...all);
  });
  if (cut.length === 0) return "";
  return cut.length === plots.length
    ? " Only the last tenfold of the training is shown."
    : " Where there are evaluations enough, only the last tenfold of the training is shown.";
}

/** Arrow at the slower group's final loss, a line down to the cost where the faster one is there, and the saving at its foot, where no curve runs. */
function savedArrow(saved: Saving, x: Scale, y: Scale): Safe {
  const [left] = x.range() as [number, number];
  const [bottom] = y.range() as [number, number];
  const from = x(saved.of);
  const to = Math.max(left, x(saved.at));
  const at = y(saved.loss);
  const text = `${savedShare(saved)} less ${saved.cost === "flops" ? "compute" : "data"}`;
  const side = to - left > textWidth(text) + 12 ? { x: to - 7, anchor: "end" } : { x: to + 7, anchor: "start" };
  return html`<g class="saved"><path class="saved-line" d="M${px(from)} ${px(at)}H${px(to)}"/><path class="saved-head" d="M${px(to)} ${px(at)}l9 -4.5v9z"/><path class="saved-drop" d="M${px(to)} ${px(at)}V${px(bottom)}"/><text class="saved-label" x="${px(side.x)}" y="${px(bottom - 8)}" text-anchor="${side.anchor}">${text}</text></g>`;
}
