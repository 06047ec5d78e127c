import { scaleLinear } from "d3-scale";
import { area, curveBasis } from "d3-shape";
import { clipped, count, percent } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { numberTicks, xAxis } from "./axes.ts";
import { px, svg } from "./frame.ts";

/** One row: values of one source. */
export interface Ridge {
  source: string;
  instances: number;
  /** Share of the source's instances that were kept, where a selection is shown. */
  keptShare: number | undefined;
  /** Density at equal steps over the domain, in any unit common to the rows. */
  density: number[];
}

/** Smoothed density of values at `steps` points of a domain: histogram convolved with a normal kernel (Silverman's bandwidth). */
export function density(values: readonly number[], [low, high]: readonly [number, number], steps: number): number[] {
  const width = (high - low) / (steps - 1) || 1;
  const counts = new Array<number>(steps).fill(0);
  let sum = 0;
  let squares = 0;
  for (const value of values) {
    sum += value;
    squares += value * value;
    const bin = Math.round((value - low) / width);
    if (bin >= 0 && bin < steps) counts[bin]!++;
  }
  const n = Math.max(1, values.length);
  const deviation = Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2));
  const bandwidth = Math.max(width, 1.06 * deviation * n ** -0.2);
  const reach = Math.ceil((3 * bandwidth) / width);
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-0.5 * (((i - reach) * width) / bandwidth) ** 2),
  );
  const norm = kernel.reduce((total, k) => total + k, 0) * n * width;
  return counts.map((_, i) => kernel.reduce((total, k, j) => total + k * (counts[i + j - reach] ?? 0), 0) / norm);
}

/** Density of the score in each source, one row per source, with the cut through all of them. */
export function ridgelines(
  input: {
    rows: readonly Ridge[];
    domain: readonly [number, number];
    cut: number | undefined;
    unit: string;
    description: string;
  },
  width: number,
): Safe {
  const narrow = width < 400;
  const margin = { top: 26, bottom: 44, left: narrow ? 96 : 128, right: 48 };
  const rowHeight = 33;
  const height = margin.top + input.rows.length * rowHeight + 8 + margin.bottom;
  const x = scaleLinear(input.domain, [margin.left, width - margin.right]);
  const peak = Math.max(...input.rows.flatMap((row) => row.density), Number.MIN_VALUE);
  const { cut } = input;
  const showCut = cut !== undefined && cut >= input.domain[0] && cut <= input.domain[1];
  const body = html`${input.rows.map((row, i) =>
    ridge(row, margin.top + (i + 1) * rowHeight, { x, peak, rowHeight: rowHeight * 1.5, width, margin, narrow }),
  )}${
    showCut ? html`<g class="cut"><path d="M${px(x(cut))} ${margin.top - 8}V${height - margin.bottom}"/></g>` : nothing
  }${showCut ? html`<text class="cut-kept" x="${width}" y="14" text-anchor="end">kept</text>` : nothing}${xAxis(
    x,
    numberTicks(x, narrow ? 4 : 6),
    height - margin.bottom,
    `difference score, ${input.unit}`,
  )}`;
  return svg({ width, height }, "Difference score by source", input.description, body);
}

function ridge(
  row: Ridge,
  base: number,
  frame: {
    x: ReturnType<typeof scaleLinear<number, number>>;
    peak: number;
    rowHeight: number;
    width: number;
    margin: { left: number; right: number };
    narrow: boolean;
  },
): Safe {
  const { x, peak, rowHeight, width, margin, narrow } = frame;
  const [low, high] = x.domain() as [number, number];
  const step = (high - low) / Math.max(1, row.density.length - 1);
  const shape = area<number>()
    .x((_, i) => px(x(low + i * step)))
    .y0(px(base))
    .y1((value) => px(base - (value / peak) * rowHeight))
    .curve(curveBasis);
  const kept =
    row.keptShare === undefined
      ? nothing
      : html`<text class="row-value" x="${width}" y="${px(base - 4)}" text-anchor="end">${percent(row.keptShare)}</text>`;
  return html`<g class="ridge"><path d="${shape(row.density) ?? ""}"/><path class="ridge-base" d="M${margin.left} ${px(base)}H${width - margin.right}"/><text class="row-label" x="${margin.left - 10}" y="${px(base - 4)}" text-anchor="end">${clipped(row.source, narrow ? 13 : 18)}<title>${`${row.source}: ${count(row.instances)} instances`}</title></text>${kept}</g>`;
}
