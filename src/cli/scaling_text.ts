import { LAWS } from "../evaluate/scaling/law.ts";
import type {
  ComputeSavedInterval,
  Extrapolation,
  ScalingEvaluation,
  StudentScaling,
} from "../evaluate/scaling/record.ts";

/** A scaling evaluation as text for a terminal: each fit with its constants, extrapolations and warnings, then the compute saved. */
export function scalingText({ fits, skipped, computeSaved }: ScalingEvaluation): string {
  const saved = computeSaved.map((one) => `  ${savedSentence(one)}`);
  return [
    ...fits.flatMap(fitLines),
    ...skipped.map(({ student, set, why }) => `${student} on ${set}: not fitted, ${why}`),
    ...(saved.length === 0 ? [] : ["compute saved at equal loss:", ...saved]),
  ].join("\n");
}

function fitLines({ student, set, fit, extrapolations }: StudentScaling): string[] {
  const curves =
    fit.curves === null ? "trainings" : fit.curves === 1 ? "points of one curve" : `points of ${fit.curves} curves`;
  const from =
    fit.from === 0
      ? ""
      : fit.from < 1
        ? `, from ${percent(fit.from)} of the compute on`
        : `, from ${figure(fit.from)} FLOPs on`;
  const drawn = { groups: "curves", points: "trainings", residuals: "blocks of residuals" }[fit.resampled];
  const intervals = fit.resamples === 0 ? "no intervals" : `95 % intervals of ${fit.resamples} resamples of ${drawn}`;
  return [
    `${student} on ${set}: ${LAWS[fit.law].formula}, ${fit.points} ${curves}${from} (${fit.leftOut} left out), ${intervals}`,
    ...fit.constants.map(({ name, value, interval }) => `  ${name}  ${figure(value)}${range(interval, figure)}`),
    `  residuals of log loss  ${figure(fit.logRmse)} (RMS)`,
    ...extrapolations.map(
      (at) => `  loss at ${place(at)}  ${at.loss.toFixed(4)}${range(at.interval, (x) => x.toFixed(4))}`,
    ),
    ...fit.warnings.map((warning) => `  warning: ${warning}`),
  ];
}

/** What was saved, in a sentence with its interval. */
function savedSentence(one: ComputeSavedInterval): string {
  const { set, better, other, by, targetLoss, flops, saved, bound, interval, reached, resamples } = one;
  const share = `${bound ? "at least " : ""}${percent(Math.abs(saved))} ${saved < 0 ? "more" : "less"} compute`;
  const how =
    by === "curves"
      ? `reaches ${other}'s final loss of ${targetLoss.toFixed(3)} on ${set}`
      : `has by the fits ${other}'s loss of ${targetLoss.toFixed(3)} at ${figure(flops.other)} FLOPs on ${set}`;
  const open =
    resamples === 0
      ? ", no interval (one seed, or no resamples)"
      : `, no interval: the loss was reached in ${reached} of ${resamples} resamples`;
  return `${better} ${how} with ${share} (${(flops.other / flops.better).toFixed(2)} times as efficient)${interval === null ? open : range(interval, percent)}`;
}

function place({ flops, parameters, tokens, beyond }: Extrapolation): string {
  const at =
    flops === undefined ? `${figure(parameters!)} parameters, ${figure(tokens!)} tokens` : `${figure(flops)} FLOPs`;
  return `${at} (${beyond < 9.95 ? beyond.toFixed(1) : beyond.toFixed(0)} times the largest measured)`;
}

function range(interval: readonly [number, number] | null, shown: (value: number) => string): string {
  return interval === null ? "" : `  [${shown(interval[0])}, ${shown(interval[1])}]`;
}

/** Four digits; powers of ten for what is large or small. */
function figure(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && (size >= 1e5 || size < 1e-3)
    ? value.toExponential(2).replace("e+", "e")
    : Number(value.toPrecision(4)).toString();
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}
