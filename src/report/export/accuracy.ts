import type { RationaleEvaluation, StudentAccuracy } from "../../evaluate/rationale_record.ts";
import { withinShares } from "../../evaluate/task_comparison_record.ts";
import { count } from "../format.ts";
import {
  baselinesOf,
  type Contrast,
  intervalSentence,
  markBest,
  marked,
  markSentences,
  seedError,
} from "./estimates.ts";
import type { ExportSource } from "./load.ts";
import { provenanceSentence } from "./provenance.ts";
import type { Column, Figure, Row, Table } from "./table.ts";
import { PERCENT } from "./tasks.ts";

/** Test accuracy of the students of a run of token rationales, then their teacher's. */
export function accuracyTable({ accuracies: evaluation, provenance }: ExportSource): Table | undefined {
  if (evaluation === undefined) return undefined;
  const { students, teacher } = evaluation;
  const contrasts = accuracyContrasts(evaluation);
  const baselines = baselinesOf(contrasts);
  const columns: Column[] = [
    { key: "student", title: "student" },
    { key: "method", title: "trained by" },
    { key: "rationale", title: "rationales" },
    { key: "seeds", title: "seeds", format: { kind: "count" } },
    { key: "accuracy", title: "accuracy", unit: "%", better: "higher", interval: "half", format: PERCENT },
    { key: "valid", title: "valid answers", unit: "%", format: PERCENT },
  ];
  const rows = students.map((student): Row => {
    const { name, method, rationale, seeds } = student;
    const contrast = contrasts.find((one) => one.student === name);
    const valid = seeds.reduce((sum, one) => sum + one.valid, 0) / seeds.length;
    return {
      group: "student",
      cells: [
        name,
        method,
        rationale ?? null,
        { value: seeds.length },
        { ...accuracyFigure(student), ...(baselines && contrast && marked(contrast)) },
        { value: valid },
      ],
    };
  });
  markBest(rows, "student", 4, "higher");
  if (teacher !== undefined)
    rows.push({
      group: "beside",
      cells: ["teacher", null, null, null, { value: teacher.accuracy, interval: teacher.interval }, null],
    });
  return {
    kind: "tasks",
    name: "accuracy",
    title: `Accuracy on ${evaluation.task}`,
    caption: [
      `Share of right answers to the ${count(evaluation.testExamples)} examples of the test split (${evaluation.metric}).`,
    ],
    notes: [
      intervalSentence(
        students.map(({ seeds }) => seeds.length),
        "t interval over seeds",
        "Wilson interval over examples",
      ),
      ...(students.length > 1 ? ["Bold: best of the students."] : []),
      ...(baselines === undefined ? [] : markSentences(contrasts, baselines, ACCURACY_TEST)),
      ...(teacher === undefined ? [] : ["Teacher: for context, Wilson interval over examples."]),
      provenanceSentence(provenance),
    ],
    provenance,
    columns,
    rows,
  };
}

/** What the p of rationale_evaluation.json is of. */
export const ACCURACY_TEST =
  "paired t test over seeds, McNemar's exact test over examples where there is no spread over seeds, adjusted by Holm over all comparisons";

function accuracyContrasts({ comparisons, task }: RationaleEvaluation): Contrast[] {
  return comparisons.map(({ a, b, interval, pHolm }) => ({ student: b, against: a, on: task, interval, pHolm }));
}

function accuracyFigure({ mean, interval, seeds }: StudentAccuracy): Figure {
  const stderr = seedError(seeds.map(({ accuracy }) => accuracy));
  return {
    value: mean,
    interval: withinShares(interval ?? seeds[0]!.interval, 0),
    over: interval === null ? "items" : "seeds",
    ...(stderr !== undefined && { stderr }),
    seeds: seeds.length,
  };
}
