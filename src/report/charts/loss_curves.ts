import { scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import type { Cost, CurvePoint, GroupCurve } from "../curves.ts";
import type { Saving } from "../findings.ts";
import { clipped, nats, percent } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { costScale, costTicks, numberTicks, type Scale, xAxis, yGrid } from "./axes.ts";
import { marker, px, seriesClass, spread, svg, textWidth } from "./frame.ts";

/** What a plot of held-out loss shows. */
export interface LossCurvesInput {
  set: string;
  curves: readonly GroupCurve[];
  cost: Cost;
  /** Drawn as a horizontal arrow at the slower group's final loss. */
  saved: Saving | undefined;
  description: string;
}

/** Markers are drawn at no more than this many points of a line. */
const MARKERS = 10;

/** Held-out loss against training cost: thin lines for seeds, a band between them, thick lines for means, direct labels. */
export function lossCurves(input: LossCurvesInput, width: number): Safe {
  const height = width < 400 ? 300 : 340;
  const margin = { top: 34, right: width < 400 ? 84 : 118, bottom: 44, left: 44 };
  const shown = shownPart(input);
  const costs = shown.flatMap((curve) => curve.mean.map((point) => point[input.cost]));
  const losses = shown.flatMap((curve) => curve.seeds.flatMap((seed) => seed.points.map((point) => point.loss)));
  const x = costScale(extent(costs), [margin.left, width - margin.right]);
  const y = scaleLinear(padded(extent(losses)), [height - margin.bottom, margin.top]);
  const ends = shown.map((curve) => curve.mean.at(-1)!);
  const labels = spread(
    ends.map((end) => y(end.loss)),
    30,
    margin.top + 8,
    height - margin.bottom - 16,
  );
  const body = html`${yGrid(y, numberTicks(y, 6), margin.left, width - margin.right, "held-out loss, nats per token", margin.top)}${xAxis(
    x,
    costTicks(x, width < 400 ? 4 : 6, input.cost),
    height - margin.bottom,
    input.cost === "flops" ? "training compute, FLOPs" : "training tokens",
  )}${shown.map((curve) => curveMarks(curve, input.cost, x, y))}${input.saved === undefined ? nothing : savedArrow(input.saved, x, y)}${shown.map(
    (curve, i) =>
      html`<g class="${seriesClass(curve.group.series)}"><path class="leader" d="M${px(x(ends[i]![input.cost]) + 5)} ${px(y(ends[i]!.loss))}L${px(width - margin.right + 14)} ${px(labels[i]!)}"/><text class="label" x="${px(width - margin.right + 18)}" y="${px(labels[i]! + 1)}">${clipped(curve.group.name, width < 400 ? 10 : 15)}</text><text class="label-value" x="${px(width - margin.right + 18)}" y="${px(labels[i]! + 15)}">${nats(ends[i]!.loss)}</text></g>`,
  )}`;
  return svg({ width, height }, `Held-out loss on ${input.set} during training`, input.description, body);
}

/** The last tenfold of the training: the steep beginning is the same for all and would flatten what differs. */
function shownPart(input: LossCurvesInput): GroupCurve[] {
  const end = Math.max(...input.curves.map((curve) => curve.mean.at(-1)?.[input.cost] ?? 0));
  const late = (points: CurvePoint[]) => {
    const part = points.filter((point) => point[input.cost] >= end / 10);
    return part.length >= 2 ? part : points;
  };
  return input.curves
    .filter((curve) => curve.mean.length > 0)
    .map((curve) => ({
      group: curve.group,
      seeds: curve.seeds.map((seed) => ({ seed: seed.seed, points: late(seed.points) })),
      mean: late(curve.mean),
    }));
}

function curveMarks(curve: GroupCurve, cost: Cost, x: Scale, y: Scale): Safe {
  const path = line<CurvePoint>(
    (point) => px(x(point[cost])),
    (point) => px(y(point.loss)),
  );
  const series = curve.group.series;
  const every = Math.max(1, Math.ceil(curve.mean.length / MARKERS));
  const marked = curve.mean.filter((_, i) => (curve.mean.length - 1 - i) % every === 0);
  return html`<g class="${seriesClass(series)}">${curve.seeds.length > 1 ? seedBand(curve, cost, x, y) : nothing}${
    curve.seeds.length > 1
      ? curve.seeds.map((seed) => html`<path class="seed-line" d="${path(seed.points) ?? ""}"/>`)
      : nothing
  }<path class="mean-line" d="${path(curve.mean) ?? ""}"/>${marked.map((point) => marker(series, x(point[cost]), y(point.loss)))}</g>`;
}

function seedBand(curve: GroupCurve, cost: Cost, x: Scale, y: Scale): Safe {
  const range = (point: CurvePoint) => {
    const losses = curve.seeds.flatMap((seed) =>
      seed.points.filter((one) => one.step === point.step).map((one) => one.loss),
    );
    return losses.length > 0 ? extent(losses) : ([point.loss, point.loss] as [number, number]);
  };
  const band = area<CurvePoint>()
    .x((point) => px(x(point[cost])))
    .y0((point) => px(y(range(point)[0])))
    .y1((point) => px(y(range(point)[1])));
  return html`<path class="band" d="${band(curve.mean) ?? ""}"/>`;
}

/** Arrow at the slower group's final loss, a line down to the cost where the faster one is there, and the saving at its foot, where no curve runs. */
function savedArrow(saved: Saving, x: Scale, y: Scale): Safe {
  const [left] = x.range() as [number, number];
  const [bottom] = y.range() as [number, number];
  const from = x(saved.of);
  const to = Math.max(left, x(saved.at));
  const at = y(saved.loss);
  const text = `${percent(saved.saved)} less ${saved.cost === "flops" ? "compute" : "data"}`;
  const side = to - left > textWidth(text) + 12 ? { x: to - 7, anchor: "end" } : { x: to + 7, anchor: "start" };
  return html`<g class="saved"><path class="saved-line" d="M${px(from)} ${px(at)}H${px(to)}"/><path class="saved-head" d="M${px(to)} ${px(at)}l9 -4.5v9z"/><path class="saved-drop" d="M${px(to)} ${px(at)}V${px(bottom)}"/><text class="saved-label" x="${px(side.x)}" y="${px(bottom - 8)}" text-anchor="${side.anchor}">${text}</text></g>`;
}

function extent(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function padded([low, high]: [number, number]): [number, number] {
  const room = Math.max((high - low) * 0.08, 0.005);
  return [low - room, high + room];
}
