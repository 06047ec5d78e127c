import { scaleLinear } from "d3-scale";
import { clipped, count, percent } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { xAxis } from "./axes.ts";
import { px, svg } from "./frame.ts";

/** Kept part of one source. */
export interface KeptRow {
  source: string;
  kept: number;
  total: number;
  /** Kept share under the random baseline, where the run has one. */
  chance: number | undefined;
}

/** Share kept of each source as bars that start at the overall share: right is over-, left is under-represented. */
export function keptBars(
  input: { rows: readonly KeptRow[]; overall: number; description: string },
  width: number,
): Safe {
  const narrow = width < 400;
  const margin = { top: 30, right: narrow ? 46 : 190, bottom: 44, left: narrow ? 96 : 170 };
  const rowHeight = narrow ? 26 : 28;
  const height = margin.top + input.rows.length * rowHeight + margin.bottom;
  const x = scaleLinear([0, 1], [margin.left, width - margin.right]);
  const bottom = height - margin.bottom;
  const body = html`<g class="columns">${[0.25, 0.5, 0.75, 1].map((value) => html`<path d="M${px(x(value))} ${margin.top}V${bottom}"/>`)}</g>${input.rows.map(
    (row, i) =>
      keptRow(row, input.overall, margin.top + i * rowHeight + rowHeight / 2, { x, width, left: margin.left, narrow }),
  )}<g class="cut"><path d="M${px(x(input.overall))} ${margin.top - 8}V${bottom}"/><text class="cut-value" x="${px(x(input.overall))}" y="${margin.top - 14}" text-anchor="middle">overall ${percent(input.overall)}</text></g>${xAxis(
    x,
    [0, 0.25, 0.5, 0.75, 1].map((value) => ({ value, label: percent(value) })),
    bottom,
    "share of the source's instances kept",
  )}`;
  return svg({ width, height }, "Kept share by source", input.description, body);
}

function keptRow(
  row: KeptRow,
  overall: number,
  middle: number,
  frame: { x: (value: number) => number; width: number; left: number; narrow: boolean },
): Safe {
  const { x, width, left, narrow } = frame;
  const share = row.total === 0 ? 0 : row.kept / row.total;
  const [from, to] = share < overall ? [share, overall] : [overall, share];
  const side = share < overall ? "bar-under" : "bar-over";
  const figures = narrow ? percent(share) : `${percent(share)} · ${count(row.kept)} of ${count(row.total)}`;
  return html`<g><title>${`${row.source}: ${count(row.kept)} of ${count(row.total)} kept`}</title><text class="row-label" x="${left - 10}" y="${px(middle + 4)}" text-anchor="end">${clipped(row.source, narrow ? 13 : 24)}</text><rect class="${side}" x="${px(x(from))}" y="${px(middle - 7)}" width="${px(Math.max(1, x(to) - x(from)))}" height="14"/>${
    row.chance === undefined
      ? nothing
      : html`<circle class="chance" cx="${px(x(row.chance))}" cy="${px(middle)}" r="4"/>`
  }<text class="row-value" x="${narrow ? width : px(x(1) + 14)}" y="${px(middle + 4)}" text-anchor="${narrow ? "end" : "start"}">${figures}</text></g>`;
}
