import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { compact, nats } from "../format.ts";
import { html, type Safe } from "../html.ts";
import { numberTicks } from "./axes.ts";
import { px, seriesClass, svg } from "./frame.ts";

/** A small plot of training loss over tokens, on a loss axis shared with its neighbours. */
export function trainingPlot(input: {
  name: string;
  points: readonly { x: number; y: number }[];
  domain: readonly [number, number];
  series: number | undefined;
}): Safe {
  const [width, height] = [240, 132];
  const margin = { top: 8, right: 8, bottom: 20, left: 30 };
  const x = scaleLinear([0, input.points.at(-1)?.x ?? 1], [margin.left, width - margin.right]);
  const y = scaleLinear(input.domain, [height - margin.bottom, margin.top]);
  const path = line<{ x: number; y: number }>(
    (point) => px(x(point.x)),
    (point) => px(y(point.y)),
  );
  const end = input.points.at(-1)!;
  const body = html`<g class="grid">${numberTicks(y, 3).map(
    ({ value, label }) =>
      html`<path d="M${margin.left} ${px(y(value))}H${width - margin.right}"/><text x="${margin.left - 6}" y="${px(y(value) + 4)}" text-anchor="end">${label}</text>`,
  )}</g><g class="axis"><path d="M${margin.left} ${height - margin.bottom}H${width - margin.right}"/><text x="${margin.left}" y="${height - 5}">0</text><text x="${width - margin.right}" y="${height - 5}" text-anchor="end">${compact(end.x)} tokens</text></g><g class="${input.series === undefined ? "series-none" : seriesClass(input.series)}"><path class="mean-line" d="${path(input.points) ?? ""}"/></g>`;
  return svg(
    { width, height },
    `Training loss of ${input.name}`,
    `From ${nats(input.points[0]!.y, 2)} to ${nats(end.y, 2)} nats.`,
    body,
  );
}
