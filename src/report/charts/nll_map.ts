import { scaleLinear } from "d3-scale";
import { count, plural } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { numberTicks, xAxis, yGrid } from "./axes.ts";
import { px, svg } from "./frame.ts";

/** Steps of the sequential palette. */
const SHADES = 5;

/** Number of instances by teacher NLL (horizontal) and reference NLL (vertical), with the line of equality and the cut. */
export function nllMap(
  input: {
    teacher: Float32Array;
    reference: Float32Array;
    domain: readonly [number, number];
    cut: number | undefined;
    unit: string;
    description: string;
  },
  width: number,
): Safe {
  const narrow = width < 400;
  const margin = { top: 30, right: 16, bottom: 46, left: 44 };
  const side = width - margin.left - margin.right;
  const height = margin.top + side + margin.bottom;
  const cells = narrow ? 26 : 40;
  const x = scaleLinear(input.domain, [margin.left, margin.left + side]);
  const y = scaleLinear(input.domain, [margin.top + side, margin.top]);
  const { counts, largest } = grid(input.teacher, input.reference, input.domain, cells);
  const size = side / cells;
  const rects = [...counts].map(([cell, n]) => {
    // Logarithmic shades: the densest cells hold hundreds of instances, and single ones should still be seen.
    const shade = Math.min(SHADES, 1 + Math.floor((SHADES * Math.log(n)) / Math.log(largest + 1)));
    const column = cell % cells;
    const row = Math.floor(cell / cells);
    return html`<rect class="${`shade-${shade}`}" x="${px(margin.left + column * size)}" y="${px(margin.top + side - (row + 1) * size)}" width="${px(size - 0.7)}" height="${px(size - 0.7)}"><title>${plural(n, "instance")}</title></rect>`;
  });
  const ticks = numberTicks(x, narrow ? 4 : 6);
  const body = html`${yGrid(y, ticks, margin.left, margin.left + side, "reference NLL", margin.top)}${rects}${diagonal(0, "equality", input.domain, x, y)}${
    input.cut === undefined ? nothing : diagonal(input.cut, "cut-line", input.domain, x, y)
  }${xAxis(x, ticks, margin.top + side, `teacher NLL, ${input.unit === "nats" ? "nats per token" : input.unit}`)}`;
  return svg(
    { width, height },
    "Teacher against reference",
    `${input.description} The fullest cell holds ${count(largest)} instances.`,
    body,
  );
}

/** The line reference = teacher + offset inside the square, labelled where there is room. */
function diagonal(
  offset: number,
  kind: "equality" | "cut-line",
  [low, high]: readonly [number, number],
  x: (value: number) => number,
  y: (value: number) => number,
): Safe {
  const from = Math.max(low, low - offset);
  const to = Math.min(high, high - offset);
  if (!(from < to)) return nothing;
  const text = kind === "equality" ? "equal NLL" : "cut: kept above";
  const at = to - (to - from) * (kind === "equality" ? 0.02 : 0.05);
  const label =
    kind === "equality"
      ? html`<text class="map-label" x="${px(x(at) - 2)}" y="${px(y(at) + 22)}" text-anchor="end">${text}</text>`
      : html`<text class="map-label" x="${px(x(at) - 12)}" y="${px(y(at + offset) + 2)}" text-anchor="end">${text}</text>`;
  return html`<path class="${kind}" d="M${px(x(from))} ${px(y(from + offset))}L${px(x(to))} ${px(y(to + offset))}"/>${label}`;
}

function grid(a: Float32Array, b: Float32Array, [low, high]: readonly [number, number], cells: number) {
  const counts = new Map<number, number>();
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const column = Math.floor(((a[i]! - low) / (high - low)) * cells);
    const row = Math.floor(((b[i]! - low) / (high - low)) * cells);
    if (!(column >= 0 && column < cells && row >= 0 && row < cells)) continue;
    const n = (counts.get(row * cells + column) ?? 0) + 1;
    counts.set(row * cells + column, n);
    if (n > largest) largest = n;
  }
  return { counts, largest };
}
