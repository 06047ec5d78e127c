import { InternalError } from "../../errors.ts";
import { clipped } from "../format.ts";
import { html, type Safe } from "../html.ts";

/** Widths charts are drawn at, in CSS pixels: the text column of a wide window, half of it, that of a phone, and one of several in a row. */
export const WIDTHS = { full: 1040, half: 500, phone: 350, small: 326 } as const;

/** Number of line styles (colour, dash, marker) of the palette; further series start again. */
export const SERIES = 6;

/** CSS class of a series: sets colour, dash and marker shape together. Undefined: of none. */
export function seriesClass(series: number | undefined): string {
  return series === undefined ? "series-none" : `series-${series % SERIES}`;
}

/** An SVG image with a name and a description for those who cannot see it. */
export function svg(size: { width: number; height: number }, title: string, description: string, body: Safe): Safe {
  return html`<svg viewBox="0 0 ${px(size.width)} ${px(size.height)}" role="img" aria-label="${`${title}. ${description}`}"><title>${title}</title><desc>${description}</desc>${body}</svg>`;
}

/** The same chart drawn for wide windows and paper, and for phones: the style sheet shows one of the two. */
export function responsive(draw: (width: number) => Safe, wide: number = WIDTHS.full): Safe {
  return html`<div class="wide">${draw(wide)}</div><div class="narrow">${draw(WIDTHS.phone)}</div>`;
}

/** A coordinate, to a tenth of a pixel. @throws InternalError for a coordinate that is no number */
export function px(value: number): number {
  if (!Number.isFinite(value)) throw new InternalError("coordinate is not a finite number");
  return Math.round(value * 10) / 10;
}

/** Width of a text in pixels, good enough for placing labels of the interface font. */
export function textWidth(text: string, size = 12): number {
  let width = 0;
  for (const c of text)
    width += /[ilj.,'|:;!()ftr ]/.test(c) ? 0.32 : /[mwMW@%]/.test(c) ? 0.86 : /[A-Z]/.test(c) ? 0.66 : 0.56;
  return width * size;
}

/** Text cut to `length` characters, and further until it is at most `room` pixels wide. */
export function fitted(text: string, length: number, room: number, size = 12): string {
  let shown = clipped(text, length);
  for (let n = length - 1; n > 3 && textWidth(shown, size) > room; n--) shown = clipped(text, n);
  return shown;
}

/** Moves labels apart so that neighbours keep `gap` pixels, each as near to its wish as the others allow, inside [low, high]. */
export function spread(wishes: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wishes.map((_, i) => i).sort((a, b) => wishes[a]! - wishes[b]!);
  const places = order.map((i) => wishes[i]!);
  for (let round = 0; round < 60; round++)
    for (let i = 1; i < places.length; i++) {
      const overlap = gap - (places[i]! - places[i - 1]!);
      if (overlap <= 0) continue;
      places[i - 1]! -= overlap / 2;
      places[i]! += overlap / 2;
    }
  const first = places[0];
  const last = places.at(-1);
  const shift = first !== undefined && first < low ? low - first : last !== undefined && last > high ? high - last : 0;
  const result = new Array<number>(wishes.length);
  order.forEach((i, place) => {
    result[i] = places[place]! + shift;
  });
  return result;
}

/** A small mark whose shape depends on the series, so that lines are told apart without colour. */
export function marker(series: number, x: number, y: number, radius = 3.2): Safe {
  const r = radius;
  const shapes = [
    () => html`<circle class="mark" cx="${px(x)}" cy="${px(y)}" r="${r}"/>`,
    () => html`<rect class="mark" x="${px(x - r)}" y="${px(y - r)}" width="${2 * r}" height="${2 * r}"/>`,
    () => html`<path class="mark" d="M${px(x)} ${px(y - r * 1.3)}l${r * 1.2} ${r * 2.2}h${-r * 2.4}z"/>`,
    () =>
      html`<path class="mark" d="M${px(x)} ${px(y - r * 1.4)}l${r * 1.4} ${r * 1.4}l${-r * 1.4} ${r * 1.4}l${-r * 1.4} ${-r * 1.4}z"/>`,
    () => html`<path class="mark" d="M${px(x)} ${px(y + r * 1.3)}l${r * 1.2} ${-r * 2.2}h${-r * 2.4}z"/>`,
    () => html`<path class="mark" d="M${px(x - r)} ${px(y - r)}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}"/>`,
  ];
  return shapes[series % SERIES]!();
}
