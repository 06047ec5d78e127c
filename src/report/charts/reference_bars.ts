import { scaleLinear } from "d3-scale";
import { clipped } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { numberTicks, xAxis } from "./axes.ts";
import { px, svg } from "./frame.ts";
import { extent } from "./lines.ts";

/** One measured value beside what it is to be held against. */
export interface ReferenceRow {
  label: string;
  value: number;
  /** 95 % interval of the value, where there is one. */
  interval: readonly [number, number] | undefined;
  /** Where the bar starts: what chance or the baseline gives. */
  from: number | undefined;
  /** Single seeds, drawn as small dots. */
  dots?: readonly number[];
  /** A circle: the same by chance. */
  chance?: number;
  /** A grey band: the range of the same by chance. */
  byChance?: readonly [number, number];
  /** A triangle: a second control. */
  second?: number | undefined;
}

/** Bars from a reference to a value, with the value's interval: solid where it is better, outlined where it is worse. */
export function referenceBars(
  input: {
    rows: readonly ReferenceRow[];
    /** Dashed lines over all rows. */
    lines?: readonly { value: number; label: string }[];
    better: "higher" | "lower";
    domain?: readonly [number, number];
    axisTitle: string;
    title: string;
    description: string;
    figure: (value: number) => string;
    /** The same at the axis; else in the fewest digits that tell ticks apart. */
    tick?: (value: number) => string;
  },
  width: number,
): Safe {
  const { rows, lines = [] } = input;
  const phone = width < 400;
  // Half a page has no room for labels at the side, nor has a phone: each gets a line of its own above its bar.
  const stacked = width < 700;
  const margin = {
    top: lines.length > 0 ? 34 + 15 * (lines.length - 1) : 10,
    right: stacked ? 14 : 190,
    bottom: 46,
    left: stacked ? 14 : 300,
  };
  const rowHeight = stacked ? 50 : 28;
  const bottom = margin.top + rows.length * rowHeight + 6;
  const x = scaleLinear(input.domain ?? roomFor(rows, lines), [margin.left, width - margin.right]);
  const ticks = numberTicks(x, phone ? 4 : stacked ? 5 : 7, input.tick);
  const body = html`<g class="columns">${ticks.map(({ value }) => html`<path d="M${px(x(value))} ${margin.top}V${px(bottom)}"/>`)}</g>${lines.map(
    ({ value, label }, i) => referenceLine(x(value), label, margin.top - 10 - 15 * i, bottom, width),
  )}<g class="reference">${rows.map((row, i) =>
    referenceRow(row, margin.top + (i + 1) * rowHeight - 14, { x, left: margin.left, width, stacked, input }),
  )}</g>${xAxis(x, ticks, bottom, input.axisTitle)}`;
  return svg({ width, height: bottom + margin.bottom }, input.title, input.description, body);
}

function referenceRow(
  row: ReferenceRow,
  middle: number,
  frame: {
    x: (value: number) => number;
    left: number;
    width: number;
    stacked: boolean;
    input: { better: "higher" | "lower"; figure: (value: number) => string };
  },
): Safe {
  const { x, left, width, stacked, input } = frame;
  const { value, interval, from, dots = [], chance, byChance, second } = row;
  const range = ([low, high]: readonly [number, number]) => `${input.figure(low)} to ${input.figure(high)}`;
  const figures = `${input.figure(value)}${interval === undefined ? "" : `  (${range(interval)})`}${byChance === undefined ? "" : `  (by chance ${range(byChance)})`}`;
  const y = stacked ? middle - 14 : middle + 4;
  const room = stacked ? Math.floor((width - figures.length * 6.6) / 7.2) : 42;
  const bar = () => {
    const [low, high] = extent([from!, value]);
    const side = value === from || value > from! === (input.better === "higher") ? "bar-over" : "bar-under";
    return html`<rect class="${side}" x="${px(x(low))}" y="${px(middle - 7)}" width="${px(Math.max(1, x(high) - x(low)))}" height="14"/>`;
  };
  return html`<g><title>${`${row.label}: ${figures}`}</title><text class="row-label" x="${px(stacked ? 0 : left - 12)}" y="${px(y)}" text-anchor="${stacked ? "start" : "end"}">${clipped(row.label, Math.max(8, room))}</text>${
    byChance === undefined
      ? nothing
      : html`<rect class="chance-range" x="${px(x(byChance[0]))}" y="${px(middle - 9)}" width="${px(Math.max(1, x(byChance[1]) - x(byChance[0])))}" height="18"/>`
  }${from === undefined ? nothing : bar()}${
    interval === undefined
      ? nothing
      : html`<path class="whisker" d="M${px(x(interval[0]))} ${px(middle)}H${px(x(interval[1]))}M${px(x(interval[0]))} ${px(middle - 4)}v8M${px(x(interval[1]))} ${px(middle - 4)}v8"/>`
  }${dots.map((dot) => html`<circle class="seed-dot" cx="${px(x(dot))}" cy="${px(middle + 10)}" r="2.2"/>`)}<path class="value-mark" d="M${px(x(value))} ${px(middle - 8)}v16"/>${
    chance === undefined ? nothing : html`<circle class="chance" cx="${px(x(chance))}" cy="${px(middle)}" r="4"/>`
  }${
    second === undefined
      ? nothing
      : html`<path class="second-control" d="M${px(x(second))} ${px(middle - 5)}l4.6 8.6h-9.2z"/>`
  }<text class="row-value" x="${width}" y="${px(y)}" text-anchor="end">${figures}</text></g>`;
}

function referenceLine(x: number, label: string, top: number, bottom: number, width: number): Safe {
  const anchor = x < width * 0.25 ? "start" : x > width * 0.75 ? "end" : "middle";
  return html`<g class="cut"><path d="M${px(x)} ${px(top + 4)}V${px(bottom)}"/><text class="cut-value" x="${px(x)}" y="${px(top)}" text-anchor="${anchor}">${label}</text></g>`;
}

function roomFor(rows: readonly ReferenceRow[], lines: readonly { value: number }[]): [number, number] {
  const values = rows.flatMap((row) => [
    row.value,
    ...(row.interval ?? []),
    ...(row.dots ?? []),
    ...(row.byChance ?? []),
    ...[row.from, row.chance, row.second].filter((one) => one !== undefined),
  ]);
  const [low, high] = extent([...values, ...lines.map((line) => line.value)].filter(Number.isFinite));
  const room = Math.max((high - low) * 0.05, 1e-3);
  return [low - room, high + room];
}
