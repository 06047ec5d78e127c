/** One measured point: training compute in FLOPs (or parameters and tokens) and the loss there, nats per token. */
export interface ScalingPoint {
  flops?: number;
  /** All parameters, embedding tables included. */
  parameters?: number;
  /** Training tokens. */
  tokens?: number;
  loss: number;
  /** Curve the point comes from, e.g. a seed: what the bootstrap resamples by, where there are several. */
  group?: string;
}

/** A law that can be fitted. compute: L(C) = A / C^a + E. size_and_data: L(N,D) = A / N^a + B / D^b + E. */
export type ScalingLawName = "compute" | "size_and_data";

/** A constant with its 95 % bootstrap interval. */
export interface FittedConstant {
  name: string;
  value: number;
  interval: [number, number] | null;
}

/** A law fitted to points. */
export interface ScalingFit {
  law: ScalingLawName;
  /** E, A, a (and B, b). */
  constants: FittedConstant[];
  points: number;
  /** Curves the points come from; null where each point is a training of its own. */
  curves: number | null;
  /** Points left out before the fit (warm-up). */
  leftOut: number;
  /** Compute from which points were used: a share of each curve's last compute, or FLOPs where `from` is at least 1. */
  from: number;
  /** Root mean square of the residuals of log loss. */
  logRmse: number;
  huberDelta: number;
  /** Sum over points of the Huber losses of the log residuals, which is what was made small. */
  objective: number;
  /** Bootstrap resamples that could be fitted, and what was resampled. */
  resamples: number;
  resampled: "points" | "groups" | "residuals";
  /** The fitted curve over measured and extrapolated compute, with its 95 % band; empty for size_and_data. Without resamples the band has no width. */
  band: { flops: number; loss: number; low: number; high: number; measured: boolean }[];
  /** What makes the constants weak: few points, range of compute below tenfold, E at its bound …, in words. */
  warnings: string[];
}

/** Losses predicted by a fit. */
export interface Extrapolation {
  flops?: number;
  parameters?: number;
  tokens?: number;
  loss: number;
  interval: [number, number] | null;
  /** Compute there (6 N D where only size and data are given) over the largest that was fitted. */
  beyond: number;
}

/** Compute saved at equal loss with an interval over resamples. */
export interface ComputeSavedInterval {
  set: string;
  better: string;
  other: string;
  /** curves: where the measured curves reach the other's final loss. fits: where the fitted laws do, at a compute that may lie beyond all that was measured. */
  by: "curves" | "fits";
  targetLoss: number;
  /** Training compute at which each has the loss. */
  flops: { better: number; other: number };
  /** 1 - compute of the better one at the loss / compute of the other. */
  saved: number;
  /** Curves: the better one was there by its first measurement, so it saved at least this much. */
  bound?: true | undefined;
  /** 95 %; null without resamples, and where the better one does not reach the loss in more than 2.5 % of them. */
  interval: [number, number] | null;
  /** Resamples in which the better one reached the loss. */
  reached: number;
  resamples: number;
  /** seeds: pairs of curves were drawn with replacement. fits: resamples of the two fits were paired. null: one seed, or no resamples. */
  resampled: "seeds" | "fits" | null;
}

/** A comparison that is not told, and why. */
export interface NotCompared {
  set: string;
  first: string;
  second: string;
  by: "curves" | "fits";
  /** Fits: the compute at which they were to be compared. */
  flops?: number | undefined;
  why: string;
}

/** One student's law on one held-out set. */
export interface StudentScaling {
  student: string;
  set: string;
  fit: ScalingFit;
  /** The points that were fitted. */
  points: ScalingPoint[];
  extrapolations: Extrapolation[];
}

/** evaluate/scaling.json of a run. */
export interface ScalingEvaluation {
  fits: StudentScaling[];
  /** Students and sets that could not be fitted, and why. */
  skipped: { student: string; set: string; why: string }[];
  computeSaved: ComputeSavedInterval[];
  /** Comparisons that were asked for and are not told; absent in older runs. */
  notCompared?: NotCompared[] | undefined;
}
