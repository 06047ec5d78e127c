import type {
  ComputeSavedInterval,
  NotCompared,
  ScalingEvaluation,
  StudentScaling,
} from "../../evaluate/scaling/record.ts";
import { responsive } from "../charts/frame.ts";
import { type ReferenceRow, referenceBars } from "../charts/reference_bars.ts";
import type { Findings } from "../findings.ts";
import {
  compact,
  count,
  flops,
  listed,
  nats,
  percent,
  percentInterval,
  percentTick,
  plain,
  plural,
  times,
  UNKNOWN,
} from "../format.ts";
import { html, nothing, type Safe } from "../html.ts";
import type { ReportData } from "../record.ts";
import { isShown, isWeak, savingIsClear, scalingInWords } from "../scaling_verdict.ts";
import { absent, details, figure, joined, note, type Section, stackedTable, table } from "../section.ts";
import { scalingFigures } from "./scaling_plot.ts";

/** Comparisons drawn as bars; all of them are in the table. */
const BARS = 24;

/** Longer tables of losses foretold start closed. */
const OPEN_ROWS = 12;

/** Scaling laws of the students' curves, what they foretell, and the compute saved at equal loss; none for runs that fitted none. */
export function scalingSection(data: ReportData, findings: Findings): Section[] {
  const { scaling } = data;
  if (scaling === undefined) return [];
  const { fits, skipped, computeSaved, notCompared = [] } = scaling;
  const shown = computeSaved.filter((one) => isShown(one, fits));
  return [
    {
      id: "scaling",
      title: "Scaling",
      lead: html`${scalingInWords(scaling)}`,
      body: joined(
        fits.length === 0 ? absent("No student's curve could be fitted.") : undefined,
        scalingFigures(fits, findings),
        fits.length === 0 ? undefined : constantsTable(fits),
        warnings(fits),
        extrapolations(fits),
        shown.length === 0 ? undefined : savedFigure(shown),
        computeSaved.length === 0 ? undefined : savedTable(computeSaved, fits),
        notCompared.length === 0 ? undefined : notComparedTable(notCompared),
        skipped.length === 0 ? undefined : skippedTable(skipped),
      ),
    },
  ];
}

function constantsTable(fits: readonly StudentScaling[]): Safe {
  const names = [...new Set(fits.flatMap(({ fit }) => fit.constants.map(({ name }) => name)))];
  return stackedTable(
    "Fitted constants with 95 % bootstrap intervals; loss in nats per token, compute in FLOPs",
    [
      { title: "Student" },
      { title: "Set" },
      ...names.map((name) => ({ title: name, numeric: true })),
      { title: "RMSE of log loss", numeric: true },
      { title: "Points", numeric: true },
      { title: "Resampled", numeric: true },
    ],
    fits.map(({ student, set, fit }) => [
      student,
      set,
      ...names.map((name) => {
        const constant = fit.constants.find((one) => one.name === name);
        if (constant === undefined) return UNKNOWN;
        const { value, interval } = constant;
        return html`${constantText(value)}${interval === null ? nothing : note(`${constantText(interval[0])} to ${constantText(interval[1])}`)}`;
      }),
      plain(fit.logRmse),
      html`${count(fit.points)}${fit.leftOut === 0 ? nothing : note(`${count(fit.leftOut)} of the warm-up left out`)}`,
      fit.resamples === 0 ? "no" : html`${count(fit.resamples)}${note(`of ${RESAMPLED[fit.resampled]}`)}`,
    ]),
  );
}

const RESAMPLED: Record<StudentScaling["fit"]["resampled"], string> = {
  points: "points",
  groups: "whole curves",
  residuals: "residuals",
};

/** A alone spans many powers of ten. */
function constantText(value: number): string {
  const size = Math.abs(value);
  return size >= 1e6 ? flops(value) : size >= 1000 ? count(value) : plain(value);
}

function warnings(fits: readonly StudentScaling[]): Safe | undefined {
  const told = new Map<string, string[]>();
  for (const { student, set, fit } of fits)
    for (const warning of fit.warnings) told.set(warning, [...(told.get(warning) ?? []), `${student} on ${set}`]);
  if (told.size === 0) return undefined;
  const all = (of: readonly string[]) => (of.length === fits.length && of.length > 1 ? `all ${of.length}` : listed(of));
  return html`<h3>Why the constants are weak</h3><ul class="notes">${[...told].map(([warning, of]) => html`<li>${warning} <span class="fine">(${all(of)})</span></li>`)}</ul>`;
}

function extrapolations(fits: readonly StudentScaling[]): Safe | undefined {
  const rows = fits.reduce((sum, one) => sum + one.extrapolations.length, 0);
  if (rows === 0) return undefined;
  return details("Losses the fits foretell as a table", extrapolationsTable(fits), rows <= OPEN_ROWS);
}

