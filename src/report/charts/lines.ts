import { scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import { html, nothing, type Safe } from "../html.ts";
import { numberTicks, type Scale, type Tick, xAxis, yGrid } from "./axes.ts";
import { fitted, marker, px, seriesClass, spread, svg, textWidth } from "./frame.ts";

/** A point of a line; points of several seeds belong together where their steps are equal. */
export interface LinePoint {
  step: number;
  x: number;
  y: number;
}

/** One series: thin lines for the seeds (where there are several), a band between them, a thick line for their mean. */
export interface Line {
  name: string;
  series: number;
  seeds: readonly (readonly LinePoint[])[];
  /** Never empty. */
  mean: readonly LinePoint[];
}

/** What a line chart shows, and on which axes. */
export interface LineChartInput {
  lines: readonly Line[];
  x: {
    scale(domain: readonly [number, number], range: readonly [number, number]): Scale;
    ticks(scale: Scale, narrow: boolean): Tick[];
    title: string;
  };
  y: {
    title: string;
    /** A value as it stands in a label. */
    value(y: number): string;
    /** The same at the axis; else in the fewest digits that tell ticks apart. */
    tick?: (y: number) => string;
    /** Smallest room above and below the values. */
    room: number;
    /** Range of the axis where it is not to follow the values. */
    domain?: readonly [number, number];
  };
  /** In pixels; by default as the width asks for. */
  height?: number;
  /** Drawn over the lines. */
  overlay?: (x: Scale, y: Scale) => Safe;
  title: string;
  description: string;
}

/** Markers are drawn at no more than this many points of a line. */
const MARKERS = 10;
/** What a label needs beside its text: the leader before it, and room behind it. */
const LABEL = 24;

/** Lines with direct labels at their right ends. */
export function lineChart(input: LineChartInput, width: number): Safe {
  const { lines } = input;
  const narrow = width < 400;
  const height = input.height ?? (narrow ? 300 : 340);
  const margin = plotMargin(
    lines.map(({ name }) => name),
    narrow,
  );
  const costs = lines.flatMap((one) => one.mean.map((point) => point.x));
  const values = lines.flatMap((one) => one.seeds.flatMap((points) => points.map((point) => point.y)));
  const x = input.x.scale(extent(costs), [margin.left, width - margin.right]);
  const domain = input.y.domain ?? padded(extent(values), input.y.room);
  const y = scaleLinear(domain, [height - margin.bottom, margin.top]);
  const labels = endLabels(
    lines.map(({ name, series, mean }) => {
      const end = mean.at(-1)!;
      return { name, series, x: x(end.x), y: y(end.y), value: input.y.value(end.y) };
    }),
    { width, height, margin },
  );
  const body = html`${yGrid(y, numberTicks(y, height < 260 ? 4 : 6, input.y.tick), margin.left, width - margin.right, input.y.title, margin.top)}${xAxis(
    x,
    input.x.ticks(x, narrow),
    height - margin.bottom,
    input.x.title,
  )}${lines.map((one) => lineMarks(one, x, y))}${input.overlay?.(x, y) ?? nothing}${labels}`;
  return svg({ width, height }, input.title, input.description, body);
}

/** Room around a plot: for the axes, and at the right for the names of its lines. */
export function plotMargin(names: readonly string[], narrow: boolean): Margin {
  const longest = Math.max(...names.map((name) => textWidth(name, 12.5)));
  const [least, most] = narrow ? [84, 132] : [118, 210];
  return { top: 34, right: Math.min(most, Math.max(least, longest + LABEL)), bottom: 44, left: 44 };
}

interface Margin {
  top: number;
  right: number;
  bottom: number;
  left: number;
}

/** Names and values beside the right ends of lines, moved apart, each with a leader from its line's end. Places in pixels. */
export function endLabels(
  ends: readonly { name: string; series: number; x: number; y: number; value: string }[],
  { width, height, margin }: { width: number; height: number; margin: Margin },
): Safe[] {
  const places = spread(
    ends.map((end) => end.y),
    30,
    margin.top + 8,
    height - margin.bottom - 16,
  );
  const left = width - margin.right;
  return ends.map(
    (end, i) =>
      html`<g class="${seriesClass(end.series)}"><path class="leader" d="M${px(end.x + 5)} ${px(end.y)}L${px(left + 14)} ${px(places[i]!)}"/><text class="label" x="${px(left + 18)}" y="${px(places[i]! + 1)}">${fitted(end.name, 40, margin.right - 18, 12.5)}</text><text class="label-value" x="${px(left + 18)}" y="${px(places[i]! + 15)}">${end.value}</text></g>`,
  );
}

function lineMarks({ series, seeds, mean }: Line, x: Scale, y: Scale): Safe {
  const path = line<LinePoint>(
    (point) => px(x(point.x)),
    (point) => px(y(point.y)),
  );
  const every = Math.max(1, Math.ceil(mean.length / MARKERS));
  const marked = mean.filter((_, i) => (mean.length - 1 - i) % every === 0);
  return html`<g class="${seriesClass(series)}">${seeds.length > 1 ? seedBand(seeds, mean, x, y) : nothing}${
    seeds.length > 1 ? seeds.map((points) => html`<path class="seed-line" d="${path([...points]) ?? ""}"/>`) : nothing
  }<path class="mean-line" d="${path([...mean]) ?? ""}"/>${marked.map((point) => marker(series, x(point.x), y(point.y)))}</g>`;
}

function seedBand(seeds: Line["seeds"], mean: Line["mean"], x: Scale, y: Scale): Safe {
  const range = (point: LinePoint) => {
    const values = seeds.flatMap((points) => points.filter((one) => one.step === point.step).map((one) => one.y));
    return values.length > 0 ? extent(values) : ([point.y, point.y] as [number, number]);
  };
  const band = area<LinePoint>()
    .x((point) => px(x(point.x)))
    .y0((point) => px(y(range(point)[0])))
    .y1((point) => px(y(range(point)[1])));
  return html`<path class="band" d="${band([...mean]) ?? ""}"/>`;
}

/** Smallest and largest of the values; never spreads them over the stack. */
export function extent(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** A range with 8 % of it as room on either side, and at least so much. */
export function padded([low, high]: [number, number], atLeast: number): [number, number] {
  const room = Math.max((high - low) * 0.08, atLeast);
  return [low - room, high + room];
}
