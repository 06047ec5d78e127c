import type { ComputeSavedInterval, ScalingEvaluation, StudentScaling } from "../evaluate/scaling/record.ts";
import { listed, percent, percentInterval, plural } from "./format.ts";

/** What was fitted, how far it can be trusted, and the compute saved, in sentences of plain text. */
export function scalingInWords({ fits, computeSaved }: ScalingEvaluation): string {
  const laws = [...new Set(fits.map(({ fit }) => LAWS[fit.law]))];
  const weak = fits.filter(({ fit }) => fit.warnings.length > 0).length;
  const trust =
    weak === 0
      ? ""
      : ` ${weak === fits.length ? (weak === 1 ? "Its constants are weak" : "The constants of all of them are weak") : `The constants of ${weak} of them are weak`}, for the reasons below: read the curves, not the constants.`;
  const measured = computeSaved.filter(({ by }) => by === "curves");
  const clear = measured.filter(({ interval }) => interval !== null && interval[0] > 0).length;
  const saved =
    measured.length === 0
      ? ""
      : measured.length === 1
        ? ` ${savedInWords(measured[0]!)}`
        : ` Of ${measured.length} comparisons at equal loss, ${clear === 0 ? "none has" : clear === 1 ? "one has" : `${clear} have`} an interval of the compute saved above zero.`;
  const fitted =
    fits.length === 0
      ? ""
      : `${listed(laws)} fitted to ${plural(fits.length, "loss curve")} (over seeds, where there are several).`;
  return `${fitted}${trust}${saved}`.trim() || "Nothing could be fitted.";
}

/** Whether the interval of a saving leaves 0 out. */
export function savingIsClear({ interval }: ComputeSavedInterval): boolean {
  return interval !== null && (interval[0] > 0 || interval[1] < 0);
}

/** Whether a saving may stand in a heading or a picture: one that was measured, or one of fits that are not weak and leave 0 out. */
export function isShown(one: ComputeSavedInterval, fits: readonly StudentScaling[]): boolean {
  return one.by === "curves" || (savingIsClear(one) && !isWeak(one, fits));
}

/** Whether a saving is read off fits that carry warnings. */
export function isWeak({ by, set, better, other }: ComputeSavedInterval, fits: readonly StudentScaling[]): boolean {
  return (
    by === "fits" &&
    fits.some(
      ({ student, set: on, fit }) => on === set && (student === better || student === other) && fit.warnings.length > 0,
    )
  );
}

const LAWS = { compute: "L(C) = A / Cᵃ + E", size_and_data: "L(N, D) = A / Nᵃ + B / Dᵇ + E" } as const;

function savedInWords({ better, other, set, saved, bound, interval }: ComputeSavedInterval): string {
  const range = interval === null ? "no interval" : `95 % interval ${percentInterval(interval)}`;
  return `“${better}” reaches the final loss of “${other}” on ${set} with ${bound ? "at least " : ""}${percent(saved)} less compute (${range}).`;
}