function extrapolationsTable(fits: readonly StudentScaling[]): Safe {
  return stackedTable(
    "Losses the fits foretell, nats per token",
    [
      { title: "Student" },
      { title: "Set" },
      { title: "At", numeric: true },
      { title: "Beyond the last measured", numeric: true },
      { title: "Loss", numeric: true },
      { title: "95 % interval", numeric: true },
    ],
    fits.flatMap(({ student, set, extrapolations }) =>
      extrapolations.map((one) => [
        student,
        set,
        placeInWords(one),
        times(one.beyond),
        nats(one.loss),
        one.interval === null ? UNKNOWN : `${nats(one.interval[0])} to ${nats(one.interval[1])}`,
      ]),
    ),
  );
}

function placeInWords({ flops: compute, parameters, tokens }: StudentScaling["extrapolations"][number]): string {
  return [
    ...(compute === undefined ? [] : [`${flops(compute)} FLOPs`]),
    ...(parameters === undefined ? [] : [`${compact(parameters)} parameters`]),
    ...(tokens === undefined ? [] : [`${compact(tokens)} tokens`]),
  ].join(", ");
}

/** A bar for each comparison: the share of compute that the better student did not need. */
function savedFigure(all: readonly ComputeSavedInterval[]): Safe {
  const shown = [...all].sort((a, b) => b.saved - a.saved).slice(0, BARS);
  const clear = shown.filter(({ interval }) => interval !== null && interval[0] > 0).length;
  const known = shown.filter(({ interval }) => interval !== null).length;
  const title =
    known === 0
      ? "Compute saved at equal loss (no intervals)"
      : `Compute saved at equal loss: ${clear} of ${plural(known, "interval")} ${clear === 1 ? "lies" : "lie"} above zero`;
  const sets = new Set(all.map(({ set }) => set)).size > 1;
  const ways = new Set(all.map(({ by }) => by)).size > 1;
  const label = ({ better, other, set, by }: ComputeSavedInterval) =>
    `${better} v. ${other}${sets ? `, ${set}` : ""}${ways && by === "fits" ? " (fits)" : ""}`;
  return figure(
    title,
    responsive((width) =>
      referenceBars(
        {
          rows: shown.map(
            (one): ReferenceRow => ({
              label: label(one),
              value: one.saved,
              interval: one.interval ?? undefined,
              from: 0,
            }),
          ),
          better: "higher",
          axisTitle: "training compute saved at equal loss",
          title: "Compute saved at equal loss",
          description: `${title}. ${shown.map((one) => `${label(one)}: ${percent(one.saved, 1)}${one.interval === null ? "" : ` (${percentInterval(one.interval)})`}.`).join(" ")}`,
          figure: (value) => percent(value, 1),
          tick: percentTick,
        },
        width,
      ),
    ),
    `How much less training compute the first-named student needs for the final loss of the second-named. Whiskers: 95 % over resampled pairs of seeds${ways ? ", or of the two fits" : ""}; a student with one seed has none.${ways ? " “Fits”: where the fitted laws reach the loss, which may lie beyond all that was measured." : ""}${shown.length < all.length ? ` The ${BARS} largest of ${all.length}.` : ""}`,
  );
}

function savedTable(all: readonly ComputeSavedInterval[], fits: readonly StudentScaling[]): Safe {
  return details(
    "Compute saved at equal loss as a table",
    table(
      "Compute at which the better student has the other's loss",
      [
        { title: "Comparison" },
        { title: "Set" },
        { title: "By" },
        { title: "Loss", numeric: true },
        { title: "FLOPs", numeric: true },
        { title: "Other's FLOPs", numeric: true },
        { title: "Saved", numeric: true },
        { title: "95 % interval", numeric: true },
        { title: "Reached", numeric: true },
      ],
      all.map((one) => [
        `${one.better} v. ${one.other}`,
        one.set,
        one.by === "curves" ? "measured curves" : "fitted laws",
        nats(one.targetLoss),
        flops(one.flops.better),
        flops(one.flops.other),
        html`${
          one.by === "fits" && one.resamples > 0 && !savingIsClear(one)
            ? "not to be told"
            : `${one.bound ? "at least " : ""}${percent(one.saved, 1)}`
        }${isWeak(one, fits) ? note("weak constants") : nothing}`,
        one.interval === null ? UNKNOWN : percentInterval(one.interval),
        one.resamples === 0 ? UNKNOWN : `${count(one.reached)} of ${count(one.resamples)}`,
      ]),
    ),
  );
}

function notComparedTable(all: readonly NotCompared[]): Safe {
  return table(
    "Not compared",
    [{ title: "Students" }, { title: "Set" }, { title: "By" }, { title: "FLOPs", numeric: true }, { title: "Why" }],
    all.map(({ first, second, set, by, flops: at, why }) => [
      `${first} v. ${second}`,
      set,
      by === "curves" ? "measured curves" : "fitted laws",
      at === undefined ? UNKNOWN : flops(at),
      why,
    ]),
  );
}

function skippedTable(skipped: ScalingEvaluation["skipped"]): Safe {
  return table(
    "Not fitted",
    [{ title: "Student" }, { title: "Set" }, { title: "Why" }],
    skipped.map(({ student, set, why }) => [student, set, why]),
  );
}
