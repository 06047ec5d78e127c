import { type ScaleLinear, type ScaleLogarithmic, scaleLinear, scaleLog } from "d3-scale";
import type { Cost } from "../curves.ts";
import { compact, powerOfTen } from "../format.ts";
import { html, type Safe } from "../html.ts";
import { px } from "./frame.ts";

/** A scale with ticks: linear or logarithmic. */
export type Scale = ScaleLinear<number, number> | ScaleLogarithmic<number, number>;

/** A tick: where, and what it says. */
export interface Tick {
  value: number;
  label: string;
}

/** Logarithmic where the values span a factor of four or more, else linear. */
export function costScale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const [low, high] = domain;
  return low > 0 && high / low >= 4 ? scaleLog(domain, range) : scaleLinear([low, high], range);
}

/** Ticks of a linear scale in the fewest digits that tell them apart. */
export function numberTicks(scale: Scale, wanted: number, label?: (value: number) => string): Tick[] {
  const values = scale.ticks(wanted);
  const format = scale.tickFormat(wanted);
  return values.map((value) => ({ value, label: label?.(value) ?? format(value) }));
}

/** Ticks for FLOPs or tokens: 1, 2 and 5 times powers of ten, thinned to what fits. */
export function costTicks(scale: Scale, wanted: number, cost: Cost): Tick[] {
  const [low, high] = scale.domain() as [number, number];
  const costLabel = cost === "flops" ? flopsLabel : tokensLabel;
  if (!("base" in scale)) return numberTicks(scale, wanted, costLabel);
  for (const mantissas of [[1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]) {
    const values: number[] = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
      for (const m of mantissas)
        if (m * 10 ** e >= low * 0.999 && m * 10 ** e <= high * 1.001) values.push(m * 10 ** e);
    if (values.length <= wanted || mantissas.length === 1)
      return values.map((value) => ({ value, label: costLabel(value) }));
  }
  return [];
}

/** Title of an axis of training cost. */
export function costTitle(cost: Cost): string {
  return cost === "flops" ? "training compute, FLOPs" : "training tokens";
}

function tokensLabel(value: number): string {
  return compact(value).replace(/\.0+(?=\D|$)|(?<=\.\d)0(?=\D|$)/, "");
}

function flopsLabel(value: number): string {
  if (value < 1000) return String(value);
  const exponent = Math.floor(Math.log10(value) + 1e-9);
  const mantissa = Number((value / 10 ** exponent).toPrecision(3));
  return mantissa === 1 ? powerOfTen(exponent) : `${mantissa}·${powerOfTen(exponent)}`;
}

/** Horizontal axis below a plot: base line, ticks, and a title at its right end. */
export function xAxis(scale: Scale, ticks: readonly Tick[], y: number, title: string): Safe {
  const [left, right] = scale.range() as [number, number];
  return html`<g class="axis"><path d="M${px(left)} ${px(y)}H${px(right)}"/>${ticks.map(
    ({ value, label }) =>
      html`<path d="M${px(scale(value))} ${px(y)}v5"/><text x="${px(scale(value))}" y="${px(y + 18)}" text-anchor="middle">${label}</text>`,
  )}<text class="axis-title" x="${px(right)}" y="${px(y + 36)}" text-anchor="end">${title}</text></g>`;
}

/** Horizontal grid lines with their values at the left; the title stands above the topmost one. */
export function yGrid(
  scale: Scale,
  ticks: readonly Tick[],
  left: number,
  right: number,
  title: string,
  top: number,
): Safe {
  return html`<g class="grid">${ticks.map(
    ({ value, label }) =>
      html`<path d="M${px(left)} ${px(scale(value))}H${px(right)}"/><text x="${px(left - 8)}" y="${px(scale(value) + 4)}" text-anchor="end">${label}</text>`,
  )}<text class="axis-title" x="${px(Math.max(2, left - 40))}" y="${px(top - 12)}">${title}</text></g>`;
}
