import type { Evaluation } from "../../evaluate/record.ts";
import type { Group } from "../cast.ts";
import { responsive } from "../charts/frame.ts";
import { type ReferenceRow, referenceBars } from "../charts/reference_bars.ts";
import type { Contrast, Findings } from "../findings.ts";
import { count, nats, plural, signed } from "../format.ts";
import { html, type Safe } from "../html.ts";
import { details, figure, joined, table } from "../section.ts";

/** Sources drawn as bars; all of them are in the table. */
const BARS = 24;

interface SourceLosses {
  source: string;
  instances: number;
  /** Mean over the seeds of a group; NaN where it was not measured here. */
  of(group: Group): number;
  /** Gains of a contrast, one for each seed that both have. */
  gains(contrast: Contrast): number[];
}

/** Losses by source on one set, from where the first student under test gains most to where it loses most. */
export function lossesBySource(evaluation: Evaluation, findings: Findings, set: string): Safe {
  const contrasts = findings.headline.filter((one) => one.set === set && one.unit === "nats_per_token");
  const gain = (row: SourceLosses) => gainOf(contrasts[0]!, row);
  const rows = sourceLosses(evaluation, findings, set);
  if (contrasts.length > 0) rows.sort((a, b) => gain(b) - gain(a));
  const [only, ...others] = contrasts;
  const first = only !== undefined && others.length === 0 && rows.length > 1 ? gainFigure(only, rows) : undefined;
  return joined(
    first,
    details(html`Loss by source on <span class="set">${set}</span>`, sourceTable(rows, findings, contrasts, set)),
  );
}

function sourceLosses({ losses }: Evaluation, { cast }: Findings, set: string): SourceLosses[] {
  const here = losses.filter((loss) => loss.set === set);
  const instances = new Map(here.flatMap((loss) => loss.bySource.map((row) => [row.source, row.instances] as const)));
  const measured = here.flatMap((loss) => {
    const member = cast.member(loss.model);
    return member === undefined
      ? []
      : [{ ...member, bySource: new Map(loss.bySource.map((row) => [row.source, row.loss])) }];
  });
  return [...instances].map(([source, of]) => {
    const seedsOf = (group: Group) =>
      measured.flatMap((one) => {
        const loss = one.bySource.get(source);
        return one.group !== group || loss === undefined ? [] : [{ seed: one.seed, loss }];
      });
    return {
      source,
      instances: of,
      of: (group) => {
        const seeds = seedsOf(group);
        return seeds.reduce((sum, { loss }) => sum + loss, 0) / seeds.length;
      },
      gains: ({ treatment, baseline }) => {
        const other = new Map(seedsOf(baseline).map(({ seed, loss }) => [seed, loss]));
        return seedsOf(treatment).flatMap(({ seed, loss }) => (other.has(seed) ? [other.get(seed)! - loss] : []));
      },
    };
  });
}

function gainOf({ treatment, baseline }: Contrast, row: SourceLosses): number {
  return row.of(baseline) - row.of(treatment);
}

function gainFigure(contrast: Contrast, rows: readonly SourceLosses[]): Safe | undefined {
  const known = rows.filter((row) => Number.isFinite(gainOf(contrast, row)));
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || first === last) return undefined;
  const shown = known.length <= BARS ? known : [...known.slice(0, BARS / 2), ...known.slice(-BARS / 2)];
  const { set, treatment, baseline } = contrast;
  const lower = known.filter((row) => gainOf(contrast, row) > 0).length;
  const title = `${set}: ${treatment.name} is lower on ${lower} of ${plural(known.length, "source")}, most on ${first.source}`;
  const dots = shown.some((row) => row.gains(contrast).length > 1);
  return figure(
    title,
    responsive((width) =>
      referenceBars(
        {
          rows: shown.map((row): ReferenceRow => {
            const gains = row.gains(contrast);
            return {
              label: `${row.source} (${count(row.instances)})`,
              value: gainOf(contrast, row),
              interval: undefined,
              from: 0,
              dots: gains.length > 1 ? gains : [],
            };
          }),
          better: "higher",
          axisTitle: "reduction of the held-out loss, nats per token",
          title: `Reduction of the loss by source on ${set}`,
          description: `${title}. ${shown.map((row) => `${row.source} ${signed(gainOf(contrast, row))}.`).join(" ")}`,
          figure: (value) => signed(value),
        },
        width,
      ),
    ),
    `Bars: loss of ${baseline.name} less that of ${treatment.name}, means over seeds; solid to the right is lower, outlined to the left is higher.${dots ? " Dots: single seeds." : ""} In brackets: instances, of which some sources have few.${shown.length < known.length ? ` The ${BARS / 2} sources with the most and the least reduction of ${known.length}.` : ""}`,
  );
}

function sourceTable(
  rows: readonly SourceLosses[],
  { cast }: Findings,
  contrasts: readonly Contrast[],
  set: string,
): Safe {
  const [contrast, ...others] = contrasts;
  if (others.length > 0)
    return table(
      `Reduction of the held-out loss by source on ${set}, baseline − student, nats per token, means over seeds`,
      [
        { title: "Source" },
        { title: "Instances", numeric: true },
        ...contrasts.map(({ treatment }) => ({ title: treatment.name, numeric: true })),
      ],
      rows.map((row) => [row.source, count(row.instances), ...contrasts.map((one) => signed(gainOf(one, row)))]),
    );
  return table(
    `Held-out loss by source on ${set}, means over seeds`,
    [
      { title: "Source" },
      { title: "Instances", numeric: true },
      ...cast.groups.map((group) => ({ title: group.name, numeric: true })),
      ...(contrast === undefined
        ? []
        : [{ title: `${contrast.baseline.name} − ${contrast.treatment.name}`, numeric: true }]),
    ],
    rows.map((row) => [
      row.source,
      count(row.instances),
      ...cast.groups.map((group) => nats(row.of(group))),
      ...(contrast === undefined ? [] : [signed(gainOf(contrast, row))]),
    ]),
  );
}
