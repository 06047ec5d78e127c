import { LAWS } from "../evaluate/scaling/law.ts";
import type {
  ComputeSavedInterval,
  Extrapolation,
  NotCompared,
  ScalingEvaluation,
  StudentScaling,
} from "../evaluate/scaling/record.ts";
import { jointWarnings } from "../evaluate/scaling/weaknesses.ts";
import { savingIsClear } from "../report/scaling_verdict.ts";

/** A scaling evaluation as text for a terminal: each fit with its constants, extrapolations and warnings, then the compute saved. */
export function scalingText({ fits, skipped, computeSaved, notCompared = [] }: ScalingEvaluation): string {
  const saved = [
    ...computeSaved.map((one) => `  ${one.by === "curves" ? byCurves(one) : byFits(one, fits)}`),
    ...notCompared.map((one) => `  ${untold(one)}`),
  ];
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

/** What the measured curves saved: measured it is, whether or not other seeds would show it. */
function byCurves(one: ComputeSavedInterval): string {
  const { set, better, other, targetLoss, bound, interval, resamples } = one;
  const share = `${bound ? "at least " : ""}${lessOrMore(one)}`;
  const told = resamples === 0 || savingIsClear(one) ? ` (${efficiency(one)})` : "";
  const known =
    resamples === 0
      ? ", no interval (one seed, or no resamples)"
      : interval === null
        ? `; no interval: ${missed(one)}`
        : `${told === "" ? "; no saving can be told from the noise of seeds:" : ""}${range(interval, percent)}`;
  return `by curves ${better} reaches ${other}'s final loss of ${targetLoss.toFixed(3)} on ${set} with ${share}${told}${known}`;
}

/** What the fits say was saved, where they can, with what makes them weak. */
function byFits(one: ComputeSavedInterval, fits: readonly StudentScaling[]): string {
  const { set, better, other, targetLoss, flops, interval, resamples } = one;
  const named = [better, other].flatMap((name) =>
    fits.filter(({ student, set: on }) => student === name && on === set).map(({ fit }) => ({ name, ...fit })),
  );
  const warnings = jointWarnings(named);
  const weak = warnings.length === 0 ? "" : `; warning: ${warnings.join("; ")}`;
  const at = `at ${figure(flops.other)} FLOPs on ${set}`;
  if (resamples > 0 && !savingIsClear(one))
    return `by fits no saving of ${better} over ${other} can be told ${at}: ${interval === null ? missed(one) : `its interval covers 0${range(interval, percent)}`}${weak}`;
  const known = interval === null ? ", no interval (no resamples)" : range(interval, percent);
  return `by fits ${better} has ${other}'s loss of ${targetLoss.toFixed(3)} ${at} with ${lessOrMore(one)} (${efficiency(one)})${known}${weak}`;
}

function untold({ set, first, second, by, flops, why }: NotCompared): string {
  return `by ${by} ${first} and ${second} on ${set}${flops === undefined ? "" : ` at ${figure(flops)} FLOPs`}: not compared, ${why}`;
}

function lessOrMore({ saved }: ComputeSavedInterval): string {
  return `${percent(Math.abs(saved))} ${saved < 0 ? "more" : "less"} compute`;
}

function efficiency({ flops }: ComputeSavedInterval): string {
  return `${(flops.other / flops.better).toFixed(2)} times as efficient`;
}

function missed({ reached, resamples }: ComputeSavedInterval): string {
  return `the loss was reached in ${reached} of ${resamples} resamples`;
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
