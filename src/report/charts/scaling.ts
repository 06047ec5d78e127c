import { scaleLinear } from "d3-scale";
import { area, line } from "d3-shape";
import type { ScalingFit, ScalingPoint, StudentScaling } from "../../evaluate/scaling/record.ts";
import { flops, listed, nats } from "../format.ts";
import { html, nothing, Safe } from "../html.ts";
import { CHART_STYLE } from "../style.ts";
import { costScale, costTicks, costTitle, numberTicks, type Scale, xAxis, yGrid } from "./axes.ts";
import { marker, px, SERIES, seriesClass, svg, WIDTHS } from "./frame.ts";
import { endLabels, extent, padded, plotMargin } from "./lines.ts";

/** A plot of fitted laws of compute on one set. */
export interface ScalingChartInput {
  set: string;
  fits: readonly Pick<StudentScaling, "student" | "fit" | "points">[];
  /** Series of each student in the palette; default by their order. */
  series?: readonly number[];
  height?: number;
}

/** A marker nearer than this to one of its own curve would hide it and is left out, in pixels. */
const MARKER_ROOM = 7;
/** A band may widen the loss axis by so many times what points and curves span; beyond, it is cut off. */
const BAND_SHARE = 0.35;
/** Pixels beyond any picture, for an edge of a band that is infinitely far. */
const FAR = 1e6;

/**
 * Measured points, fitted curves with their bands, and their extrapolation (dashed) over log compute; direct labels at the ends.
 * @param input.fits - of the law of compute, at least one
 */
export function scalingChart(input: ScalingChartInput, width: number): Safe {
  const { fits } = input;
  const narrow = width < 400;
  const height = input.height ?? (narrow ? 300 : 360);
  const margin = plotMargin([...fits.map(({ student }) => student), "a 0.000, E 0.000"], narrow);
  const [left, right, bottom] = [margin.left, width - margin.right, height - margin.bottom];
  const x = costScale(extent(fits.flatMap(({ fit }) => fit.band.map((at) => at.flops))), [left, right]);
  const y = scaleLinear(lossRange(fits), [bottom, margin.top]);
  const seriesOf = (i: number) => input.series?.[i] ?? i % SERIES;
  const labels = endLabels(
    fits.map(({ student, fit }, i) => {
      const end = fit.band.at(-1)!;
      return { name: student, series: seriesOf(i), x: x(end.flops), y: y(end.loss), value: constantsText(fit) };
    }),
    { width, height, margin },
  );
  const body = html`${yGrid(y, numberTicks(y, 6), left, right, "held-out loss, nats per token", margin.top)}${xAxis(x, costTicks(x, narrow ? 4 : 8, "flops"), bottom, costTitle("flops"))}${fits.map(
    ({ fit }, i) => html`<g class="${seriesClass(seriesOf(i))}">${band(fit, x, y)}</g>`,
  )}${fits.map(({ fit, points }, i) => fitMarks(fit, points, seriesOf(i), x, y))}${labels}`;
  return svg({ width, height }, `Scaling of the loss on ${input.set}`, describe(fits), body);
}

/** The chart as a file of its own, with a heading, in light and dark as the viewer asks. */
export function scalingSvg(input: ScalingChartInput): string {
  const width = WIDTHS.full;
  const [head, height, edge] = [62, 400, 20];
  const chart = scalingChart({ ...input, height }, width);
  const size = { width: width + 2 * edge, height: height + head + edge };
  const style = Safe.constant(`<style>${CHART_STYLE}</style>`);
  const bands = input.fits.some(({ fit }) => fit.resamples > 0) ? " Bands: 95 % bootstrap intervals." : "";
  const title = `Scaling of the loss on ${input.set}: L(C) = A / Cᵃ + E`;
  return `${html`<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}"><title>${title}</title>${style}<rect class="paper" width="${size.width}" height="${size.height}"/><text class="chart-title" x="${edge}" y="30">${title}</text><text class="chart-note" x="${edge}" y="50">${`Marks: measured. Lines: fitted, dotted where extrapolated.${bands}`}</text><svg role="presentation" x="${edge}" y="${head}" width="${width}" height="${height}">${chart}</svg></svg>`}\n`;
}

