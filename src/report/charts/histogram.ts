import { scaleLinear } from "d3-scale";
import { line } from "d3-shape";
import { count, nats, percent, signed } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { numberTicks, xAxis, yGrid } from "./axes.ts";
import { px, svg } from "./frame.ts";

/** Equal-width bins of a score: the bin i reaches from edges[i] to edges[i+1]. */
export interface Bins {
  edges: number[];
  counts: number[];
  /** Values below the first and above the last edge. */
  below: number;
  above: number;
}

/** Bins values over a range; what lies outside is counted, not drawn. */
export function binned(values: Float32Array, [low, high]: readonly [number, number], bins: number): Bins {
  const width = (high - low) / bins || 1;
  const result: Bins = {
    edges: Array.from({ length: bins + 1 }, (_, i) => low + i * width),
    counts: new Array<number>(bins).fill(0),
    below: 0,
    above: 0,
  };
  for (const value of values) {
    const bin = Math.floor((value - low) / width);
    if (bin >= 0 && bin < bins) result.counts[bin]!++;
    else if (value === high) result.counts[bins - 1]!++;
    else if (bin < 0) result.below++;
    else if (bin >= bins) result.above++;
  }
  return result;
}

/** Bars of a score with the cut and, below on the same axis, the share of instances up to each value. */
export function scoreHistogram(
  input: { bins: Bins; cut: number | undefined; unit: string; description: string },
  width: number,
): Safe {
  const { bins, cut } = input;
  const narrow = width < 400;
  const margin = { right: 16, left: 52 };
  const [top, bars, gap, cumulative] = narrow ? [52, 180, 26, 70] : [52, 210, 30, 84];
  const height = top + bars + gap + cumulative + 44;
  const x = scaleLinear([bins.edges[0]!, bins.edges.at(-1)!], [margin.left, width - margin.right]);
  const y = scaleLinear([0, Math.max(1, ...bins.counts)], [top + bars, top]);
  const share = scaleLinear([0, 1], [top + bars + gap + cumulative, top + bars + gap]);
  const total = bins.below + bins.above + bins.counts.reduce((sum, n) => sum + n, 0);
  const shares = cumulativeShares(bins, total);
  const path = line<[number, number]>(
    ([value]) => px(x(value)),
    ([, part]) => px(share(part)),
  );
  const body = html`${yGrid(y, numberTicks(y, 4, count), margin.left, width - margin.right, "instances", top)}${bins.counts.map(
    (n, i) => bar(n, bins.edges[i]!, bins.edges[i + 1]!, cut, x, y),
  )}<path class="baseline" d="M${margin.left} ${px(y(0))}H${width - margin.right}"/>${yGrid(
    share,
    [0, 0.5, 1].map((value) => ({ value, label: percent(value) })),
    margin.left,
    width - margin.right,
    "",
    top + bars + gap,
  )}<path class="cumulative" d="${path(shares) ?? ""}"/>${cut === undefined ? nothing : cutMark(cut, shares, { x, share, top, narrow })}${xAxis(
    x,
    numberTicks(x, narrow ? 5 : 9),
    top + bars + gap + cumulative,
    `difference score: reference NLL − teacher NLL, ${input.unit}`,
  )}`;
  return svg({ width, height }, "Histogram of the difference score", input.description, body);
}

type Linear = ReturnType<typeof scaleLinear<number, number>>;

/** One bar; the bar that the cut falls into is drawn in two parts. */
function bar(n: number, from: number, to: number, cut: number | undefined, x: Linear, y: Linear): Safe {
  if (n === 0) return nothing;
  const part = (a: number, b: number, kind: string) => {
    const left = x(a) + 0.6;
    const right = Math.max(left + 0.2, x(b) - 0.6);
    return html`<rect class="${kind}" x="${px(left)}" y="${px(y(n))}" width="${px(right - left)}" height="${px(y(0) - y(n))}"><title>${`${nats(a, 2)} to ${nats(b, 2)}: ${count(n)} instances`}</title></rect>`;
  };
  if (cut === undefined) return part(from, to, "bar-neutral");
  if (cut <= from) return part(from, to, "bar-kept");
  if (cut >= to) return part(from, to, "bar-dropped");
  return html`${part(from, cut, "bar-dropped")}${part(cut, to, "bar-kept")}`;
}

function cumulativeShares(bins: Bins, total: number): [number, number][] {
  let sum = bins.below;
  const points: [number, number][] = [[bins.edges[0]!, sum / Math.max(1, total)]];
  bins.counts.forEach((n, i) => {
    sum += n;
    points.push([bins.edges[i + 1]!, sum / Math.max(1, total)]);
  });
  return points;
}

function cutMark(
  cut: number,
  shares: [number, number][],
  { x, share, top, narrow }: { x: Linear; share: Linear; top: number; narrow: boolean },
): Safe {
  const [low, high] = x.domain() as [number, number];
  if (cut < low || cut > high) return nothing;
  const at = x(cut);
  const i = Math.max(
    1,
    shares.findIndex(([value]) => value >= cut),
  );
  const [[x0, s0], [x1, s1]] = [shares[i - 1]!, shares[i]!];
  const below = s0 + ((cut - x0) / (x1 - x0 || 1)) * (s1 - s0);
  return html`<g class="cut"><path d="M${px(at)} ${top - 14}V${px(share(0))}"/><text class="cut-kept" x="${px(at + 8)}" y="${top - 20}">kept →</text><text class="cut-dropped" x="${px(at - 8)}" y="${top - 20}" text-anchor="end">← left out</text><text class="cut-value" x="${px(at + 8)}" y="${top - 5}">${narrow ? signed(cut) : `cut at ${signed(cut)}`}</text><circle class="cut-point" cx="${px(at)}" cy="${px(share(below))}" r="3.5"/><text class="cut-value" x="${px(at + 8)}" y="${px(share(below) + 15)}">${percent(below)} left out</text></g>`;
}
