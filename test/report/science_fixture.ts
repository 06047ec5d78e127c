import type { SelectionAnalysis } from "../../src/analyze/record.ts";
import type { ScalingEvaluation, ScalingFit } from "../../src/evaluate/scaling/record.ts";
import type { TaskEvaluation } from "../../src/evaluate/task_comparison_record.ts";
import { compareTasks } from "../../src/evaluate/task_comparisons.ts";
import type { ModelTasks } from "../../src/evaluate/tasks/record.ts";
import { Random } from "../../src/random.ts";
import type { ReportData, SelectionRecord } from "../../src/report/record.ts";
import type { MetricsLine } from "../../src/train/record.ts";

export interface ScienceOptions {
  /** Questions asked of each task, of 400. */
  items?: number;
  /** How much likelier the students of the first name answer rightly, by task. */
  gains?: Record<string, number>;
  /** Students above chance, in shares. */
  skill?: number;
}

/** Name, metric, chance. */
const TASKS: [string, string, number | null][] = [
  ["hellaswag", "acc_norm", 0.25],
  ["lambada_openai", "acc", null],
  ["piqa", "acc_norm", 0.5],
  ["arc_easy", "acc_norm", 0.25],
];
const QUESTIONS = 400;

/** The run with tasks, scaling laws, an analysis of each selection, and a few questions of each task during training. */
export function withScience(data: ReportData, options: ScienceOptions = {}): ReportData {
  const random = new Random(5, "report/science");
  const students = data.students.map((student) => ({
    ...student,
    metrics: [...student.metrics, ...taskLines(student.metrics, random)],
  }));
  return {
    ...data,
    students,
    selections: data.selections.map((one) => ({ ...one, analysis: analysisOf(one) })),
    tasks: tasksOf(data, options, random),
    scaling: scalingOf(data),
  };
}

function tasksOf(
  data: ReportData,
  { items = 200, gains = {}, skill = 0.1 }: ScienceOptions,
  random: Random,
): TaskEvaluation {
  const first = data.students[0]!.name;
  const hard = new Map(TASKS.map(([task]) => [task, Array.from({ length: items }, () => random.uniform())]));
  const asked = (model: string, gain: (task: string) => number): ModelTasks => ({
    model,
    tasks: TASKS.map(([task, metric, chance]) => {
      const likely = (chance ?? 0.05) + skill + gain(task);
      const perItem = hard.get(task)!.map((value) => Number(0.9 * value + 0.1 * random.uniform() < likely));
      const value = perItem.reduce((sum, one) => sum + one, 0) / items;
      const stderr = Math.sqrt((value * (1 - value)) / (items - 1));
      return {
        task,
        version: 1,
        fewshot: 0,
        items,
        of: QUESTIONS,
        cut: 0,
        metrics: [{ name: metric, value, stderr, higherIsBetter: true }],
        main: metric,
        chance,
        perItem,
        docIds: perItem.map((_, i) => i),
      };
    }),
  });
  const baselines = data.students.some(({ plan }) => plan?.baseline !== undefined);
  return compareTasks({
    students: data.students.map(({ name, seed, plan }) => ({
      name,
      seed,
      tasks: asked(`${name}-seed${seed}`, (task) => (name === first ? (gains[task] ?? 0) : 0)),
      ...(plan?.baseline === undefined ? {} : { baseline: plan.baseline }),
    })),
    others: ["teacher", "reference"].map((model) => ({ model, tasks: asked(model, () => 0.1) })),
    ...(baselines ? {} : { baseline: "random" }),
    seed: 1,
    resamples: 200,
  });
}

/** A few questions wherever the first held-out set was measured. */
function taskLines(metrics: readonly MetricsLine[], random: Random): MetricsLine[] {
  const points = metrics.flatMap((line) => (line.type === "eval" ? [line] : []));
  const own = points.filter(({ set }) => set === points[0]!.set);
  return TASKS.flatMap(([task, metric, chance]) =>
    own.map(({ step, tokens, flops }, i): MetricsLine => {
      const value = (chance ?? 0) + (0.1 * i) / own.length + 0.03 * random.normal();
      return {
        type: "task",
        step,
        tokens,
        flops,
        task,
        metric,
        value: Math.max(0, Math.round(value * 40) / 40),
        items: 40,
      };
    }),
  );
}