function fitMarks(fit: ScalingFit, points: readonly ScalingPoint[], series: number, x: Scale, y: Scale): Safe {
  const path = line<ScalingFit["band"][number]>(
    ({ flops }) => px(x(flops)),
    ({ loss }) => px(y(loss)),
  );
  const measured = fit.band.filter((at) => at.measured);
  const beyond = [...measured.slice(-1), ...fit.band.filter((at) => !at.measured)];
  const shown = apart(points, x, y);
  return html`<g class="${seriesClass(series)}"><g class="fit-points">${shown.map(([across, down]) => marker(series, across, down, 2.4))}</g><path class="fit-line" d="${path(measured) ?? ""}"/><path class="fit-beyond" d="${path(beyond) ?? ""}"/></g>`;
}

/** Places of the points, from the last one back, that keep their distance from those of their curve. */
function apart(points: readonly ScalingPoint[], x: Scale, y: Scale): [number, number][] {
  const kept = new Map<string | undefined, [number, number][]>();
  for (const { flops, loss, group } of [...points].reverse()) {
    const [across, down] = [x(flops!), y(loss)];
    const own = kept.get(group) ?? [];
    kept.set(group, own);
    if (!own.some(([a, d]) => Math.hypot(a - across, d - down) < MARKER_ROOM)) own.push([across, down]);
  }
  return [...kept.values()].flat();
}

function band(fit: ScalingFit, x: Scale, y: Scale): Safe {
  if (fit.resamples === 0) return nothing;
  const [bottom, top] = y.range() as [number, number];
  const inside = (place: number) => px(Math.min(bottom, Math.max(top, place)));
  const shape = area<Edges>()
    .x(([across]) => px(across))
    .y0(([, low]) => inside(low))
    .y1(([, , high]) => inside(high));
  const finite = (place: number) => Math.min(FAR, Math.max(-FAR, place));
  const edges = fit.band.map(({ flops, low, high }): Edges => [x(flops), finite(y(low)), finite(y(high))]);
  return html`<path class="band" d="${shape(withCrossings(edges, [bottom, top])) ?? ""}"/>`;
}

/** A band at one compute, in pixels: across, its lower and its upper edge. */
type Edges = [across: number, low: number, high: number];

/** The same band with points where an edge leaves the picture, so that it is cut there and not bent towards its next point. */
function withCrossings(edges: readonly Edges[], frame: readonly [number, number]): Edges[] {
  return edges.flatMap((one, i) => {
    const next = edges[i + 1];
    if (next === undefined) return [one];
    const shares = [1, 2].flatMap((edge) => frame.map((at) => (at - one[edge]!) / (next[edge]! - one[edge]!)));
    const crossed = shares.filter((share) => share > 0 && share < 1).sort((a, b) => a - b);
    return [one, ...crossed.map((share) => one.map((from, k) => from + share * (next[k]! - from)) as Edges)];
  });
}

/** Room for all points and curves, and for bands as far as they leave those readable. */
function lossRange(fits: ScalingChartInput["fits"]): [number, number] {
  const [low, high] = extent(
    fits.flatMap(({ fit, points }) => [...points.map(({ loss }) => loss), ...fit.band.map(({ loss }) => loss)]),
  );
  const most = BAND_SHARE * (high - low);
  const [lowest, highest] = extent(fits.flatMap(({ fit }) => fit.band.flatMap((at) => [at.low, at.high])));
  return padded([Math.max(lowest, low - most, 0), Math.min(Math.max(highest, high), high + most)], 0.005);
}

function constantsText({ constants }: ScalingFit): string {
  const value = (name: string) => constants.find((constant) => constant.name === name)?.value ?? Number.NaN;
  return `a ${nats(value("a"))}, E ${nats(value("E"))}`;
}

function describe(fits: ScalingChartInput["fits"]): string {
  return fits
    .map(({ student, fit, points }) => {
      const end = fit.band.at(-1)!;
      const last = extent(points.map((point) => point.flops!))[1];
      const range = fit.resamples === 0 ? "" : ` (95 %: ${nats(end.low)} to ${nats(end.high)})`;
      const constants = listed(
        fit.constants.map(({ name, value }) => `${name} ${value >= 1e6 ? flops(value) : nats(value)}`),
      );
      return `${student}: ${points.length} points to ${flops(last)} FLOPs, ${constants}; ${nats(end.loss)}${range} foretold at ${flops(end.flops)} FLOPs.`;
    })
    .join(" ");
}
