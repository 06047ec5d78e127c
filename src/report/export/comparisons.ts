import { AVERAGE, isShare, type TaskComparison } from "../../evaluate/task_comparison_record.ts";
import { LOSS_UNITS } from "../format.ts";
import { ACCURACY_TEST } from "./accuracy.ts";
import type { NumberFormat } from "./figures.ts";
import type { ExportedEvaluation, ExportSource } from "./load.ts";
import { provenanceSentence } from "./provenance.ts";
import type { Cell, Column, Row, Table } from "./table.ts";
import { limitedSentence, testWords } from "./tasks.ts";

const P: NumberFormat = { kind: "p" };
const LOSS: NumberFormat = { kind: "decimal", digits: 3, signed: true };
const POINTS: NumberFormat = { kind: "percent", digits: 1, signed: true };

const SIDES: Column[] = [
  { key: "student", title: "student" },
  { key: "against", title: "against" },
  { key: "on", title: "on" },
  { key: "unit", title: "unit" },
];
const GAIN: Column = { key: "gain", title: "gain", better: "higher", interval: "ends", format: LOSS };
const OVER: Column = { key: "over", title: "interval over" };
const SEEDS: Column = { key: "seeds", title: "pairs of seeds", format: { kind: "count" } };
const P_SEEDS: Column = { key: "p_seeds", title: "p, seeds", format: P };
const P_MCNEMAR: Column = { key: "p_mcnemar", title: "p, McNemar", format: P };
const P_HOLM: Column = { key: "p_holm", title: "p, Holm", format: P };

const GAINS = "Gain: positive where the student is better, with its 95 % interval";

const SAVED =
  "FLOPs saved: share of the other's training compute that the student did not need to reach the other's final loss (†: at least so much); none where it ends higher.";

/** Differences in held-out loss, and compute saved at equal loss where it is known. */
export function lossComparisonTable({ evaluation, provenance }: ExportSource): Table | undefined {
  if (evaluation === undefined || evaluation.seeded.length === 0) return undefined;
  const saved = evaluation.computeSaved.length > 0;
  const rows = evaluation.seeded.map((one): Row => {
    const { a, b, set, difference, interval, intervalOver, seeds, p, pHolm, unit } = one;
    const gain = { value: difference, interval };
    const cells = [a, b, set, LOSS_UNITS[unit ?? "nats_per_token"], gain, intervalOver, { value: seeds.length }];
    return {
      group: "comparison",
      cells: [...cells, figure(p), figure(pHolm), ...(saved ? [savedCell(one, evaluation)] : [])],
    };
  });
  return {
    kind: "comparisons",
    name: "loss-comparisons",
    title: "Students compared by held-out loss",
    caption: [`${GAINS}: the loss of the other less that of the student.`],
    notes: [
      `Intervals over seeds are t intervals over pairs of seeds, those over instances paired bootstraps.`,
      "p: paired t test over seeds, then adjusted by Holm over the students held against one baseline on one set.",
      ...(saved ? [SAVED] : []),
      provenanceSentence(provenance),
    ],
    provenance,
    columns: [
      ...SIDES,
      GAIN,
      OVER,
      SEEDS,
      P_SEEDS,
      P_HOLM,
      ...(saved ? [{ key: "flops_saved", title: "FLOPs saved", unit: "%", format: POINTS }] : []),
    ],
    rows,
  };
}

/** Differences on tasks and on their average. */
export function taskComparisonTable({ tasks: evaluation, provenance }: ExportSource): Table | undefined {
  if (evaluation === undefined || evaluation.comparisons.length === 0) return undefined;
  const first = evaluation.scores[0]?.student;
  return {
    kind: "comparisons",
    name: "task-comparisons",
    title: "Students compared on tasks",
    caption: [
      ...(evaluation.limited ? [limitedSentence(evaluation.scores.filter(({ student }) => student === first))] : []),
      `${GAINS}.`,
    ],
    notes: [
      `Intervals over seeds are t intervals over pairs of seeds, those over items paired bootstraps; the interval over items is given beside the former.`,
      `p: ${testWords(evaluation)}; McNemar's test takes the answers of all seeds together.`,
      provenanceSentence(provenance),
    ],
    provenance,
    columns: [
      ...SIDES,
      GAIN,
      OVER,
      { key: "item_gain", title: "over items", interval: "ends", format: LOSS },
      SEEDS,
      P_SEEDS,
      P_MCNEMAR,
      P_HOLM,
    ],
    rows: evaluation.comparisons.map(taskRow),
  };
}

/** Differences in accuracy between the students of a run of token rationales. */
export function accuracyComparisonTable({ accuracies: evaluation, provenance }: ExportSource): Table | undefined {
  if (evaluation === undefined || evaluation.comparisons.length === 0) return undefined;
  return {
    kind: "comparisons",
    name: "accuracy-comparisons",
    title: `Students compared on ${evaluation.task}`,
    caption: [`${GAINS}.`],
    notes: [
      `Intervals over seeds are t intervals over pairs of seeds, those over items paired bootstraps.`,
      `p: ${ACCURACY_TEST}.`,
      provenanceSentence(provenance),
    ],
    provenance,
    columns: [...SIDES, GAIN, OVER, SEEDS, P_SEEDS, P_MCNEMAR, P_HOLM],
    rows: evaluation.comparisons.map(({ a, b, difference, interval, intervalOver, pairs, pSeeds, mcnemar, pHolm }) => ({
      group: "comparison",
      cells: [
        ...[b, a, evaluation.task, "points"],
        { value: difference, interval, format: POINTS },
        intervalOver,
        { value: pairs },
        ...[pSeeds, mcnemar.p, pHolm].map(figure),
      ],
    })),
  };
}

function taskRow(comparison: TaskComparison): Row {
  const { a, b, task, metric, higherIsBetter, difference, intervalOver, seeds } = comparison;
  const share = isShare(metric) || metric === AVERAGE;
  const gain = (interval: readonly [number, number]): Cell => ({
    value: higherIsBetter ? difference : -difference,
    interval: higherIsBetter ? [interval[0], interval[1]] : [-interval[1], -interval[0]],
    format: share ? POINTS : LOSS,
  });
  const unit = share
    ? `${metric === AVERAGE ? "" : `${metric}, `}points`
    : metric === "log_likelihood"
      ? "nats per item"
      : metric;
  return {
    group: task === AVERAGE ? "average" : "task",
    cells: [
      ...[b, a, task, unit],
      gain(comparison.interval),
      intervalOver,
      intervalOver === "items" ? null : gain(comparison.itemInterval),
      { value: seeds.length },
      ...[comparison.pSeeds, comparison.pMcNemar, comparison.pHolm].map(figure),
    ],
  };
}

function savedCell({ a, b, set }: ExportedEvaluation["seeded"][number], { computeSaved }: ExportedEvaluation): Cell {
  const saved = computeSaved.find(
    (one) => one.set === set && [a, b].every((name) => [one.better, one.other].includes(name)),
  );
  return saved?.better === a ? { value: saved.savedFlops, ...(saved.bound && { mark: "†" as const }) } : null;
}

function figure(value: number | null | undefined): Cell {
  return value === undefined || value === null ? null : { value };
}
