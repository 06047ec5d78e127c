import type { SeededLoss } from "../../evaluate/record.ts";
import { count, LOSS_UNITS, listed } from "../format.ts";
import {
  baselinesOf,
  type Contrast,
  intervalSentence,
  markBest,
  marked,
  markSentences,
  seedError,
} from "./estimates.ts";
import type { ExportedEvaluation, ExportSource } from "./load.ts";
import { provenanceSentence } from "./provenance.ts";
import type { Cell, Column, Figure, Row, Table } from "./table.ts";

/** Decimals of a loss. */
const DIGITS = 3;

/** What the p of evaluation.json is of. */
const TEST = "paired t test over seeds, adjusted by Holm over the students held against one baseline";

type LossUnit = keyof typeof LOSS_UNITS;

/** Held-out losses: students by set, then the models beside them. */
export function lossTable({ evaluation, provenance }: ExportSource): Table | undefined {
  if (evaluation === undefined) return undefined;
  const sets = [...new Set(evaluation.losses.map(({ set }) => set))];
  const names = [...new Set(evaluation.students.map(({ name }) => name))];
  const others = otherModels(evaluation, names);
  const contrasts = lossContrasts(evaluation);
  const baselines = baselinesOf(contrasts);
  const bytes = evaluation.students.some(({ bitsPerByte }) => bitsPerByte !== undefined);
  const units: LossUnit[] = bytes ? ["nats_per_token", "bits_per_byte"] : ["nats_per_token"];
  const measured = sets.flatMap((set) => units.map((unit) => ({ set, unit })));
  const several = new Set(baselines?.values()).size > 1;
  const columns: Column[] = [
    { key: "student", title: "student" },
    ...(several ? [{ key: "baseline", title: "v." }] : []),
    { key: "seeds", title: "seeds", format: { kind: "count" } },
    ...measured.map(
      ({ set, unit }): Column => ({
        key: `${set}_${unit}`,
        title: set,
        unit: LOSS_UNITS[unit],
        better: "lower",
        interval: "half",
        format: { kind: "decimal", digits: DIGITS },
      }),
    ),
  ];
  const rows = names.map((name): Row => {
    const cells = measured.map(({ set, unit }) => {
      const summary = evaluation.students.find((one) => one.name === name && one.set === set);
      const loss = unit === "bits_per_byte" ? summary?.bitsPerByte : summary;
      const contrast = contrasts.find((one) => one.student === name && one.on === set && one.unit === unit);
      return loss === undefined ? null : { ...lossFigure(loss), ...(baselines && contrast && marked(contrast)) };
    });
    const seeds = Math.max(...evaluation.students.flatMap((one) => (one.name === name ? [one.seeds.length] : [])));
    return {
      group: "student",
      cells: [name, ...(several ? [baselines!.get(name) ?? null] : []), { value: seeds }, ...cells],
    };
  });
  // Students that count another number of tokens in one text have another tokenizer.
  const students = evaluation.losses.filter(({ model }) => !others.includes(model));
  const oneTokenizer = sets.every(
    (set) => new Set(students.filter((one) => one.set === set).map(({ tokens }) => tokens)).size === 1,
  );
  for (const [m, { unit }] of measured.entries())
    if (oneTokenizer || unit === "bits_per_byte")
      markBest(rows, "student", columns.length - measured.length + m, "lower");
  const beside = others.map((model): Row => {
    const cells = measured.map(({ set, unit }): Cell => {
      const loss = evaluation.losses.find((one) => one.model === model && one.set === set);
      const shown = unit === "bits_per_byte" ? loss?.bitsPerByte : loss;
      return shown === undefined ? null : { value: shown.loss, interval: shown.interval };
    });
    return { group: "beside", cells: [model, ...(several ? [null] : []), null, ...cells] };
  });
  return {
    kind: "losses",
    name: "losses",
    title: "Held-out loss",
    caption: [
      `Language-modelling loss on ${listed(sets.map((set) => `${set} (${count(instancesOf(evaluation, set))} instances)`))}.`,
    ],
    notes: [
      ...notesOf(evaluation, oneTokenizer),
      ...(baselines === undefined ? [] : markSentences(contrasts, baselines, TEST)),
      ...(others.length === 0 ? [] : [`${listed(others)}: for context, bootstrap over instances.`]),
      provenanceSentence(provenance),
    ],
    provenance,
    columns,
    rows: [...rows, ...beside],
  };
}

function notesOf(evaluation: ExportedEvaluation, oneTokenizer: boolean): string[] {
  const { students } = evaluation;
  const seeds = students.map((one) => one.seeds.length);
  const unit = oneTokenizer ? "" : ", in bits per byte only, for they read different tokens";
  const compared = new Set(lossContrasts(evaluation).map((one) => LOSS_UNITS[one.unit]));
  return [
    intervalSentence(seeds, "t interval over seeds", "bootstrap over instances"),
    ...(compared.size === 0
      ? []
      : [`Compared in ${listed([...compared])}${compared.size > 1 ? " (across tokenizers)" : ""}.`]),
    ...(new Set(students.map(({ name }) => name)).size > 1 ? [`Bold: lowest of the students${unit}.`] : []),
  ];
}

/** The comparisons of evaluation.json, which give the loss of b less that of a. */
export function lossContrasts({ seeded }: ExportedEvaluation): (Contrast & { unit: LossUnit })[] {
  return seeded.map(({ a, b, set, interval, pHolm, unit }) => ({
    student: a,
    against: b,
    on: set,
    interval,
    pHolm,
    unit: unit ?? "nats_per_token",
  }));
}

function lossFigure({ loss, interval, seeds }: SeededLoss): Figure {
  const stderr = seedError(seeds.map((one) => one.loss));
  return {
    value: loss,
    interval: interval ?? seeds[0]!.interval,
    over: interval === undefined ? "items" : "seeds",
    ...(stderr !== undefined && { stderr }),
    seeds: seeds.length,
  };
}

/** Models of the evaluation that are no seed of a student. */
function otherModels({ losses, students }: ExportedEvaluation, names: readonly string[]): string[] {
  const seeds = new Set(students.flatMap(({ name, seeds }) => seeds.map(({ seed }) => `${name}-seed${seed}`)));
  const models = [...new Set(losses.map(({ model }) => model))];
  return models.filter((model) => !seeds.has(model) && !names.includes(model));
}

function instancesOf({ losses }: ExportedEvaluation, set: string): number {
  return Math.max(...losses.flatMap((one) => (one.set === set ? [one.instances] : [])));
}