function scalingOf({ students, evaluation }: ReportData): ScalingEvaluation {
  const names = [...new Set(students.map(({ name }) => name))];
  const sets = [...new Set(evaluation!.losses.map(({ set }) => set))];
  const fits = sets.flatMap((set) =>
    names.flatMap((student) => {
      const points = students
        .filter(({ name }) => name === student)
        .flatMap(({ seed, metrics }) =>
          metrics.flatMap((line) =>
            line.type === "eval" && line.set === set && line.flops > 0
              ? [{ flops: line.flops, tokens: line.tokens, loss: line.loss, group: `seed ${seed}` }]
              : [],
          ),
        );
      return points.length === 0 ? [] : [{ student, set, ...lawOf(points) }];
    }),
  );
  const curves = evaluation!.computeSaved.map((one) => ({
    set: one.set,
    better: one.better,
    other: one.other,
    by: "curves" as const,
    targetLoss: one.targetLoss,
    flops: { better: one.spent.better.flops, other: one.spent.other.flops },
    saved: one.savedFlops,
    ...(one.bound && { bound: one.bound }),
    interval: [one.savedFlops - 0.11, one.savedFlops + 0.09] as [number, number],
    reached: 98,
    resamples: 100,
    resampled: "seeds" as const,
  }));
  const [first] = curves;
  return {
    fits,
    skipped: [{ student: names[0]!, set: "unmeasured", why: "fewer than 4 points of the curve are left" }],
    computeSaved: first === undefined ? [] : [...curves, { ...first, by: "fits", interval: null, resampled: null }],
  };
}

/** A law that goes roughly through the last point, with a band to ten times its compute. */
function lawOf(points: { flops: number; tokens: number; loss: number; group: string }[]) {
  const [low, high] = [Math.min(...points.map(({ flops }) => flops)), Math.max(...points.map(({ flops }) => flops))];
  const end = Math.min(...points.map(({ loss }) => loss));
  const floor = end - 0.4;
  const exponent = 0.31;
  const scale = 0.4 * high ** exponent;
  const at = (flops: number) => floor + scale / flops ** exponent;
  const band = Array.from({ length: 31 }, (_, i) => {
    const flops = low * ((10 * high) / low) ** (i / 30);
    const width = 0.01 + 0.05 * Math.max(0, Math.log10(flops / high));
    return { flops, loss: at(flops), low: at(flops) - width, high: at(flops) + width, measured: flops <= high };
  });
  const fit: ScalingFit = {
    law: "compute",
    constants: [
      { name: "E", value: floor, interval: [floor - 0.2, floor + 0.1] },
      { name: "A", value: scale, interval: [scale / 3, scale * 4] },
      { name: "a", value: exponent, interval: [0.24, 0.37] },
    ],
    points: points.length,
    curves: 3,
    leftOut: 6,
    from: 0.1,
    logRmse: 0.0123,
    huberDelta: 0.001,
    objective: 0.002,
    resamples: 200,
    resampled: "groups",
    band,
    warnings: ["the curves span less than a hundredfold of compute, so that E is guessed"],
  };
  const extrapolations = [
    {
      flops: 10 * high,
      loss: at(10 * high),
      interval: [at(10 * high) - 0.06, at(10 * high) + 0.06] as [number, number],
      beyond: 10,
    },
  ];
  return { fit, points, extrapolations };
}

function analysisOf({ name, summary }: SelectionRecord): SelectionAnalysis {
  const chosen = summary?.method === "difference";
  const measure = (
    name: string,
    unit: string,
    higherIsMoreDiverse: boolean,
    all: number,
    kept: number,
  ): SelectionAnalysis["diversity"][number] => ({
    measure: name,
    unit,
    higherIsMoreDiverse,
    all,
    kept: chosen ? kept : all * 1.001,
    random: [all * 0.99, all * 1.01],
    sample: { size: 500, of: "instances" },
  });
  const sources = summary?.bySource ?? [];
  const [kept, all] = [
    sources.reduce((sum, { keptTokens }) => sum + keptTokens, 0),
    sources.reduce((sum, { totalTokens }) => sum + totalTokens, 0),
  ];
  return {
    selection: name,
    instances: { all: summary?.instances.total ?? 0, kept: summary?.instances.kept ?? 0 },
    tokens: { all, kept },
    draws: 100,
    seed: 1,
    diversity: [
      measure("log-determinant distance", "nats", true, 32.25, 36.7),
      measure("distinct 2-grams", "share of the 2-grams", true, 0.412, 0.431),
      measure("compression ratio", "bytes over compressed bytes", false, 2.61, 2.72),
      measure("Vendi score", "effective instances", true, 81.2, 81.4),
    ],
    domains: {
      jensenShannonBits: chosen ? 0.0712 : 0.0004,
      totalVariation: chosen ? 0.231 : 0.011,
      random: { jensenShannonBits: [0.0002, 0.0009], totalVariation: [0.006, 0.016] },
      bySource: sources.map(({ source, keptTokens, totalTokens }) => ({
        source,
        shareAll: totalTokens / all,
        shareKept: keptTokens / kept,
      })),
    },
    lengths: {
      mean: { all: 251.2, kept: 254.3, dropped: 248.1 },
      median: { all: 256, kept: 256, dropped: 256 },
      ks: 0.081,
    },
    duplicates: {
      threshold: 0.8,
      shingle: 5,
      share: { all: 0.061, kept: chosen ? 0.021 : 0.043, dropped: 0.094 },
      random: [0.038, 0.047],
      keptWithDropped: 0.012,
      pairs: { keptKept: 61, droppedDropped: 402, mixed: 44 },
      pairsByChance: { keptKept: 126, droppedDropped: 127, mixed: 254 },
    },
  };
}
