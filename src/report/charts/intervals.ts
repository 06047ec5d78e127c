import { scaleLinear } from "d3-scale";
import { clipped, signed } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { numberTicks, xAxis } from "./axes.ts";
import { marker, px, seriesClass, svg } from "./frame.ts";

/** One line of the chart: a value with its interval, or a heading of the lines that follow. */
export interface IntervalRow {
  label: string;
  /** Undefined: in no colour of the palette. */
  series: number | undefined;
  value: number;
  interval: readonly [number, number];
  /** The mean over seeds stands out from the single seeds under it. */
  emphasis: boolean;
  /** Single seeds as dots on the line itself, where they have no lines of their own. */
  dots?: readonly number[];
}

/** Values with 95 % intervals on a common axis around zero. */
export function intervalChart(
  input: {
    rows: readonly IntervalRow[];
    axisTitle: string;
    left: string;
    right: string;
    title: string;
    description: string;
    /** A value with its sign; by default in nats. */
    figure?: (value: number) => string;
    /** Values that the axis has room for beside those of the rows, where it is to be that of the neighbours. */
    domain?: readonly [number, number];
  },
  width: number,
): Safe {
  const narrow = width < 400;
  const figure = input.figure ?? signed;
  const margin = { top: 30, right: narrow ? 14 : 190, bottom: 46, left: narrow ? 96 : 300 };
  // On a phone a long label gets a line of its own above its interval.
  const heights = input.rows.map((row) => (narrow && row.emphasis ? 46 : 26));
  const middles = heights.map(
    (own, i) => margin.top + 6 + heights.slice(0, i + 1).reduce((sum, h) => sum + h, 0) - Math.min(own, 26) / 2,
  );
  const height = margin.top + heights.reduce((sum, h) => sum + h, 0) + 6 + margin.bottom;
  const bounds = input.rows
    .flatMap((row) => [...row.interval, row.value, ...(row.dots ?? []), ...(input.domain ?? []), 0])
    .filter(Number.isFinite);
  const low = Math.min(...bounds, -0.001);
  const high = Math.max(...bounds, 0.001);
  const room = (high - low) * 0.06;
  const x = scaleLinear([low - room, high + room], [margin.left, width - margin.right]);
  const bottom = height - margin.bottom;
  const body = html`<g class="zero"><path d="M${px(x(0))} ${margin.top - 8}V${bottom}"/></g><text class="side-label" x="${px(x(0) - 10)}" y="${margin.top - 14}" text-anchor="end">${narrow ? "" : input.left}</text><text class="side-label" x="${px(x(0) + 10)}" y="${margin.top - 14}">${narrow ? "" : input.right}</text>${input.rows.map(
    (row, i) => intervalRow(row, middles[i]!, { x, left: margin.left, width, narrow, figure }),
  )}${xAxis(
    x,
    numberTicks(x, narrow ? 3 : 7, input.figure ?? ((value) => signedTick(value, x.domain()))),
    bottom,
    input.axisTitle,
  )}`;
  return svg({ width, height }, input.title, input.description, body);
}

function signedTick(value: number, domain: readonly number[]): string {
  const span = domain[1]! - domain[0]!;
  return signed(value, span < 0.02 ? 3 : span < 2 ? 2 : 1);
}

function intervalRow(
  row: IntervalRow,
  middle: number,
  frame: {
    x: (value: number) => number;
    left: number;
    width: number;
    narrow: boolean;
    figure: (value: number) => string;
  },
): Safe {
  const { x, left, width, narrow, figure } = frame;
  const [low, high] = row.interval;
  const figures = `${figure(row.value)}  (${figure(low)} to ${figure(high)})`;
  const value = narrow
    ? nothing
    : html`<text class="row-value" x="${width}" y="${px(middle + 4)}" text-anchor="end">${figures}</text>`;
  const label =
    narrow && row.emphasis
      ? html`<text class="row-label" x="0" y="${px(middle - 20)}">${clipped(row.label, 48)}</text>`
      : html`<text class="row-label" x="${left - 12}" y="${px(middle + 4)}" text-anchor="end">${clipped(row.label, narrow ? 13 : 44)}</text>`;
  return html`<g class="${`interval ${row.emphasis ? "emphasis" : "single"} ${seriesClass(row.series)}`}"><title>${`${row.label}: ${figures}`}</title>${label}<path class="whisker" d="M${px(x(low))} ${px(middle)}H${px(x(high))}M${px(x(low))} ${px(middle - 4)}v8M${px(x(high))} ${px(middle - 4)}v8"/>${(row.dots ?? []).map((dot) => html`<circle class="seed-dot" cx="${px(x(dot))}" cy="${px(middle + 8)}" r="2.2"/>`)}${marker(
    row.emphasis ? 3 : 0,
    x(row.value),
    middle,
    row.emphasis ? 5 : 3,
  )}${value}</g>`;
}
