import type { Extrapolation, StudentScaling } from "../../evaluate/scaling/record.ts";
import type { Cast } from "../cast.ts";
import { responsive, SERIES, WIDTHS } from "../charts/frame.ts";
import { scalingChart } from "../charts/scaling.ts";
import type { Findings } from "../findings.ts";
import { flops, nats } from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import { figure } from "../section.ts";

/** The fitted curves set by set, as many students in a picture as the palette tells apart; nothing where no law is one of compute alone. */
export function scalingFigures(fits: readonly StudentScaling[], { cast }: Findings): Safe {
  const drawn = fits.filter(({ fit }) => fit.band.length > 0);
  const plots = [...new Set(drawn.map(({ set }) => set))].flatMap((set) =>
    chunked(
      drawn.filter((one) => one.set === set),
      cast,
    ).map((members, part) => ({ set, members, title: part === 0 })),
  );
  if (plots.length === 0) return nothing;
  const width = plots.length === 1 ? WIDTHS.full : WIDTHS.half;
  return html`<div class="${plots.length === 1 ? "charts-one" : "charts-two"}">${plots.map(({ set, members, title }) =>
    figure(
      title ? foretold(set, drawn) : `${set}, further students`,
      responsive((at) => scalingChart({ set, fits: members, series: seriesOf(members, cast) }, at), width),
      `Marks: measured held-out loss. Lines: the fitted law; dotted where it goes beyond what was measured.${members.some(({ fit }) => fit.resamples > 0) ? " Bands: 95 %, bootstrap." : ""}`,
    ),
  )}</div>`;
}

/** More students than the palette has in several pictures, in each what others are held against. */
function chunked(fits: readonly StudentScaling[], cast: Cast): StudentScaling[][] {
  if (fits.length <= SERIES) return [[...fits]];
  const baselines = new Set(cast.lineups.map(({ baseline }) => baseline.name));
  const kept = fits.filter(({ student }) => baselines.has(student)).slice(0, 1);
  const others = fits.filter((one) => !kept.includes(one));
  const room = SERIES - kept.length;
  return Array.from({ length: Math.ceil(others.length / room) }, (_, i) => [
    ...kept,
    ...others.slice(i * room, (i + 1) * room),
  ]);
}

/** Each student in its own colour, if all have one and no two the same. */
function seriesOf(fits: readonly StudentScaling[], { groups }: Cast): number[] {
  const own = fits.flatMap(({ student }) => groups.find(({ name }) => name === student)?.series ?? []);
  const told = own.length === fits.length && new Set(own.map((series) => series % SERIES)).size === fits.length;
  return told ? own : fits.map((_, i) => i);
}

/** Who is foretold lowest furthest out, and whether the intervals allow to say so. */
function foretold(set: string, fits: readonly StudentScaling[]): string {
  const here = fits.flatMap(({ student, set: of, extrapolations }) => {
    const last = extrapolations.reduce<Extrapolation | undefined>(
      (far, one) => (far === undefined || one.beyond > far.beyond ? one : far),
      undefined,
    );
    return of !== set || last?.flops === undefined ? [] : [{ student, ...last, flops: last.flops }];
  });
  const [lowest, ...others] = [...here].sort((a, b) => a.loss - b.loss);
  if (lowest === undefined || new Set(here.map((one) => one.flops)).size > 1) return `${set}: the fitted laws`;
  if (fits.some((one) => one.set === set && one.fit.warnings.length > 0))
    return `${set}: the fitted laws, their constants weak`;
  const at = `${set}: at ${flops(lowest.flops)} FLOPs ${lowest.student} is foretold ${nats(lowest.loss)}`;
  if (others.length === 0) return at;
  const clear = others.every(
    ({ interval }) => interval !== null && lowest.interval !== null && lowest.interval[1] < interval[0],
  );
  return `${at}, the lowest, ${clear ? "clear of the other intervals" : "but its interval is not clear of the others"}`;
}
