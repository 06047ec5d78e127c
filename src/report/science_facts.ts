import type { ScalingEvaluation, StudentScaling } from "../evaluate/scaling/record.ts";
import { scalingInWords } from "./scaling_verdict.ts";
import type { AskedTask, GroupScore, TaskContrast, TaskFindings, TaskVerdict } from "./task_findings.ts";
import { taskVerdict } from "./task_verdict.ts";

interface ScoreFacts {
  student: string;
  task: string;
  mean: number;
  interval: readonly [number, number] | null;
  seeds: readonly { seed: number; value: number }[];
}

/** What report.json says of tasks. */
export interface TaskFacts {
  verdict: string;
  /** Whether some task was asked fewer questions than it has: then no figure here is a result of it. */
  limited: boolean;
  tasks: (Omit<AskedTask, "chance" | "share"> & { chance: number | null })[];
  scores: ScoreFacts[];
  averages: ScoreFacts[];
  comparisons: {
    task: string;
    treatment: string;
    baseline: string;
    /** Positive where the treatment is better. */
    gain: number;
    interval: readonly [number, number];
    intervalOver: "seeds" | "items";
    pSeeds: number | null;
    pMcNemar: number | null;
    pHolm: number | null;
    verdict: TaskVerdict;
  }[];
  others: { model: string; task: string; value: number }[];
}

/** What report.json says of scaling laws: the record without its points and bands. */
export interface ScalingFacts {
  verdict: string;
  fits: (Omit<StudentScaling, "fit" | "points"> & { fit: Omit<StudentScaling["fit"], "band"> })[];
  skipped: ScalingEvaluation["skipped"];
  computeSaved: ScalingEvaluation["computeSaved"];
}

/** The facts on tasks as plain data. Pure. */
export function taskFacts(findings: TaskFindings): TaskFacts {
  const { tasks, scores, averages, pairs, others, limited } = findings;
  return {
    verdict: taskVerdict(findings),
    limited,
    tasks: tasks.map(({ share: _, chance, ...task }) => ({ ...task, chance: chance ?? null })),
    scores: scores.map(scoreFacts),
    averages: averages.map(scoreFacts),
    comparisons: pairs.flatMap(({ contrasts, average }) =>
      [...contrasts, ...(average === undefined ? [] : [average])].map(contrastFacts),
    ),
    others: others.flatMap(({ model, values }) => [...values].map(([task, value]) => ({ model, task, value }))),
  };
}

/** The facts on scaling laws as plain data. Pure. */
export function scalingFacts(scaling: ScalingEvaluation): ScalingFacts {
  return {
    verdict: scalingInWords(scaling),
    fits: scaling.fits.map(({ fit: { band: _band, ...fit }, points: _points, ...one }) => ({ ...one, fit })),
    skipped: scaling.skipped,
    computeSaved: scaling.computeSaved,
  };
}

function scoreFacts({ group, task, mean, interval, seeds }: GroupScore): ScoreFacts {
  return {
    student: group.name,
    task,
    mean,
    interval: interval ?? null,
    seeds: seeds.map(({ seed, value }) => ({ seed, value })),
  };
}

function contrastFacts(one: TaskContrast): TaskFacts["comparisons"][number] {
  const { task, treatment, baseline, gain, interval, intervalOver, verdict } = one;
  return {
    task,
    treatment: treatment.name,
    baseline: baseline.name,
    gain,
    interval,
    intervalOver,
    pSeeds: one.pSeeds ?? null,
    pMcNemar: one.pMcNemar ?? null,
    pHolm: one.p ?? null,
    verdict,
  };
}
